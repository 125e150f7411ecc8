"""Scenes that a person has PlexSync ignore: they are left alone until they change, or somebody asks for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from stash.times import SAME_SECOND_S
from status.look import Asked
from status.needs_you import needs_you
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


def ask(world: PluginWorld, mode: str, **arguments: object) -> dict[str, Any]:
    output: dict[str, Any] = world.stash.operation(mode=mode, **arguments)
    return output


def groups(world: PluginWorld) -> dict[str, int]:
    """By group, the number of its scenes. Here and not in a process of its own, since tests ask again and again."""
    asked = Asked(
        directory=str(world.directory), script="", now=time.time(), scale=60, arguments={}, connection=None
    )  # fmt: skip
    return {each["group"]: each["count"] for each in needs_you(asked)["groups"]}


def wait_for_groups(world: PluginWorld, **expected: int) -> None:
    is_waiting = "waiting" in expected
    world.wait_until(lambda: groups(world) == expected and (is_waiting or world.is_idle()), f"{expected}")


def ignore(world: PluginWorld, **which: object) -> dict[str, Any]:
    """Not within the second of the last edit, as catch-up sees it: it looks again at what was judged then."""
    world.settle_later()
    time.sleep(SAME_SECOND_S)
    return ask(world, "ignore", **which)


def count_writes(world: PluginWorld, scene: int) -> int:
    return [each.method for each in world.plex_requests(scene)].count("PUT")


@pytest.fixture
def refused(world: PluginWorld) -> int:
    """A scene that Plex refuses, and that was given up."""
    scene = world.add_scene(tags=("one",))
    world.plex.fault(Fault.answer(400), method="PUT", rating_key=world.keys[scene])
    world.edit_at_once({scene: "refused"})
    wait_for_groups(world, dead=1)
    assert ignore(world, scene_ids=[scene]) == {"scene_ids": [scene]}
    assert groups(world) == {"ignored": 1}
    return scene


@pytest.fixture
def missing(world: PluginWorld) -> int:
    """A scene that Plex does not have, found so by a task, and ignored with its group."""
    world.configure(leave_when_idle=True, skip_missing=True)
    scene = world.stash.add_scene("/media/lost.mp4", 5, title="lost")
    run_task(world, "sync_all")
    wait_for_groups(world, missing=1)
    assert ask(world, "marks", scene_ids=[scene])["missing"] == [scene]
    assert ignore(world, group="missing", error_class="NotInPlex") == {"scene_ids": [scene]}
    return scene


def test_an_ignored_scene_counts_nowhere_and_tasks_leave_it_alone(world: PluginWorld, refused: int) -> None:
    sent = count_writes(world, refused)
    assert run_task(world, "sync_all").output["skipped"] == 1
    reconciled = run_task(world, "reconcile_all").output
    assert (reconciled["skipped"], sum(reconciled["gaps"].values())) == (1, 0)
    assert run_task(world, "clear_dlq").output["cleared"] == 0
    overview = ask(world, "overview")
    assert (overview["ignored"], overview["queue"]["dead_letters"], overview["queue"]["pending"]) == (1, 0, 0)
    assert ask(world, "scene_status", scene_id=refused)["verdict"] == "ignored"
    assert count_writes(world, refused) == sent


def test_a_changed_tag_does_not_end_the_ignoring_and_an_edit_does(world: PluginWorld, refused: int) -> None:
    sent = count_writes(world, refused)
    world.stash.update("tag", world.stash.add_entity("tag", "one"), name="another")
    world.wait_idle()
    world.wait_until_worker_left()
    assert count_writes(world, refused) == sent
    wait_for_groups(world, ignored=1)
    world.plex.heal()
    world.edit_at_once({refused: "edited"})
    world.wait_for_titles({refused: "edited"})
    wait_for_groups(world)


def test_no_longer_ignored_it_is_what_it_was(world: PluginWorld, refused: int) -> None:
    assert ask(world, "stop_ignoring", group="ignored") == {"scene_ids": [refused]}
    wait_for_groups(world, dead=1)
    assert ask(world, "marks", scene_ids=[refused, 99]) == {"dead": [refused], "missing": [], "problems": []}
    letter = ask(world, "scene_status", scene_id=refused)["dead_letter"]
    assert letter["error_class"] == "Rejected"
    ask(world, "ignore", scene_ids=[refused])
    world.plex.heal()
    assert ask(world, "sync_scene", scene_id=refused)["verdict"] == "pushed"
    wait_for_groups(world)


def test_the_file_of_an_ignored_scene_is_not_looked_for(world: PluginWorld, missing: int) -> None:
    wait_for_groups(world, ignored=1)
    run_task(world, "sync_all")
    run_task(world, "reconcile_all")
    wait_for_groups(world, ignored=1)
    world.keys[missing] = world.plex.add_item(world.section, files=[("/media/lost.mp4", 5)])
    other = world.add_scene()
    world.edit_at_once({other: "wakes the worker"})
    world.wait_for_titles({other: "wakes the worker"})
    world.wait_until_worker_left()
    assert groups(world) == {"ignored": 1}
    assert ask(world, "stop_ignoring", scene_ids=[missing]) == {"scene_ids": [missing]}
    world.wait_for_titles({missing: "lost"})
    wait_for_groups(world)


def test_scenes_that_wait_or_are_missing_are_pushed_again_or_ignored_together(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    world.configure(skip_missing=True)
    lost = world.stash.add_scene("/media/lost.mp4", 5, title="lost")
    world.stash.update_scene(lost, title="lost")
    wait_for_groups(world, missing=1)
    world.settle_later()
    world.configure()
    # Not before: catch-up finds the files that were added within a second of the first worker's start.
    waits = world.stash.add_scene("/media/lost waits.mp4", 5, title="waits")
    world.stash.update_scene(waits, title="waits")
    wait_for_groups(world, missing=1, waiting=1)
    before = len(world.plex.requests)
    assert ask(world, "push_again", group="missing") == {"queued": 1}
    assert ask(world, "push_again", group="waiting", error_class="NotInPlex") == {"queued": 1}
    world.wait_until(lambda: len(world.plex.requests) > before, "another look")
    wait_for_groups(world, missing=1, waiting=1)
    assert ask(world, "ignore", group="waiting", error_class="NotInPlex") == {"scene_ids": [waits]}
    assert groups(world) == {"missing": 1, "ignored": 1}
    (row,) = ask(world, "needs_you", group="ignored")["scenes"]
    assert "/media/lost waits.mp4" in row["error_text"]
    ask(world, "stop_ignoring", scene_ids=[waits])
    assert groups(world) == {"missing": 1, "dead": 1}


@pytest.mark.parametrize("is_ignored", [False, True])
def test_a_missing_scene_that_was_edited_waits_and_no_longer_counts_as_missing(
    make_world: MakeWorld, is_ignored: bool
) -> None:
    world = make_world(time_scale=1)
    world.configure(skip_missing=True)
    scene = world.stash.add_scene("/media/lost.mp4", 5, title="lost")
    run_task(world, "sync_all")
    wait_for_groups(world, missing=1)
    world.settle_later()
    if is_ignored:
        assert ignore(world, scene_ids=[scene]) == {"scene_ids": [scene]}
    world.configure()
    world.stash.update_scene(scene, title="edited")
    wait_for_groups(world, waiting=1)
    overview = ask(world, "overview")
    assert (overview["missing"], overview["ignored"], overview["queue"]["waiting"]) == (0, 0, 1)
    assert ask(world, "marks", scene_ids=[scene])["missing"] == []


@pytest.mark.parametrize("arguments", [{}, {"scene_ids": [1], "group": "dead"}, {"scene_ids": ["x"]}, {"group": "x"}])
def test_what_is_to_be_ignored_has_to_be_said(world: PluginWorld, arguments: dict[str, object]) -> None:
    assert run_task(world, "ignore", **arguments).error
