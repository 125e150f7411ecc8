"""Stash changes while PlexSync reads a long list of it page by page: nothing else on the list is skipped.

Draining is paused, so that the queue shows what was found. The tests of the real Stash page through its lists too.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from tasks.sync import PAGE
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.faults import Request
    from tests.support.plugin_world import PluginWorld

DAY_S = 86_400.0
SCENES = 1295
DELETED = 5
# In the query of catch-up; the one that asks what changed last has other columns.
LISTS_CHANGES = "created_at updated_at"


def add_changed_scenes(world: PluginWorld, count: int, *, every_s: float, **scene: Any) -> list[int]:
    """Add scenes that changed without an event, one every so often until now. Plex does not matter here."""
    now = time.time() - 1
    return [
        world.stash.add_scene(
            f"/media/changed {number:05d}.mp4",
            title=f"changed {number:05d}",
            updated_at=world.stash.library.text_of(now - number * every_s),
            **scene,
        )
        for number in range(count)
    ]


def install(world: PluginWorld) -> int:
    """Let a first worker run, ten days ago, then pause the drain; returns a scene whose edits are events."""
    first = world.add_scene()
    world.stash.update_scene(first, title="first")
    world.wait_for_titles({first: "first"})
    world.wait_until_worker_left()
    world.configure(paused=True)
    with closing(sqlite3.connect(world.directory / "sync_state.db")) as ledger, ledger:
        ledger.execute("UPDATE moment SET at = at - ?", (10 * DAY_S,))
    return first


def before_page(world: PluginWorld, page: int, mark: str, act: Callable[[], object]) -> list[str]:
    """Act before Stash answers this page (from 1) of the lists of scenes whose queries contain the mark.

    Returns these queries, as they come in.
    """
    seen: list[str] = []

    def note(request: Request) -> bool:
        query = request.first("query")
        if "findScenes" in query and mark in query:
            seen.append(query)
            if len(seen) == page:
                act()
        return False

    world.stash.fail(Fault.answer(500), when=note)
    return seen


def delete(world: PluginWorld, scene_ids: Iterable[int]) -> None:
    with world.stash.library.lock:
        for scene_id in scene_ids:
            del world.stash.library.scenes[scene_id]


def pending(world: PluginWorld) -> set[int]:
    return {int(job["scene_id"]) for job in world.jobs()}


def assert_all_pending(world: PluginWorld, scene_ids: set[int]) -> None:
    world.wait_until(lambda: pending(world) >= scene_ids, f"{len(scene_ids)} jobs")


def test_scenes_deleted_between_two_pages_of_catch_up_hide_no_others(world: PluginWorld) -> None:
    first = install(world)
    changed = add_changed_scenes(world, SCENES, every_s=600)  # the oldest nine days ago: the next pass lists few
    seen = before_page(world, 3, LISTS_CHANGES, lambda: delete(world, changed[:DELETED]))
    world.stash.update_scene(first, title="an event")
    world.wait_until(lambda: len(seen) > SCENES // 500, "the last page")
    assert_all_pending(world, set(changed[DELETED:]))


def test_scenes_edited_between_two_pages_of_catch_up_hide_no_others(world: PluginWorld) -> None:
    first = install(world)
    changed = add_changed_scenes(world, SCENES, every_s=600)

    def edit() -> None:
        with world.stash.library.lock:
            for scene_id in changed[600 : 600 + DELETED]:
                world.stash.library.scene(scene_id).updated_at = world.stash.library.text_of(time.time() + 1)

    seen = before_page(world, 2, LISTS_CHANGES, edit)
    world.stash.update_scene(first, title="an event")
    world.wait_until(lambda: len(seen) > SCENES // 500, "the last page")
    assert_all_pending(world, set(changed))


@pytest.mark.parametrize("lost", ["the scene", "the tag"])
def test_scenes_that_leave_a_renamed_tag_between_two_pages_hide_no_others(world: PluginWorld, lost: str) -> None:
    install(world)
    tagged = add_changed_scenes(world, SCENES, every_s=7 * DAY_S, tags=("tag",))  # most are too old for catch-up
    leaving, tag = tagged[:DELETED], world.stash.add_entity("tag", "tag")

    def leave() -> None:
        if lost == "the scene":
            delete(world, leaving)
            return
        with world.stash.library.lock:
            for scene_id in leaving:
                world.stash.library.scene(scene_id).tag_ids.remove(tag)

    seen = before_page(world, 2, "$filter: SceneFilterType!, $p", leave)
    world.stash.update("tag", tag, name="renamed")
    world.wait_until(lambda: len(seen) > SCENES // 500, "the last page")
    assert_all_pending(world, set(tagged[DELETED:]))


def test_scenes_deleted_between_two_pages_of_sync_recent_hide_no_others(world: PluginWorld) -> None:
    install(world)
    changed = add_changed_scenes(world, SCENES, every_s=1)
    mark = f"per_page: {PAGE}"  # not that of catch-up, which runs beside
    seen = before_page(world, 2, mark, lambda: delete(world, changed[:DELETED]))
    answer = run_task(world, "sync_recent").output
    assert answer["stopped_by"] == "paused"
    assert len(seen) > 1
    assert answer["checked"] == SCENES + 1  # the scene of the installation, too
