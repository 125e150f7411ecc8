"""When Plex is probed during an outage, and how fast jobs are sent afterwards. A kill changes neither."""

from __future__ import annotations

import time
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from local import inbox
from sim.faults import Fault
from tests.support.outage_world import OutageWorld, is_of_probe
from tests.support.plugin_world import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeWorld = Callable[[float], OutageWorld]

INTERVALS_S = (5.0, 10.0, 20.0, 40.0, 60.0)
# For two readings of the clock, and the time a probe takes from one process to the other.
EARLY_S = 0.02
# For a busy machine, or a worker that has to start first.
LATE_S = 15.0


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as worlds:
        yield lambda scale: worlds.enter_context(OutageWorld(tmp_path, time_scale=scale))


def queue_at_once(world: OutageWorld, count: int) -> dict[int, str]:
    """Add scenes and leave their entries in the inbox as hooks would, without starting hooks; titles by scene id."""
    titles = {world.add_scene(title=f"title {number}"): f"title {number}" for number in range(count)}
    for scene_id in titles:
        content = world.hook_input(scene_id).partition(b',"args":')[0] + b"}"
        inbox.publish(str(world.directory), f"scene-{scene_id}", content)
    return titles


def probe_times(world: OutageWorld) -> list[float]:
    return [each.at for each in world.plex.requests if each.path == "/identity"]


def failed_checks(world: OutageWorld) -> int:
    return int(world.state_file("recovery_state").get("consecutive_failures", 0))


def test_kills_and_edits_do_not_change_the_schedule_of_probes(make_world: MakeWorld) -> None:
    world = make_world(20.0)
    scenes = world.add_scenes(4)
    world.stash.update_scene(scenes[0], title="first")  # with it, the worker asks which server Plex is: not a probe
    world.wait_for_titles({scenes[0]: "first"})
    world.wait_idle()
    world.plex.clear_requests()
    world.plex.fault(Fault.starting(identity=False))
    world.stash.update_scene(scenes[0], title="edited")
    world.wait_circuit("open")
    opened_at = world.state_file("circuit_breaker")["opened_at"]
    for count in range(2, 5):
        world.wait_until(lambda count=count: failed_checks(world) >= count, "a probe's result")  # type: ignore[misc]
        world.new_worker()
        world.edit_at_once(dict.fromkeys(scenes, f"edit {count}"))
    world.wait_until(lambda: len(probe_times(world)) >= 6, "the sixth probe")
    for (before, after), interval_s in zip(pairwise(probe_times(world)), INTERVALS_S, strict=False):
        assert world.scaled(interval_s) - EARLY_S <= after - before <= world.scaled(interval_s) + LATE_S
    assert all(map(is_of_probe, world.requests_between(opened_at, time.time())))
    assert world.state_file("circuit_breaker")["opened_at"] == opened_at
    assert set(world.attempts().values()) == {0}
    assert world.log_text().count("an outage begins") == 1


def test_after_an_outage_the_rate_rises_in_steps(make_world: MakeWorld) -> None:
    world = make_world(15.0)
    world.configure(recovery_minutes=3, recovery_rate=2)
    rule = world.plex.fault(Fault.refused())
    world.add_scenes(1)
    titles = queue_at_once(world, 80)
    world.fire_hook(1)
    world.wait_circuit("open")
    world.plex.heal(rule)
    world.wait_circuit("closed")
    closed_at = world.outages()[0]["ended_at"]
    world.wait_until(lambda: len(world.puts()) >= 6, "the first jobs of the recovery")
    world.new_worker()
    world.wait_for_titles(titles)
    step_s = world.scaled(60)
    per_step = [
        sum(closed_at + step * step_s <= each.at < closed_at + (step + 1) * step_s for each in world.puts())
        for step in range(3)
    ]
    # The bucket holds one token, and a request may arrive shortly after its token was taken.
    most = [rate * step_s + 2 for rate in (2, 4, 8)]
    assert all(sent <= limit for sent, limit in zip(per_step, most, strict=True))
    assert per_step[2] > per_step[0]  # a busy machine may send less than it could
    assert world.state_file("recovery_state")["recovery_count"] == 1


def test_the_circuit_closes_although_the_worker_was_killed_during_the_trial(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene, other) = world.add_scenes(2)
    rule = world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.plex.fault(Fault.hang(), method="PUT", times=1)
    world.plex.heal(rule)
    assert world.plex.wait_for_requests(1, timeout_s=30, when=lambda request: request.method == "PUT")
    world.kill_worker()
    assert world.circuit() == "half_open"
    world.stash.update_scene(other, title="edited too")
    world.wait_for_titles({scene: "edited", other: "edited too"})
    world.wait_circuit("closed")
    assert [outage["id"] for outage in world.outages()] == [1]
    assert not world.dead_letters()


def test_a_second_probe_closes_the_circuit_while_pushing_is_paused(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.configure(paused=True)
    world.plex.heal(rule)
    world.wait_circuit("closed")
    assert not world.puts()
    assert len(world.jobs()) == 1
    world.configure(paused=False)
    world.wait_for_titles({scene: "edited"})


def test_a_second_probe_closes_the_circuit_when_no_job_is_left(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.stash.destroy_scene(scene)
    world.plex.heal(rule)
    world.wait_circuit("closed")
    world.wait_idle()


def test_a_circuit_that_another_process_closed_is_noticed_within_a_second(make_world: MakeWorld) -> None:
    """Health Check may close it. The next probe is far away."""
    world = make_world(1.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    state = world.state_file("recovery_state")
    world.plex.heal(rule)
    world.write_state_file("recovery_state", {**state, "next_check_at": time.time() + 2 * PATIENCE_S})
    breaker = world.state_file("circuit_breaker")
    closed = {"state": "closed", "outage": None, "opened_at": None, "transitions": breaker["transitions"] + 2}
    world.write_state_file("circuit_breaker", {**breaker, **closed})
    world.wait_for_titles({scene: "edited"})
