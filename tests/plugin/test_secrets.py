"""Plex token, API key and session cookie appear in no log, answer or process list. The only files with them are those
that hold the connection to Stash: the entries of the inbox, and the copy that is kept for the next worker.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from local.data_directory import STASH_CONNECTION
from sim.faults import Fault
from sim.stash.simulator import GraphQLRefusedError
from tests.support.plugin_world import all_pids, read_proc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.plugin_world import PluginWorld

# Holds characters that must be escaped in a URL, in JSON and in a shell.
TOKEN = "t0ken/with+odd=signs&\"quote'<3"
LOOKS = ("queue_status", "health_check")
TASKS = (*LOOKS, "process_queue", "outage_summary", "sync_recent", "reconcile_preview", "recover_outage_jobs")

FAULTS: tuple[tuple[str, Fault], ...] = (
    ("500", Fault.answer(500)),
    ("400 that echoes the address", Fault.answer(400, body=f"bad request: X-Plex-Token={TOKEN}".encode())),
    ("401", Fault.unauthorized()),
    ("403", Fault.forbidden()),
    ("404", Fault.answer(404)),
    ("429", Fault.busy("1")),
    ("redirect", Fault.redirect(f"http://127.0.0.1:9/?X-Plex-Token={quote(TOKEN)}")),
    ("dropped", Fault.dropped()),
    ("truncated", Fault.truncated()),
    ("html", Fault.html()),
    ("starting", Fault.starting()),
    ("refused", Fault.refused()),
)
BAD_URLS = (
    "http://127.0.0.1:9/?X-Plex-Token={quoted}",
    "http://user:{quoted}@127.0.0.1:9",
    "http://{quoted}/",
    "http://127.0.0.1:{quoted}",
    "ftp://127.0.0.1/{quoted}",
    "{plain}",
    "http://[{plain}",
)


@pytest.fixture
def secret(world: PluginWorld) -> Iterator[PluginWorld]:
    """A Stash with a password and a Plex with an odd token. After the test nothing may have leaked."""
    world.plex.token = TOKEN
    key = world.stash.protect("admin", "p4ssw0rd")
    world.configure(plex_token=TOKEN, debug_logging=True)
    yield world
    assert_no_leak(world, [TOKEN, key, *cookies(world)])


def cookies(world: PluginWorld) -> list[str]:
    inputs = [json.loads(each.stdin) for each in world.stash.invocations]
    return [given["server_connection"]["SessionCookie"]["Value"] for given in inputs]


def forms(text: str) -> set[bytes]:
    """All encodings in which a secret may appear."""
    texts = {text, quote(text), quote(text, safe=""), json.dumps(text)[1:-1], repr(text)[1:-1]}
    encoded = base64.b64encode(text.encode()).rstrip(b"=")
    return {each.encode() for each in texts} | {encoded}


def assert_no_leak(world: PluginWorld, secrets: list[str]) -> None:
    needles = {form for text in secrets for form in forms(text)}
    for where, content in everything(world):
        leaked = [needle for needle in needles if needle in content]
        assert not leaked, f"{leaked[0]!r} in {where}: …{context_of(content, leaked[0])!r}…"


def context_of(content: bytes, needle: bytes) -> bytes:
    at = content.index(needle)
    return content[max(0, at - 200) : at + 200]


def everything(world: PluginWorld) -> Iterator[tuple[str, bytes]]:
    """(source, content) of all that PlexSync wrote or shows, except the files that hold the connection.

    Also asserts that only the owner can read each file.
    """
    for path in files_below(world.directory):
        with suppress(FileNotFoundError):  # the worker is alive, and replaces files
            assert path.stat().st_mode & 0o777 == 0o600, path
            # A file that is about to replace the connection's has its name in it.
            if path.parent.name != "inbox" and STASH_CONNECTION not in path.name:
                yield str(path), path.read_bytes()
    for each in world.stash.invocations:
        yield f"stdout of {each.why}", each.stdout
    yield "Stash's log", "\n".join(line.text for line in world.stash.log).encode()
    for pid in all_pids():
        yield f"command line of {pid}", read_proc(pid, "cmdline")
    for pid in world.worker_pids():
        yield "the worker's environment", read_proc(pid, "environ")


def files_below(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            assert path.stat().st_mode & 0o777 == 0o700, path
        else:
            yield path


def ask(world: PluginWorld, *modes: str) -> None:
    """Run tasks; `everything` checks their answers, too."""
    for mode in modes:
        with suppress(GraphQLRefusedError):
            world.stash.operation(mode=mode)


def wait_for_an_attempt(world: PluginWorld) -> None:
    """Until the worker has pushed the edits or logged something."""
    world.wait_until(lambda: world.is_idle() or bool(world.log_text()), "an attempt")


def test_nothing_leaks_when_all_is_well(secret: PluginWorld) -> None:
    titles = {scene: f"title {scene}" for scene in secret.add_scenes(3, tags=("tag",))}
    secret.edit_at_once(titles)
    secret.wait_for_titles(titles)
    ask(secret, *TASKS)
    assert os.path.getsize(secret.directory / "plexsync.log") > 0


@pytest.mark.parametrize("fault", [pytest.param(fault, id=name) for name, fault in FAULTS])
def test_nothing_leaks_when_plex_fails(secret: PluginWorld, fault: Fault) -> None:
    secret.plex.fault(fault)
    secret.edit_at_once(dict.fromkeys(secret.add_scenes(2), "t"))
    wait_for_an_attempt(secret)
    ask(secret, *LOOKS)


@pytest.mark.parametrize("url", BAD_URLS)
def test_nothing_leaks_from_an_address_with_the_token_in_it(secret: PluginWorld, url: str) -> None:
    filled = url.format(plain=TOKEN, quoted=quote(TOKEN, safe=""))
    secret.configure(plex_url=filled, plex_token=TOKEN, debug_logging=True)
    secret.edit_at_once(dict.fromkeys(secret.add_scenes(2), "t"))
    wait_for_an_attempt(secret)
    ask(secret, "queue_status")


@pytest.mark.parametrize("setting", ["path_map", "tls", "read_timeout", "exclude_tags", "max_tags"])
def test_nothing_leaks_when_the_token_was_pasted_into_another_setting(secret: PluginWorld, setting: str) -> None:
    secret.configure(plex_token=TOKEN, **{setting: TOKEN})
    secret.edit_at_once(dict.fromkeys(secret.add_scenes(2), "t"))
    wait_for_an_attempt(secret)
    ask(secret, "queue_status")


def test_nothing_leaks_from_a_token_with_a_line_feed(secret: PluginWorld) -> None:
    """Headers must not contain a line feed, and the library's exception shows the whole value."""
    secret.configure(plex_token=f"{TOKEN}\nmore")
    secret.edit_at_once(dict.fromkeys(secret.add_scenes(2), "t"))
    wait_for_an_attempt(secret)
    ask(secret, "queue_status")


@pytest.mark.parametrize("fault", [Fault.answer(500), Fault.unauthorized(), Fault.html(), Fault.dropped()])
def test_nothing_leaks_when_stash_fails(secret: PluginWorld, fault: Fault) -> None:
    scenes = secret.add_scenes(2)
    secret.stash.fail(fault)
    secret.edit_at_once(dict.fromkeys(scenes, "t"))
    wait_for_an_attempt(secret)
    ask(secret, "queue_status")


def test_the_error_of_a_hook_shows_nothing_of_its_input(world: PluginWorld) -> None:
    given = world.hook_input(1, cookie_value="c00k1e-s3cr3t")
    for data in (given.partition(b'"type"')[0], given.replace(b'"id":1', b'"id":"x"')):
        answer = world.run_script(data)
        assert list(answer.json) == ["error"]
        assert b"c00k1e" not in answer.stdout + answer.stderr
