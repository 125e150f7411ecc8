"""Another process probes Plex, with or without a running worker: all agree on the state of the outage."""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from outages.resilience import Resilience
from outages.transitions import ProbeKind, ProbeResult
from sim.faults import Fault
from tests.support.outage_world import OutageWorld
from tests.support.plugin_world import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeWorld = Callable[[float], OutageWorld]

OK, DOWN = ProbeResult(kind=ProbeKind.OK), ProbeResult(kind=ProbeKind.DOWN, text="starting up")


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as worlds:
        yield lambda scale: worlds.enter_context(OutageWorld(tmp_path, time_scale=scale))


def tell(world: OutageWorld, result: ProbeResult) -> None:
    """Store the result of a probe as another process does."""
    resilience = Resilience(str(world.directory), clock=Clock(scale=world.scale), log=logging.getLogger("another"))
    resilience.refresh(time.time())
    resilience.record_probe(resilience.ticket(), result, time.time())


def test_a_failed_probe_by_another_process_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world(20.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    opened = world.state_file("circuit_breaker")
    for _ in range(3):
        tell(world, DOWN)
    now_open = world.state_file("circuit_breaker")
    assert (now_open["transitions"], now_open["opened_at"]) == (opened["transitions"], opened["opened_at"])
    world.plex.heal(rule)
    world.wait_for_titles({scene: "edited"})
    world.wait_circuit("closed")
    assert [outage["id"] for outage in world.outages()] == [1]


def test_a_passed_probe_by_another_process_lets_the_worker_drain_at_once(make_world: MakeWorld) -> None:
    world = make_world(1.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    far_away = time.time() + 2 * PATIENCE_S
    world.write_state_file(
        "recovery_state", {**world.state_file("recovery_state"), "next_check_at": far_away, "step": 5}
    )
    world.plex.heal(rule)
    tell(world, OK)
    world.wait_for_titles({scene: "edited"})
    world.wait_circuit("closed")
    assert [(outage["id"], outage["ended_at"] is None) for outage in world.outages()] == [(1, False)]


def test_two_passed_probes_without_a_worker_end_the_outage(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene, other) = world.add_scenes(2)
    world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.kill_worker()
    world.wait_until_worker_left()
    with world.no_worker():
        tell(world, OK)
        tell(world, OK)
        assert world.circuit() == "closed"
        assert world.outages()[0]["ended_at"] is not None
        world.plex.heal()
    world.stash.update_scene(other, title="edited too")
    world.wait_for_titles({scene: "edited", other: "edited too"})
    assert len(world.outages()) == 1
    assert world.circuit() == "closed"


def test_health_check_and_the_worker_agree_on_the_circuit(make_world: MakeWorld) -> None:
    world = make_world(20.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    opened_at = world.state_file("circuit_breaker")["opened_at"]
    during = world.stash.operation(mode="health_check")
    assert (during["healthy"], during["ready"], during["circuit"]) == (True, False, "open")
    assert world.state_file("circuit_breaker")["opened_at"] == opened_at
    world.plex.heal(rule)
    assert world.stash.operation(mode="health_check")["ready"]
    world.wait_for_titles({scene: "edited"})
    world.wait_circuit("closed")
    assert world.stash.operation(mode="health_check")["circuit"] == "closed"
    assert [outage["id"] for outage in world.outages()] == [1]
    assert not world.dead_letters()


def test_health_check_ends_an_outage_without_a_worker(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.wait_until(lambda: "an outage begins" in world.log_text(), "the worker to log it")
    world.kill_worker()
    world.wait_until_worker_left()
    world.plex.heal(rule)
    with world.no_worker():
        assert world.stash.operation(mode="health_check")["circuit"] == "closed"
    assert world.outages()[0]["ended_at"] is not None
    assert world.log_text().count("an outage begins") == 1


def test_health_check_starts_a_worker_for_pending_scenes(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    (scene,) = world.add_scenes(1)
    world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.kill_worker()
    world.plex.heal()
    assert world.stash.operation(mode="health_check")["circuit"] == "closed"
    world.wait_for_titles({scene: "edited"})
