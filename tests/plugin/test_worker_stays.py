"""The real worker stays when it is idle, costs next to nothing, and sees what changes without an event."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import open_files, read_proc

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

# A minute of the worker is a second here.
SCALE, MINUTE_S = 60.0, 1.0
# Stash's times are whole seconds; what changed in the second of the first worker may count as older.
ONE_SECOND_S = 1.1
MOST_KB = 50_000
# A change may be looked at once more after its second is over.
TWO_MINUTES_S = 2 * MINUTE_S + 2.0
PATIENCE_S = 20.0


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    """A worker that has pushed scene 1."""
    world = make_world(time_scale=SCALE)
    world.configure(leave_when_idle=False)
    scene = world.add_scene()
    world.stash.update_scene(scene, title="first")
    world.wait_for_titles({scene: "first"})
    world.wait_idle()
    time.sleep(ONE_SECOND_S)
    return world


def is_resting(world: PluginWorld, pid: int) -> bool:
    return world.is_idle() and not any(name.endswith((".db", "-wal")) for name in open_files(pid))


def counter(pid: int, file: str, name: str) -> int:
    """A number in a file of /proc."""
    lines = dict(line.split(":", 1) for line in read_proc(pid, file).decode().splitlines())
    return int(lines[name].split()[0])


def test_a_resting_worker_writes_nothing_and_holds_little_memory(world: PluginWorld) -> None:
    pid = world.wait_for_worker()
    world.wait_until(lambda: is_resting(world, pid), "the worker to rest")
    time.sleep(3 * MINUTE_S)  # what is so fresh that it is looked at again no longer is
    world.plex.clear_requests()
    written, asked = counter(pid, "io", "wchar"), len(world.stash.requests)
    time.sleep(3 * MINUTE_S)
    assert counter(pid, "io", "wchar") == written
    assert 1 <= len(world.stash.requests) - asked <= 4
    assert world.plex.requests == []
    assert counter(pid, "status", "VmRSS") < MOST_KB
    assert is_resting(world, pid)
    began = time.monotonic()
    world.stash.update_scene(1, title="after a rest")
    world.wait_for_titles({1: "after a rest"}, PATIENCE_S)
    assert time.monotonic() - began < PATIENCE_S / 2
    assert world.worker_pids() == [pid]


def test_what_changes_without_an_event_is_in_plex_within_two_minutes(world: PluginWorld) -> None:
    tagged, source, merged, moved, covered = world.add_scenes(5)
    titles = {each: f"title {each}" for each in (tagged, source, merged, moved, covered)}
    world.edit_at_once(titles)
    world.wait_for_titles(titles)
    pid = world.wait_for_worker()
    world.wait_until(lambda: is_resting(world, pid), "the worker to rest")

    def within_two_minutes(name: str) -> None:
        took_s[name] = time.monotonic() - began

    took_s: dict[str, float] = {}
    began = time.monotonic()
    world.stash.add_entity("tag", "scene")  # this word is in every file's name
    world.stash.auto_tag()
    world.wait_until(lambda: "scene" in world.item(tagged).genres, "the tag in Plex", PATIENCE_S)
    within_two_minutes("auto tag")
    began = time.monotonic()
    world.stash.merge_scenes([source], merged)
    world.wait_until(lambda: world.item(source).title == titles[merged], "the merged scene in Plex", PATIENCE_S)
    within_two_minutes("merge")
    began = time.monotonic()
    cover = b"\xff\xd8\xff generated later"
    scene = world.stash.library.scene(covered)
    scene.cover, scene.updated_at = cover, world.stash.library.now_text()
    key = f"upload://posters/{hashlib.sha1(cover, usedforsecurity=False).hexdigest()}"
    world.wait_until(lambda: world.item(covered).selected_poster == key, "the cover in Plex", PATIENCE_S)
    within_two_minutes("cover")
    assert world.worker_pids() == [pid]
    assert all(each < TWO_MINUTES_S + 5 for each in took_s.values()), took_s


def test_a_reconciliation_runs_when_its_time_has_come_with_nobody_at_the_keyboard(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1200)  # an hour is three seconds
    world.configure(leave_when_idle=False, reconcile_interval="hourly", reconcile_scope="all")
    scene = world.add_scene(title="wanted")
    world.stash.update_scene(scene, details="an event")
    world.wait_for_titles({scene: "wanted"})
    pid = world.wait_for_worker()
    for number in range(2):
        world.wait_idle()  # a job reads back what it has sent
        world.plex.edit_by_hand(world.keys[scene], title=f"another {number}")
        world.wait_for_titles({scene: "wanted"}, PATIENCE_S)
    assert world.worker_pids() == [pid]
