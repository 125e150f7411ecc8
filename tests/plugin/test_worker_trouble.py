"""Strange or damaged files in the data directory, and a full disk: one message, and all other work goes on."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from local import inbox
from sim.faults import Fault
from tests.support.damage import damage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

STRANGERS = (
    "nonsense", "scene-", "scene-x", "scene-1.bak", "scene--1", "scene-1 2", "scene-\u0661", "connections-1", "tag-",
    ".DS_Store", ".nfs0000000001", ".tmp-", ".tmp-x", ".claimed-x", "x" * 200, "line\nfeed", "\udcff\udcfe",
)  # fmt: skip


def put(world: PluginWorld, name: str, content: bytes = b"") -> str:
    """Write an old file into the inbox; its path."""
    inbox.prepare(str(world.directory))
    path = os.path.join(inbox.folder(str(world.directory)), name)
    with open(path, "wb") as file:
        file.write(content)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def test_strange_files_in_the_inbox_are_set_aside_and_named_in_the_log(world: PluginWorld) -> None:
    scene = world.add_scene()
    for name in STRANGERS:
        put(world, name)
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    world.wait_idle()
    assert len(os.listdir(world.directory / "queue" / "malformed")) == len(STRANGERS)
    assert "nonsense" in world.log_text()
    assert "ERROR" not in world.log_text()


def test_a_strange_folder_in_the_inbox_is_removed_each_time_it_comes_back(world: PluginWorld) -> None:
    """Synology's indexer creates @eaDir in every folder."""
    scene = world.add_scene()
    for count in range(3):
        folder = os.path.join(inbox.folder(str(world.directory)), "@eaDir")
        os.makedirs(os.path.join(folder, f"thumbnail {count}"))
        world.stash.update_scene(scene, title=f"t{count}")
        world.wait_for_titles({scene: f"t{count}"})
        world.wait_until(lambda folder=folder: not os.path.exists(folder), "the folder to go")  # type: ignore[misc]
    assert "ERROR" not in world.log_text()


def test_folders_named_like_entries_do_no_harm(world: PluginWorld) -> None:
    scene = world.add_scene()
    for name in ("scene-2", "tag-1", "batch-1", "connection", ".tmp-scene-2-1-1", ".claimed-tag-1"):
        folder = os.path.join(inbox.folder(str(world.directory)), name)
        os.makedirs(folder)
        os.utime(folder, (1_700_000_000, 1_700_000_000))
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    world.wait_idle()
    assert "ERROR" not in world.log_text()


BROKEN_CONNECTIONS = (
    b"", b"{", b"null", b"[]", b"\xff", b"5", b'{"server_connection":null}', b'{"server_connection":{"Port":"x"}}',
    b'{"server_connection":{"Scheme":"gopher","Host":"x","Port":1}}', b"[" * 100_000,
)  # fmt: skip


def test_entries_with_broken_content_still_queue_their_scenes(world: PluginWorld) -> None:
    other, *broken = world.add_scenes(1 + len(BROKEN_CONNECTIONS), title="t")
    with world.no_worker():
        world.fire_hook(other)
        for scene, content in zip(broken, BROKEN_CONNECTIONS, strict=True):
            soon = time.time() + 60  # the connection is taken from the newest entry first
            os.utime(put(world, f"scene-{scene}", content), (soon, soon))
    world.run_script(world.hook_input(other))
    world.wait_for_titles(dict.fromkeys([other, *broken], "t"))
    world.wait_idle()
    assert "ERROR" not in world.log_text()


BROKEN_BATCHES = (
    b"", b"{", b"[]", b"null", b'{"reason":"sync"}', b'{"reason":"x","scene_ids":[1]}',
    b'{"reason":"sync","scene_ids":["x"]}', b'{"reason":"sync","scene_ids":5}', b"[" * 100_000,
    b'{"reason":"sync","scene_ids":[1e400]}', b'{"reason":["sync"],"scene_ids":[1]}',
)  # fmt: skip


def test_broken_batches_are_set_aside(world: PluginWorld) -> None:
    scene = world.add_scene()
    names = {f"batch-{number}" for number in range(len(BROKEN_BATCHES))}
    for name, content in zip(sorted(names), BROKEN_BATCHES, strict=True):
        put(world, name, content)
    world.stash.update_scene(scene, title="t")
    world.wait_for_titles({scene: "t"})
    world.wait_idle()
    assert set(os.listdir(world.directory / "queue" / "malformed")) == names
    assert "ERROR" not in world.log_text()


def test_a_job_that_kills_the_worker_each_time_starves_no_other(world: PluginWorld) -> None:
    """The worker dies whenever it changes the poisoned scene's item; each worker also receives new events."""
    poisoned, *others = world.add_scenes(5)
    world.plex.fault(Fault.hang(), method="PUT", rating_key=world.keys[poisoned])
    world.stash.update_scene(poisoned, title="poison")
    deaths = []
    for count in range(3):
        titles = {scene: f"{scene} in round {count}" for scene in others}
        world.edit_at_once(titles)
        deaths.append(count_deaths_until(world, titles, poisoned))
    assert max(deaths) <= 2
    assert sum(deaths) > 0
    world.plex.heal()
    world.fire_hook(others[0])
    world.wait_for_titles({poisoned: "poison"})
    world.wait_idle()


def count_deaths_until(world: PluginWorld, titles: dict[int, str], poisoned: int) -> int:
    """How often the poisoned job killed the worker before Plex showed the titles; an event starts the next worker."""
    deaths = 0
    while True:
        world.wait_until(lambda: is_dying(world, poisoned) or world.has_titles(titles), "the edits or a death")
        if world.has_titles(titles):
            return deaths
        world.stop_workers()
        world.plex.clear_requests()
        deaths += 1
        world.fire_hook(next(iter(titles)))


def is_dying(world: PluginWorld, poisoned: int) -> bool:
    return any(each.method == "PUT" for each in world.plex_requests(poisoned))


def test_an_unreadable_row_of_the_queue_is_reported_and_skipped(world: PluginWorld) -> None:
    scene, other = world.add_scenes(2)
    world.configure(paused=True)
    world.stash.update_scene(scene, title="t")
    world.wait_until(lambda: len(world.jobs()) == 1, "the job")
    world.stop_workers()
    spoil_first_row(world.directory / "queue" / "data.db")
    world.configure()
    world.stash.update_scene(other, title="t")
    world.wait_for_titles({other: "t"})
    world.wait_idle()
    assert "could not be read" in world.log_text()


def spoil_first_row(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE ack_queue_default SET data = ?", (json.dumps({"scene_id": "x"}),))
    database.close()


@pytest.mark.parametrize("first_byte", [0, 4_096])
def test_jobs_pending_in_a_damaged_queue_reach_plex(world: PluginWorld, first_byte: int) -> None:
    scenes = world.add_scenes(3)
    performer = world.stash.add_entity("performer", "Before")
    renamed = world.add_scene(title="r", performers=("Before",))
    world.stash.update_scene(renamed, performer_ids=[str(performer)])
    world.wait_until(lambda: world.item(renamed).actors == ("Before",), "the performer")
    world.wait_idle()
    world.configure(paused=True)
    time.sleep(1)  # Stash's times are whole seconds, and catch-up leaves alone what is as old as the installation
    for scene in scenes:
        world.stash.update_scene(scene, title="t")
    world.stash.update("performer", performer, name="After")
    world.wait_until(lambda: len(world.jobs()) == 4 and not world.inbox_names(), "the jobs")
    world.stop_workers()
    damage(world.directory / "queue" / "data.db", first_byte=first_byte)
    world.configure(paused=False)
    world.stash.operation(mode="wake")
    world.wait_for_titles(dict.fromkeys(scenes, "t"))
    world.wait_until(lambda: world.item(renamed).actors == ("After",), "the new name")
    world.wait_idle()
    assert "queue/data.db" in world.log_text()
    assert len(list((world.directory / "queue").glob("data.db.corrupt-*[0-9]"))) == 1


@pytest.mark.parametrize("first_byte", [0, 8_192])
def test_edits_reach_plex_despite_a_damaged_ledger(world: PluginWorld, first_byte: int) -> None:
    first, second = world.add_scenes(2)
    world.stash.update_scene(first, title="before")
    world.wait_for_titles({first: "before"})
    world.wait_idle()
    world.stop_workers()
    damage(world.directory / "sync_state.db", first_byte=first_byte)
    world.stash.update_scene(first, title="after")
    world.stash.update_scene(second, title="other")
    world.wait_for_titles({first: "after", second: "other"})
    world.wait_idle()
    assert "Reconcile Library (All)" in world.log_text()


@pytest.mark.parametrize("status", [400, 404, 418])
def test_a_proxy_that_rejects_every_request_creates_no_dead_letters(world: PluginWorld, status: int) -> None:
    """A reverse proxy whose Plex is down, or another web server at the address."""
    titles = dict.fromkeys(world.add_scenes(3), "t")
    world.plex.fault(Fault.answer(status))
    world.edit_at_once(titles)
    world.wait_until(lambda: "an outage begins" in world.log_text(), "the circuit to open")
    assert [job["attempts"] for job in world.jobs()] == [0, 0, 0]
    world.plex.heal()
    world.wait_for_titles(titles)
    world.wait_idle()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A data directory on a file system of 1 MB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_that_fills_up_under_the_worker_loses_nothing(make_world: MakeWorld, small_disk: Path) -> None:
    world = make_world(directory=small_disk)
    titles = {scene: f"title {scene}" for scene in world.add_scenes(4)}
    with world.no_worker():
        for scene, title in titles.items():
            world.stash.update_scene(scene, title=title)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while small_disk_has_room(file):
            pass
    world.run_script(world.hook_input(1))
    world.wait_until(lambda: bool(world.log_text()) or not world.worker_pids(), "the worker to notice the full disk")
    filler.unlink()
    world.fire_hook(4)
    world.wait_for_titles(titles)
    world.wait_idle()


def small_disk_has_room(file: object) -> bool:
    try:
        return bool(file.write(b"x" * 4096))  # type: ignore[attr-defined]
    except OSError:
        return False


def test_a_package_that_cannot_be_loaded_is_named_in_a_note(tmp_path: Path, make_world: MakeWorld) -> None:
    broken = tmp_path / "broken" / "persistqueue"
    broken.mkdir(parents=True)
    (broken / "sqlackqueue.py").write_text("def update(): ...")
    (broken / "__init__.py").write_text("raise RuntimeError('it is broken')")
    world = make_world(env={"PYTHONPATH": str(broken.parent)})
    scene = world.add_scene()
    world.stash.update_scene(scene, title="t")
    note = world.directory / "packages-missing.txt"
    world.wait_until(note.exists, "the note about it")
    assert "RuntimeError: it is broken" in note.read_text()
    assert world.inbox_names()
    world.wait_until_worker_left()
    shutil.rmtree(broken)
    world.fire_hook(scene)
    world.wait_for_titles({scene: "t"})
    assert not note.exists()
