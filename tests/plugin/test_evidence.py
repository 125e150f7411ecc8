"""Trouble that every job would meet and no probe sees: no scene is blamed for it, whatever its shape.

One table: shapes of trouble (tests/support/shapes.py) against dead letters, attempts, outages on record, what the
status says, and the time until the first and the last edit arrive afterwards.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from local import inbox
from tests.support.outage_world import OutageWorld
from tests.support.shapes import Shape, shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES = 7
# Added to what the schedule allows, for a busy machine.
SLACK_S = 15.0
LONGEST_INTERVAL_S = 60.0
RATE_PER_S = 50
TIME_SCALE = 30.0  # an idle worker stays for the next shape
INTERRUPTIONS = ("killed", "started")
IS_LONG = os.environ.get("PLEXSYNC_TEST_LONG") == "1"
# What each shape is tried with in every run.
ALWAYS_INTERRUPTED = {("writes: 500", "killed"), ("shared user: 403", "started"), ("scenes: error", "killed")}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutageWorld]:
    """One world for all shapes: each begins with a worker that is idle and ends with one."""
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with OutageWorld(tmp_path_factory.mktemp("shapes"), time_scale=TIME_SCALE) as world:
        world.configure(recovery_rate=RATE_PER_S)
        yield world


@pytest.fixture
def world(shared: OutageWorld) -> Iterator[OutageWorld]:
    """The shared world, without what another test has left: an edit has arrived since."""
    yield shared
    shared.plex.heal()
    shared.stash.heal()
    shared.configure(recovery_rate=RATE_PER_S)
    scene_id = shared.add_scene()
    publish(shared, {scene_id: "well again"})
    shared.wait_for_titles({scene_id: "well again"})
    shared.wait_idle()


def publish(world: OutageWorld, titles: dict[int, str]) -> None:
    """Edit these scenes at the same instant, in one start of the script instead of one for each."""
    for scene_id, title in titles.items():
        world.stash.library.scene(scene_id).title = title
        content = world.hook_input(scene_id).partition(b',"args":')[0] + b"}"
        inbox.publish(str(world.directory), f"scene-{scene_id}", content)
    world.fire_hook(min(titles))


def all_outages(world: OutageWorld) -> int:
    is_open = world.circuit() != "closed"
    return len(world.outages()) + is_open


def interruptions(shape: Shape) -> list[str]:
    some = [each for each in INTERRUPTIONS if IS_LONG or (shape.name, each) in ALWAYS_INTERRUPTED]
    return ["", *some]


ROWS = [(shape, interruption) for shape in shapes() for interruption in interruptions(shape)]


@pytest.mark.parametrize(("shape", "interruption"), ROWS, ids=lambda each: getattr(each, "name", each))
def test_what_all_jobs_meet_is_charged_to_none(world: OutageWorld, shape: Shape, interruption: str) -> None:
    before = all_outages(world)
    titles = {scene_id: f"title {scene_id}" for scene_id in world.add_scenes(SCENES)}
    end = shape.begin(world)
    if interruption == "started":
        world.stop_workers()
    publish(world, titles)
    world.wait_stopped(shape.stops)
    if interruption == "killed":
        world.new_worker()
    assert_says_so(world, shape, titles)
    end()
    assert_all_arrive(world, titles, time.time())
    assert all_outages(world) == before + shape.outages


def assert_says_so(world: OutageWorld, shape: Shape, titles: dict[int, str]) -> None:
    """While it lasts: the status names it, no job is charged, none is given up."""
    world.wait_until(lambda: is_nobody_charged(world), "the attempts to be given back")
    status = world.stash.operation(mode="queue_status")
    assert shape.says in status["draining"]["message"]
    assert status["draining"]["stopped_by"] == shape.stops
    assert status["recovery"]["rate_per_s"] is None
    assert shape.takes_effect or set(titles) <= set(world.attempts())


def is_nobody_charged(world: OutageWorld) -> bool:
    return set(world.attempts().values()) <= {0} and not world.dead_letters()


def assert_all_arrive(world: OutageWorld, titles: dict[int, str], healed_at: float) -> None:
    """Once it is over: everything arrives by itself, soon, and nothing is left of it."""
    invocations = len(world.stash.invocations)
    world.wait_for_titles(titles)
    world.wait_idle()
    # Where only the answers were lost, nothing is left to send.
    arrived = [each.at for each in world.puts(since=healed_at) if each.status == 200] or [time.time()]
    assert arrived[0] - healed_at < world.scaled(LONGEST_INTERVAL_S) + SLACK_S
    assert arrived[-1] - arrived[0] < SCENES / RATE_PER_S + SLACK_S
    world.wait_until(lambda: not world.stopped_by(), "the drain to resume")
    world.wait_circuit("closed")
    assert not world.dead_letters()
    assert len(world.stash.invocations) == invocations
