"""The worker while somebody sets the system's clock: nothing waits longer for it, and nothing is asked more often."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from store.job import Reason
from tests.support.worker_here import WorkerHere, worker_here
from worker.missing import SOON_FOR_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR_S, YEAR_S = 3600.0, 365 * 86_400.0
JUMPS = pytest.mark.parametrize("jump_s", [-HOUR_S, -YEAR_S, -40.0, HOUR_S, YEAR_S, 0.0])


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkerHere]:
    with worker_here(tmp_path) as world:
        yield world


def requests_in(world: WorkerHere, seconds: float) -> int:
    world.plex.clear_requests()
    world.run(seconds)
    return len(world.plex.requests)


@JUMPS
@pytest.mark.parametrize("with_plex", [True, False])
def test_a_scene_that_waits_for_its_file_is_found_and_plex_asked_as_rarely_as_ever(
    world: WorkerHere, jump_s: float, *, with_plex: bool
) -> None:
    scene = world.add_scene(is_in_plex=False)
    world.edit(scene, "late")
    world.run(SOON_FOR_S + 100)
    world.jump(jump_s, with_plex=with_plex)
    assert requests_in(world, 300) <= 60
    world.add_item(scene)
    world.run_until(lambda: world.title(scene) == "late", within_s=35)


@JUMPS
def test_a_back_off_ends_when_it_would_have_ended(world: WorkerHere, jump_s: float) -> None:
    scene = world.add_scene()
    world.plex.fault(Fault.answer(500), method="PUT", times=2)
    world.edit(scene, "tried again")
    world.run(0.1)  # the two waits are of random length
    assert world.title(scene) != "tried again"
    world.jump(jump_s)
    world.run_until(lambda: world.title(scene) == "tried again", within_s=20)


@JUMPS
def test_stash_is_asked_again_soon_after_its_return(world: WorkerHere, jump_s: float) -> None:
    scene = world.add_scene()
    world.run(1)
    world.stash.is_away = True
    world.edit(scene, "back")
    world.run(10)
    world.jump(jump_s)
    world.run(10)
    world.stash.is_away = False
    world.run_until(lambda: world.title(scene) == "back", within_s=5)


@JUMPS
def test_an_outage_ends_as_soon_as_ever_and_probes_stay_rare(world: WorkerHere, jump_s: float) -> None:
    scenes = [world.add_scene() for _ in range(20)]
    world.run(1)
    rule = world.plex.fault(Fault.answer(500))
    for scene in scenes:
        world.edit(scene, "after the outage")
    world.run(100)
    world.jump(jump_s)
    assert requests_in(world, 180) <= 8
    world.plex.heal(rule)
    world.run_until(lambda: all(world.title(scene) == "after the outage" for scene in scenes), within_s=75)


@JUMPS
def test_a_drain_after_an_outage_goes_on(world: WorkerHere, jump_s: float) -> None:
    """5 jobs a second are 300 in a minute."""
    scenes = [world.add_scene() for _ in range(200)]
    world.run(1)
    rule = world.plex.fault(Fault.answer(500))
    for scene in scenes:
        world.edit(scene, "drained")
    world.run(10)
    world.plex.heal(rule)
    world.run_until(lambda: world.title(scenes[20]) == "drained", within_s=75)
    world.jump(jump_s)
    world.run_until(lambda: all(world.title(scene) == "drained" for scene in scenes), within_s=60)


@JUMPS
def test_a_busy_plex_is_left_alone_as_long_as_it_asked_at_most(world: WorkerHere, jump_s: float) -> None:
    scene = world.add_scene()
    world.run(1)
    rule = world.plex.fault(Fault.busy("100"))
    world.edit(scene, "less busy")
    world.run(30)
    world.jump(jump_s)
    assert requests_in(world, 30) <= 2
    world.plex.heal(rule)
    world.run_until(lambda: world.title(scene) == "less busy", within_s=110)


@JUMPS
def test_a_tag_whose_scenes_stash_failed_to_name_is_asked_for_again(world: WorkerHere, jump_s: float) -> None:
    """A wait of ten minutes, kept in memory."""
    scene = world.add_scene()
    world.run(1)
    world.stash.refusals = 1
    world.edit(scene, "tagged", by_tag=True)
    world.run(60)
    assert world.title(scene) != "tagged"
    world.jump(jump_s)
    world.run_until(lambda: world.title(scene) == "tagged", within_s=610)


@pytest.mark.parametrize("reason", [Reason.HOOK, Reason.SYNC])
@pytest.mark.parametrize("ahead_s", [-3 * HOUR_S, 3 * HOUR_S, -YEAR_S, YEAR_S, 0.0])
def test_a_missing_scene_is_found_whatever_plexs_clock_says(tmp_path: Path, ahead_s: float, reason: Reason) -> None:
    """A job of a sync is not retried: only what changed in Plex can bring the scene back."""
    with worker_here(tmp_path, plex_is_ahead_s=ahead_s) as world:
        for _ in range(3):
            world.edit(world.add_scene(), "there")
        scene = world.add_scene(is_in_plex=False)
        world.edit(scene, "late", reason)
        world.run(60)
        world.add_item(scene)
        world.run_until(lambda: world.title(scene) == "late", within_s=640)
