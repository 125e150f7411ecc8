"""The worker ends when the plugin is disabled in Stash: within 10 s while there is work, else within 70 s.

Whatever it waits for, and whatever fails meanwhile. From then on, Plex gets no request.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local import inbox
from outages.scheduler import PauseReason
from sim.faults import Fault
from store.job import Reason
from store.worker_file import read_worker_report
from tests.support.full_disk import full_disk
from tests.support.worker_here import WorkerHere, worker_here
from worker.parts import LeaveReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUND_S = 1.0  # a worker that waits looks around once a second


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WorkerHere]:
    with worker_here(tmp_path) as world:
        yield world


def wait_for_file(world: WorkerHere) -> None:
    world.edit(world.add_scene(is_in_plex=False), "late")


def wait_for_back_off(world: WorkerHere) -> None:
    world.stash.in_effect = replace(world.stash.in_effect, max_retries=100)
    world.plex.fault(Fault.answer(500), method="PUT")
    world.edit(world.add_scene(), "tried again")


def wait_for_plex(world: WorkerHere) -> None:
    world.plex.fault(Fault.answer(503))
    world.edit(world.add_scene(), "after the outage")


def wait_for_busy_plex(world: WorkerHere) -> None:
    world.plex.fault(Fault.busy("300"))
    world.edit(world.add_scene(), "later")


def wait_for_token(world: WorkerHere) -> None:
    world.plex.fault(Fault.answer(401))
    world.edit(world.add_scene(), "with the right token")


def wait_while_paused(world: WorkerHere) -> None:
    world.stash.in_effect = replace(world.stash.in_effect, paused=True)
    world.edit(world.add_scene(), "paused")


def wait_for_names_of_scenes(world: WorkerHere) -> None:
    world.stash.refusals = 1000
    world.edit(world.add_scene(), "by a tag", by_tag=True)


SITUATIONS = (
    wait_for_file, wait_for_back_off, wait_for_plex, wait_for_busy_plex, wait_for_token, wait_while_paused,
    wait_for_names_of_scenes,
)  # fmt: skip


@pytest.mark.parametrize("wait", SITUATIONS, ids=lambda situation: situation.__name__)
def test_a_worker_with_work_ends_within_ten_seconds(world: WorkerHere, wait: Callable[[WorkerHere], None]) -> None:
    world.run(1)
    wait(world)
    world.run(45)
    pending = len(world.parts.queue)
    assert pending == (wait is not wait_for_names_of_scenes)
    world.stash.is_enabled = False
    assert world.run_until_it_leaves(within_s=10 + ROUND_S) is LeaveReason.DISABLED
    assert len(world.parts.queue) == pending
    assert read_worker_report(world.directory).stopped_by == "disabled"


def test_an_idle_worker_ends_within_seventy_seconds(world: WorkerHere) -> None:
    scene = world.add_scene()
    world.edit(scene, "title")
    world.run_until(lambda: world.title(scene) == "title", within_s=1)
    world.run(300)
    world.stash.is_enabled = False
    world.plex.clear_requests()
    assert world.run_until_it_leaves(within_s=70) is LeaveReason.DISABLED


def test_a_full_disk_hides_nothing(world: WorkerHere) -> None:
    world.run(1)
    inbox.publish(world.directory, f"scene-{world.add_scene()}", b"{}")
    with full_disk():
        world.run(30)
        world.stash.is_enabled = False
        assert world.run_until_it_leaves(within_s=10 + ROUND_S) is LeaveReason.DISABLED
    assert PauseReason.STORAGE in {pause.reason for pause in world.parts.resilience.scheduler.pauses}


def test_a_stash_that_was_away_and_comes_back_without_the_plugin_ends_the_worker(world: WorkerHere) -> None:
    world.run(1)
    world.stash.is_away = True
    world.edit(world.add_scene(), "title")
    world.run(30)
    world.stash.is_away, world.stash.is_enabled = False, False
    assert world.run_until_it_leaves(within_s=5) is LeaveReason.DISABLED


def test_an_idle_worker_whose_stash_was_away_for_a_while_stays(world: WorkerHere) -> None:
    world.run(1)
    world.stash.is_away = True
    world.run(120)
    world.stash.is_away = False
    world.run(900)
    assert read_worker_report(world.directory).stopped_by is None
    world.stash.is_enabled = False
    assert world.run_until_it_leaves(within_s=70) is LeaveReason.DISABLED


@pytest.mark.parametrize("reason", [Reason.HOOK, Reason.SYNC])
@pytest.mark.parametrize("has_outage", [False, True])
def test_a_worker_that_starts_while_disabled_sends_plex_nothing(
    tmp_path: Path, reason: Reason, *, has_outage: bool
) -> None:
    with worker_here(tmp_path) as before:
        scene = before.add_scene()
        before.edit(scene, "title", reason)
        if has_outage:
            before.plex.fault(Fault.answer(503))
            before.run(20)
    with worker_here(tmp_path) as world:
        world.clock.set(before.clock.now() + 600)  # the next probe is due
        world.stash.scenes = before.stash.scenes
        world.stash.is_enabled = False
        assert world.run_until_it_leaves(within_s=2) is LeaveReason.DISABLED
        assert world.plex.requests == []
        assert len(world.parts.queue) == 1
