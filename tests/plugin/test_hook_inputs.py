"""Each event in Stash makes one entry for its scene or entity, whatever the shape of its input."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from local import inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.plugin_world import PluginWorld

COVER_5_MB = "data:image/jpeg;base64," + base64.b64encode(os.urandom(5 * 1024 * 1024 * 3 // 4)).decode()


def change_file(world: PluginWorld) -> None:
    world.stash.change_file("/media/scene 1.mp4", 5555)
    world.stash.scan()


def clean(world: PluginWorld) -> None:
    world.stash.remove_file("/media/scene 2.mp4")
    world.stash.clean()


SCENE_EVENTS: tuple[tuple[str, Callable[[PluginWorld], object], list[str]], ...] = (
    ("form", lambda w: w.stash.update_scene(1, title="t"), ["scene-1"]),
    ("form with a cover", lambda w: w.stash.update_scene(1, cover_image=COVER_5_MB), ["scene-1"]),
    ("array", lambda w: w.stash.update_scenes([{"id": "1", "title": "a"}, {"id": "2"}]), ["scene-1", "scene-2"]),
    ("bulk", lambda w: w.stash.bulk_update([1, 2, 3], rating100=60), ["scene-1", "scene-2", "scene-3"]),
    ("identify", lambda w: w.stash.identify(2, title="found"), ["scene-2"]),
    ("scan of a new file", lambda w: w.stash.scan_new("/media/new.mp4"), ["scene-4"]),
    ("scan of a changed file", change_file, ["scene-1"]),
    ("scan of a renamed file", lambda w: w.stash.rename_file(1, "/media/renamed.mp4"), ["scene-1"]),
    ("create", lambda w: w.stash.create_scene(title="no file"), ["scene-4"]),
    ("destroy", lambda w: w.stash.destroy_scene(3), ["scene-3"]),
    ("destroy of several", lambda w: w.stash.destroy_scenes([1, 3]), ["scene-1", "scene-3"]),
    ("clean", clean, ["scene-2"]),
)
ENTITY_EVENTS: tuple[tuple[str, Callable[[PluginWorld], object], list[str]], ...] = (
    *(
        (f"{kind} update", lambda w, kind=kind: w.stash.update(kind, 1, name="New"), [f"{kind}-1"])
        for kind in inbox.ENTITIES
    ),
    *((f"{kind} destroy", lambda w, kind=kind: w.stash.destroy(kind, 1), [f"{kind}-1"]) for kind in inbox.ENTITIES),
    ("merge of tags", lambda w: w.stash.merge_tags([1], w.stash.add_entity("tag", "into")), ["tag-2"]),
)


@pytest.fixture
def quiet(world: PluginWorld) -> Iterator[PluginWorld]:
    """Three scenes and one entity of each kind, without a worker that would empty the inbox."""
    world.add_scenes(3)
    for kind in inbox.ENTITIES:
        world.stash.add_entity(kind, "Old")
    with world.no_worker():
        yield world


@pytest.mark.parametrize(
    ("event", "names"),
    [pytest.param(event, names, id=what) for what, event, names in (*SCENE_EVENTS, *ENTITY_EVENTS)],
)
def test_event_makes_one_entry_per_scene_or_entity(
    quiet: PluginWorld, event: Callable[[PluginWorld], object], names: list[str]
) -> None:
    event(quiet)
    assert quiet.inbox_names() == names
    assert [(each.stdout, each.exit_code) for each in quiet.stash.invocations] == [
        (b'{"output": "queued"}', 0) for _ in names
    ]
    assert quiet.problems() == []


def test_entry_contains_only_the_connection_and_is_private(quiet: PluginWorld) -> None:
    quiet.stash.update_scene(1, title="a title", cover_image=COVER_5_MB)
    path = os.path.join(inbox.folder(str(quiet.directory)), "scene-1")
    with open(path, "rb") as file:
        content = json.loads(file.read())
    given = json.loads(quiet.stash.invocations[0].stdin)
    assert content == {"server_connection": given["server_connection"]}
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


def test_later_event_replaces_an_earlier_one(quiet: PluginWorld) -> None:
    for title in "abc":
        quiet.stash.update_scene(1, title=title)
    assert quiet.inbox_names() == ["scene-1"]


def test_bulk_edit_and_merge_of_tags_arrive_in_plex(world: PluginWorld) -> None:
    first, second = world.add_scenes(2, tags=("old",))
    into = world.stash.add_entity("tag", "new")
    world.stash.bulk_update([first, second], title="both")
    world.wait_for_titles({first: "both", second: "both"})
    world.stash.merge_tags([world.stash.add_entity("tag", "old")], into)
    world.wait_until(lambda: world.item(first).genres == world.item(second).genres == ("new",), "the merged tag")


def unusual(world: PluginWorld) -> dict[str, bytes]:
    """The same event in forms that Stash does not use."""
    given = json.loads(world.hook_input(2))
    context = given["args"]["hookContext"]
    reordered = {"args": {"hookContext": dict(reversed(list(context.items())))}, **given}
    text_id = {**given, "args": {"hookContext": {**context, "id": "2"}}}
    more = {"new": 1, **given, "args": {"mode": None, "hookContext": {"new": [1], **context}}}
    return {
        "spaces": json.dumps(given).encode(),
        "lines": json.dumps(given, indent=2).encode() + b"\n",
        "other order": json.dumps(reordered, separators=(",", ":")).encode(),
        "id as text": json.dumps(text_id, separators=(",", ":")).encode(),
        "unknown keys": json.dumps(more, separators=(",", ":")).encode(),
        "escapes": json.dumps(given, separators=(",", ":")).replace("Scene.Update", "\\u0053cene.Update").encode(),
        "without input": json.dumps({**given, "args": {"hookContext": {"id": 2, "type": context["type"]}}}).encode(),
    }


def test_input_in_another_form_is_accepted(quiet: PluginWorld) -> None:
    for what, data in unusual(quiet).items():
        answer = quiet.run_script(data)
        assert (answer.json, answer.exit_code) == ({"output": "queued"}, 0), what
        assert quiet.inbox_names() == ["scene-2"], what
        path = os.path.join(inbox.folder(str(quiet.directory)), "scene-2")
        with open(path, "rb") as file:
            assert "SessionCookie" in json.loads(file.read())["server_connection"], what
        os.unlink(path)


@pytest.mark.parametrize("hook_type", ["SceneMarker.Update.Post", "Image.Update.Post", "Gallery.Create.Post"])
def test_event_that_cannot_affect_plex_is_ignored(quiet: PluginWorld, hook_type: str) -> None:
    answer = quiet.fire_hook(1, hook_type)
    assert (answer.json, answer.exit_code) == ({"output": "ignored"}, 0)
    assert quiet.inbox_names() == []


def loaded_modules(answer_stderr: bytes) -> set[str]:
    lines = answer_stderr.decode().splitlines()
    return {line.rsplit("|", 1)[1].strip() for line in lines if line.startswith("import time:")}


@pytest.mark.parametrize("size_bytes", [0, 60_000, 5_000_000])
def test_fast_path_loads_neither_json_nor_site_nor_installed_packages(world: PluginWorld, size_bytes: int) -> None:
    """Even when it starts the worker, as the first of these does."""
    data = world.hook_input(1).replace(b'"input":null', b'"input":{"cover_image":"%s"}' % (b"A" * size_bytes))
    answer = world.run_script(data, python=("-S", "-X", "importtime"))
    assert answer.json == {"output": "queued"}
    # What every start of Python loads, plus these.
    bare = loaded_modules(stderr_of_python("-S", "-X", "importtime", "-c", "pass"))
    allowed = {"hooks", "hooks.receive", "local", "local.files", "local.inbox", "local.lock", "local.start"}
    system = {"os", "stat", "_stat", "posixpath", "genericpath", "_collections_abc", "abc", "_abc", "os.path", "fcntl"}
    assert loaded_modules(answer.stderr) - bare <= allowed | system


def stderr_of_python(*arguments: str) -> bytes:
    return subprocess.run([sys.executable, *arguments], capture_output=True, check=True).stderr


def test_hook_sends_no_request_to_stash_or_plex(quiet: PluginWorld) -> None:
    quiet.plex.clear_requests()
    before: list[Any] = list(quiet.stash.requests)
    quiet.stash.update_scene(1, title="x")
    assert quiet.plex.requests == []
    assert quiet.stash.requests == before
