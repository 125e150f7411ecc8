"""What a worker's loop says in Stash's log, and what it remembers of that after a restart."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sim.plex.simulator import Fault
from tests.support.full_disk import full_disk
from tests.support.worker_here import LOG, WorkerHere, worker_here

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkerHere]:
    with worker_here(tmp_path) as world:
        yield world


def texts(world: WorkerHere) -> list[str]:
    return [notice.text for notice in world.stash.said]


def has_said(world: WorkerHere, words: str) -> bool:
    return any(words in text for text in texts(world))


def let_pass(world: WorkerHere, seconds: float) -> None:
    """Let time pass in one step, then let the worker run for a while."""
    world.clock.set(world.clock.now() + seconds)
    world.run(10)


def pushed(world: WorkerHere, count: int = 1) -> list[int]:
    """So many scenes that are in Plex, after which the log is empty."""
    scenes = [world.add_scene() for _ in range(count)]
    for scene in scenes:
        world.edit(scene, "known")
    world.run_until(lambda: all(world.title(scene) == "known" for scene in scenes), within_s=60)
    world.run(5)
    world.stash.said.clear()
    return scenes


def test_the_first_success_is_said(world: WorkerHere) -> None:
    world.edit(world.add_scene(), "first")
    world.run(5)
    assert texts(world) == ['PlexSync works: "first" (scene 1) is in Plex, the first scene since the installation.']


def test_an_outage_is_said_when_it_is_noticed_and_when_it_ends(world: WorkerHere) -> None:
    scenes = pushed(world, 3)
    world.plex.fault(Fault.refused())
    for scene in scenes:
        world.edit(scene, "waiting")
    world.run_until(lambda: has_said(world, "Outage of Plex"), within_s=2)
    world.run(300)
    assert len(texts(world)) == 1
    world.plex.heal()
    world.run_until(lambda: has_said(world, "Plex is back"), within_s=65)
    world.run(120)
    begin, end = texts(world)
    assert "connection refused" in begin
    assert end.startswith("Plex is back after an outage of ")
    assert end.endswith("Since then 3 scenes were pushed.")


def test_the_count_of_a_long_drain_follows(world: WorkerHere) -> None:
    scenes = pushed(world, 60)
    world.plex.fault(Fault.refused())
    for scene in scenes:
        world.edit(scene, "waiting")
    world.run(30)
    world.plex.heal()
    world.run_until(lambda: has_said(world, "After Plex came back, 60 scenes were pushed."), within_s=120)
    assert [text.split()[0] for text in texts(world)] == ["Outage", "Plex", "After"]


def test_a_restart_repeats_nothing_and_says_the_end(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.plex.fault(Fault.refused())
    world.edit(scene, "waiting")
    world.run(30)
    assert len(texts(world)) == 1
    world.forget()
    world.run(30)
    assert len(texts(world)) == 1
    world.plex.heal()
    world.run_until(lambda: has_said(world, "Plex is back after an outage of"), within_s=65)
    world.forget()
    world.run(60)
    assert len(texts(world)) == 2


def test_what_a_killed_worker_left_unsaid_is_said_by_the_next(world: WorkerHere) -> None:
    first, second = pushed(world, 2)
    world.stash.refuses_to_say = True
    rule = world.plex.fault(Fault.answer(400), when=lambda request: request.method == "PUT")
    world.edit(first, "refused")
    world.run(10)
    world.plex.heal(rule)
    world.edit(world.add_scene(is_in_plex=False), "new")
    world.run(10)
    world.stash.refuses_to_say = False
    world.forget()
    world.edit(second, "one more")
    world.run(10)
    dead, waiting = texts(world)
    assert "was given up" in dead
    assert waiting.startswith("scene 3 waits: Plex has no item with the file /media/3.mp4")


def test_wrong_token_and_its_cure_are_said(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    rule = world.plex.fault(Fault.answer(401))
    world.edit(scene, "waiting")
    world.run(20)
    [error] = world.stash.said
    assert error.level == logging.ERROR
    assert "Plex rejected the token" in error.text
    world.plex.heal(rule)
    world.run(120)
    assert texts(world)[1:] == ["PlexSync pushes again: Plex accepts the token."]


def test_a_scene_that_plex_lacks_is_named_with_the_path_and_its_arrival_ends_it(world: WorkerHere) -> None:
    pushed(world)
    scene = world.add_scene(is_in_plex=False)
    world.edit(scene, "new")
    world.run_until(lambda: has_said(world, "waits: Plex has no item with the file /media/2.mp4"), within_s=5)
    assert texts(world)[0].startswith('"new" (scene 2) waits')
    world.run(600)
    assert len(texts(world)) == 1
    world.add_item(scene)
    world.run_until(lambda: has_said(world, "No scene waits"), within_s=40)


def test_scenes_that_begin_to_wait_together_are_one_message(world: WorkerHere) -> None:
    pushed(world)
    for number in range(5):
        world.edit(world.add_scene(is_in_plex=False), f"new {number}")
    world.run(60)
    [text] = texts(world)
    assert text.startswith('5 scenes wait until Plex has their files. The first is "new 0" (scene 2): Plex has no item')


def test_a_dead_letter_is_said_with_its_reason(world: WorkerHere) -> None:
    first, second = pushed(world, 2)
    rule = world.plex.fault(Fault.answer(400), when=lambda request: request.method == "PUT")
    world.edit(first, "refused")
    world.edit(second, "refused too")
    world.run(10)
    world.plex.heal(rule)
    [error] = world.stash.said
    assert error.level == logging.ERROR
    assert error.text.startswith("2 scenes were given up (2 Rejected).")
    let_pass(world, 7200)
    assert len(world.stash.said) == 1


def test_warnings_and_news_are_said_but_not_what_is_tried_again(
    world: WorkerHere, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "plexsync")
    pushed(world)
    handler = world.warnings
    logger = logging.getLogger("plexsync")
    logger.addHandler(handler)
    try:
        logger.warning("the disk is %s", "odd")
        logger.warning("tried again", extra={"is_said_otherwise": True})
        logger.info("of no interest")
        logger.info("all is given back", extra={"is_news": True})
        LOG.warning("of a library")
        world.run(1)
    finally:
        logger.removeHandler(handler)
    assert texts(world) == ["the disk is odd.", "all is given back."]


def test_a_stash_that_answers_but_not_as_needed_is_said(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.stash.lacks = 'Cannot query field "files" on type "Scene".'
    world.edit(scene, "waiting")
    world.run(60)
    [error] = world.stash.said
    assert error.level == logging.ERROR
    assert "PlexSync needs Stash 0.26 or newer" in error.text
    world.stash.lacks = ""
    world.run(10)
    assert texts(world)[1:] == ["PlexSync pushes again: Stash answers about scenes."]


@pytest.mark.parametrize("name", ["is_away", "lacks"])
def test_a_short_trouble_of_stash_is_not_worth_a_message(world: WorkerHere, name: str) -> None:
    (scene,) = pushed(world)
    setattr(world.stash, name, "database is locked")
    world.edit(scene, "waiting")
    world.run(5)
    setattr(world.stash, name, "")
    world.run(60)
    assert (texts(world), world.title(scene)) == ([], "waiting")


def test_a_stash_in_which_the_plugin_is_disabled_is_asked_for_nothing(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.stash.refuses_to_say = True
    world.plex.fault(Fault.refused())
    world.edit(scene, "waiting")
    world.run(5)
    calls = world.stash.said_calls
    world.stash.is_enabled = False
    world.run_until_it_leaves(within_s=70)
    world.stash.settings = world.stash.settings_problems = None
    world.forget()
    world.run_until_it_leaves(within_s=70)
    assert (world.stash.said_calls, calls > 0) == (calls, True)


def test_a_stash_that_refuses_costs_one_request_an_hour(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.stash.refuses_to_say = True
    world.plex.fault(Fault.refused())
    world.edit(scene, "waiting")
    world.stash.said_calls = 0
    world.run(60)
    let_pass(world, 3000)
    assert world.stash.said_calls == 1
    world.stash.refuses_to_say = False
    let_pass(world, 600)
    assert has_said(world, "Outage of Plex")


def test_while_stash_is_away_nothing_is_sent_and_nothing_lost(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.plex.fault(Fault.refused())
    world.edit(scene, "waiting")
    world.stash.is_away = True
    world.run(60)
    world.stash.is_away = False
    world.run_until(lambda: has_said(world, "Outage of Plex"), within_s=60)


def test_what_happened_before_the_first_worker_that_speaks_is_not_said(world: WorkerHere) -> None:
    """After an update from a version that did not speak."""
    first, second = pushed(world, 2)
    world.stash.refuses_to_say = True
    rule = world.plex.fault(Fault.answer(400), when=lambda request: request.method == "PUT")
    world.edit(first, "refused")
    world.run(10)
    world.plex.heal(rule)
    (Path(world.directory) / "said.json").unlink()
    world.stash.refuses_to_say = False
    world.forget()
    world.edit(second, "one more")
    world.run(10)
    assert texts(world) == []


def test_a_damaged_memory_is_begun_anew(world: WorkerHere) -> None:
    pushed(world)
    (Path(world.directory) / "said.json").write_bytes(b"{ not what it was")
    world.forget()
    world.edit(world.add_scene(), "one more")
    world.run(5)
    assert texts(world) == []


def test_a_disk_that_takes_nothing_does_not_make_it_say_things_twice(world: WorkerHere) -> None:
    (scene,) = pushed(world)
    world.plex.fault(Fault.refused())
    world.edit(scene, "waiting")
    with full_disk():
        world.run(20)
        said = len(texts(world))
    assert said == len(set(texts(world)))
    world.run(20)
    assert len(texts(world)) == len(set(texts(world)))
    assert has_said(world, "Outage of Plex")


def test_an_idle_worker_writes_nothing(world: WorkerHere) -> None:
    pushed(world)
    path = Path(world.directory) / "said.json"
    before = path.stat().st_mtime_ns
    world.run(120)
    let_pass(world, 3600)
    assert path.stat().st_mtime_ns == before
    assert json.loads(path.read_bytes())["has_succeeded"] is True
