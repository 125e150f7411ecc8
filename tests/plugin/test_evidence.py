"""Trouble that every job would meet and no probe sees: no scene is blamed for it, whatever its shape.

One table: shapes of trouble (tests/support/shapes.py) against dead letters, attempts, outages on record, what the
status says, and the time until the first and the last edit arrive afterwards.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pytest

from local import inbox
from sim.faults import Fault
from tests.support.outage_world import OutageWorld
from tests.support.shapes import Shape, shapes
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SCENES = 7
SCENES_OF_A_DRAIN = 70  # more than are read at once
# Added to what the schedule allows, for a busy machine.
SLACK_S = 15.0
LONGEST_INTERVAL_S = 60.0
RATE_PER_S = 50
TIME_SCALE = 30.0  # an idle worker stays for the next shape
INTERRUPTIONS = ("killed", "started")
IS_LONG = os.environ.get("PLEXSYNC_TEST_LONG") == "1"
# What each shape is tried with in every run.
ALWAYS_INTERRUPTED = {("writes: 500", "killed"), ("shared user: 403", "started"), ("scenes: error", "killed")}

REPORTED = ("writes: 500", "shared user: 403", "items: 500", "scenes: error")


def scope_of_world(fixture_name: str, config: pytest.Config) -> Literal["function", "module"]:  # noqa: ARG001 - pytest's
    """After hundreds of tests, a world would hold thousands of scenes, which the simulated Stash lists slowly."""
    return "function" if IS_LONG else "module"


@pytest.fixture(scope=scope_of_world)
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutageWorld]:
    """One world for all shapes: each begins with a worker that is idle and ends with one."""
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with OutageWorld(tmp_path_factory.mktemp("shapes"), time_scale=TIME_SCALE) as world:
        world.configure(recovery_rate=RATE_PER_S)
        make_well(world)
        yield world


def make_well(world: OutageWorld) -> None:
    """Have an edit arrive, and nothing else to do."""
    scene_id = world.add_scene()
    publish(world, {scene_id: "well again"})
    world.wait_for_titles({scene_id: "well again"})
    if world.jobs():
        world.stash.operation(mode="clear_queue")
    world.wait_idle()


@pytest.fixture
def world(shared: OutageWorld) -> Iterator[OutageWorld]:
    """The shared world, without what another test has left: an edit has arrived since."""
    yield shared
    shared.plex.heal()
    shared.stash.heal()
    shared.configure(recovery_rate=RATE_PER_S)
    make_well(shared)


def publish(world: OutageWorld, titles: dict[int, str]) -> None:
    """Edit these scenes at the same instant, in one start of the script instead of one for each."""
    for scene_id, title in titles.items():
        world.stash.library.scene(scene_id).title = title
        content = world.hook_input(scene_id).partition(b',"args":')[0] + b"}"
        inbox.publish(str(world.directory), f"scene-{scene_id}", content)
    world.fire_hook(min(titles))


def all_outages(world: OutageWorld) -> int:
    """How many there have been; the history holds the last 30."""
    return int(world.state_file("circuit_breaker").get("last_outage_id", 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A shape, when it begins, and what happens to the worker meanwhile."""

    shape: Shape
    moment: str = "start"
    interruption: str = ""

    def __str__(self) -> str:
        """The name of the test."""
        return ", ".join(filter(None, (self.shape.name, self.moment, self.interruption)))

    @property
    def is_common(self) -> bool:
        """Whether it is tried in every run of the tests."""
        if not self.interruption:
            return self.shape.is_common and (self.moment == "start" or self.shape.name == "writes: 500")
        return (self.shape.name, self.interruption) in ALWAYS_INTERRUPTED and self.moment == "start"


ROWS = [
    row
    for shape in shapes()
    for moment in ("start", *(["mid-drain"] if shape.can_begin_later else []))
    for interruption in ("", *INTERRUPTIONS)
    if (row := Row(shape=shape, moment=moment, interruption=interruption)).is_common or IS_LONG
]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_what_all_jobs_meet_is_charged_to_none(
    world: OutageWorld, row: Row, record_property: Callable[[str, object], None]
) -> None:
    before, shape = all_outages(world), row.shape
    is_mid_drain = row.moment == "mid-drain"
    # Where writes take effect, each trial finds the scenes before it done; with none left, the outage would be over.
    at_start = 2 * SCENES if shape.takes_effect else SCENES
    scenes = world.add_scenes(SCENES_OF_A_DRAIN if is_mid_drain else at_start)
    titles = {scene_id: f"title {scene_id}" for scene_id in scenes}
    if is_mid_drain:
        end = begin_in_mid_drain(world, shape, titles)
    else:
        end = shape.begin(world, None)
        if row.interruption == "started":
            world.stop_workers()
        publish(world, titles)
    world.wait_stopped(shape.stops)
    world.plex.latency_s = 0.0
    if row.interruption == "killed" or (is_mid_drain and row.interruption):
        world.new_worker()
    assert_says_so(world, shape, titles, may_have_arrived=is_mid_drain)
    if IS_LONG or (shape.name in REPORTED and not row.interruption):
        assert_all_reports_agree(world, shape)
    end()
    first_s, last_s = assert_all_arrive(world, titles, time.time())
    record_property("first_s", first_s)
    record_property("last_s", last_s)
    assert all_outages(world) == before + shape.outages


def begin_in_mid_drain(world: OutageWorld, shape: Shape, titles: dict[int, str]) -> Callable[[], None]:
    """Edit these scenes, and let the trouble begin when some have arrived; more than one batch is left."""
    world.plex.latency_s = 0.01
    arrived = len(world.puts())
    publish(world, titles)
    world.wait_until(lambda: len(world.puts()) > arrived + 2, "some edits in Plex")
    return shape.begin(world, None)


def status_outside_a_trial(world: OutageWorld) -> dict[str, Any]:
    """While one job may try, nothing stops the drain."""
    seen: list[dict[str, Any]] = []

    def is_stopped() -> bool:
        seen.append(world.stash.operation(mode="queue_status"))
        return seen[-1]["draining"]["stopped_by"] is not None

    world.wait_until(is_stopped, "the status to say what stops the drain")
    return seen[-1]


def assert_says_so(
    world: OutageWorld, shape: Shape, titles: dict[int, str], *, may_have_arrived: bool = False
) -> None:
    """While it lasts: the status names it, no job is charged, none is given up."""
    world.wait_until(lambda: is_nobody_charged(world), "the attempts to be given back")
    status = status_outside_a_trial(world)
    assert shape.says in status["draining"]["message"]
    assert shape.says in world.log_text()
    assert status["draining"]["stopped_by"] == shape.stops
    assert status["recovery"]["rate_per_s"] is None
    if not may_have_arrived and not shape.takes_effect:
        world.wait_until(lambda: set(titles) <= set(world.attempts()), "a look at each job")


def assert_all_reports_agree(world: OutageWorld, shape: Shape) -> None:
    """In the log of Stash and in the answer of the Health Check, too, nothing else is said."""
    said = run_task(world, "queue_status").said
    assert shape.says in said
    assert "not stopped" not in said
    assert "recovering" not in said
    message = run_task(world, "health_check").output["message"]
    assert shape.says in message
    assert "is well" not in message
    assert world.circuit() != "closed" or shape.stops in world.stopped_by()


def is_nobody_charged(world: OutageWorld) -> bool:
    return set(world.attempts().values()) <= {0} and not world.dead_letters()


def assert_all_arrive(world: OutageWorld, titles: dict[int, str], healed_at: float) -> tuple[float, float]:
    """Once it is over: everything arrives by itself, soon, and nothing is left of it.

    Returns when the first and the last edit arrived, in PlexSync's seconds since then.
    """
    started = len(world.started())
    world.wait_for_titles(titles)
    world.wait_idle()
    # Where only the answers were lost, nothing is left to send.
    arrived = [each.at for each in world.puts(since=healed_at) if each.status == 200] or [time.time()]
    assert arrived[0] - healed_at < world.scaled(LONGEST_INTERVAL_S) + SLACK_S
    assert arrived[-1] - arrived[0] < len(titles) / RATE_PER_S + SLACK_S
    world.wait_until(lambda: not world.stopped_by(), "the drain to resume")
    world.wait_circuit("closed")
    assert not world.dead_letters()
    assert len(world.started()) == started
    return (arrived[0] - healed_at) * world.scale, (arrived[-1] - healed_at) * world.scale


def begin(world: OutageWorld, shape: Shape, count: int = SCENES) -> tuple[dict[int, str], Callable[[], None]]:
    """Edit so many scenes while the trouble lasts, and wait until it stops the drain."""
    titles = {scene_id: f"title {scene_id}" for scene_id in world.add_scenes(count)}
    end = shape.begin(world, None)
    publish(world, titles)
    world.wait_stopped(shape.stops)
    world.wait_until(lambda: is_nobody_charged(world), "the attempts to be given back")
    return titles, end


def no_writes() -> Shape:
    return next(shape for shape in shapes() if shape.name == "writes: 500")


def empty_the_queue(world: OutageWorld, titles: dict[int, str]) -> None:
    for scene_id in titles:
        world.stash.library.scenes.pop(scene_id)


def leave_only_misses(world: OutageWorld, titles: dict[int, str]) -> None:
    missing = world.stash.add_scene("/media/not in Plex.mp4", 7, title="missing")
    empty_the_queue(world, titles)
    content = world.hook_input(missing).partition(b',"args":')[0] + b"}"
    inbox.publish(str(world.directory), f"scene-{missing}", content)


def pause(world: OutageWorld, _titles: dict[int, str]) -> None:
    world.configure(recovery_rate=RATE_PER_S, paused=True)


ALWAYS_LEFT = {
    ("writes: 500", empty_the_queue),
    ("writes: 500", leave_only_misses),
    ("writes: 500", pause),
    ("writes: 403", empty_the_queue),
    ("items: 500", pause),
    ("scenes: error", pause),
}


def leaves_nothing(shape: Shape, leave: Callable[..., None]) -> bool:
    """Whether no job is left that could show that the trouble lasts.

    A Stash that describes no scene does not tell that one is gone, and a file is missing only in a library that is
    listed.
    """
    if leave is pause:
        return True
    return shape.stops != "stash" and (leave is empty_the_queue or not shape.name.startswith("lists"))


LEFT = [
    (shape, leave_nothing)
    for shape in shapes()
    for leave_nothing in (empty_the_queue, leave_only_misses, pause)
    if IS_LONG or (shape.name, leave_nothing) in ALWAYS_LEFT
    if leaves_nothing(shape, leave_nothing) and "shared user" not in shape.name
]


def name_of(each: Shape | Callable[..., object]) -> str:
    return each.name if isinstance(each, Shape) else str(getattr(each, "__name__", ""))


@pytest.mark.parametrize(("shape", "leave_nothing"), LEFT, ids=name_of)
def test_where_nothing_is_left_to_try_it_ends_unconfirmed_and_goes_on_with_the_next_failure(
    world: OutageWorld, shape: Shape, leave_nothing: Callable[[OutageWorld, dict[int, str]], None]
) -> None:
    before, said = all_outages(world), world.log_text().count("Plex is back")
    titles, end = begin(world, shape)
    leave_nothing(world, titles)
    world.wait_until(lambda: not world.stopped_by() and world.circuit() == "closed", "the drain to resume")
    assert world.log_text().count("Plex is back") == said
    world.configure(recovery_rate=RATE_PER_S)
    scene_id = world.add_scene()
    publish(world, {scene_id: "one more"})
    world.wait_stopped(shape.stops)
    world.wait_until(lambda: is_nobody_charged(world), "the attempt to be given back")
    end()
    world.wait_for_titles({scene_id: "one more"})
    world.wait_until(lambda: not world.stopped_by() and world.circuit() == "closed", "the end of it")
    assert all_outages(world) == before + shape.outages


def test_a_token_that_may_not_edit_is_not_taken_for_well_without_a_job_either(world: OutageWorld) -> None:
    shape = next(shape for shape in shapes() if shape.name == "shared user: 403")
    titles, end = begin(world, shape)
    empty_the_queue(world, titles)
    world.wait_until_worker_left()
    assert world.stopped_by() == {"auth"}
    end()


OF_ONE_SCENE = [shape for shape in shapes() if shape.can_hit_one and (IS_LONG or shape.name == "writes: 500")]


@pytest.mark.parametrize("shape", OF_ONE_SCENE, ids=name_of)
def test_what_one_scene_alone_meets_stops_nothing(world: OutageWorld, shape: Shape) -> None:
    before, (poisoned, *others) = all_outages(world), world.add_scenes(6)
    shape.begin(world, poisoned)
    publish(world, {poisoned: "poisoned"} | dict.fromkeys(others, "nice"))
    world.wait_for_titles(dict.fromkeys(others, "nice"))
    world.wait_idle()
    assert shape.takes_effect or [scene_id for scene_id, _, _ in world.dead_letters()] == [poisoned]
    assert not world.stopped_by()
    assert all_outages(world) == before
    bury_for_good(world)


@pytest.mark.parametrize("status", [403, 400])
def test_one_title_that_a_proxy_dislikes_is_rejected(world: OutageWorld, status: int) -> None:
    disliked, *others = world.add_scenes(4)
    world.plex.fault(Fault.answer(status), when=lambda request: request.first("title.value") == "rude")
    publish(world, {disliked: "rude"} | dict.fromkeys(others, "nice"))
    world.wait_for_titles(dict.fromkeys(others, "nice"))
    world.wait_until(lambda: world.dead_letters() == [(disliked, "Rejected", 1)], "the dead letter")
    assert not world.stopped_by()
    bury_for_good(world)


def bury_for_good(world: OutageWorld) -> None:
    world.plex.heal()
    world.stash.operation(mode="clear_dlq")


def test_five_poisoned_scenes_stop_the_drain_once(world: OutageWorld) -> None:
    before, poisoned = all_outages(world), world.add_scenes(5)
    for scene_id in poisoned:
        world.plex.fault(Fault.answer(500), method="PUT", rating_key=world.keys[scene_id])
    publish(world, dict.fromkeys(poisoned, "poisoned"))
    world.wait_circuit("open")
    rounds = 0
    while len(world.dead_letters()) < 5:
        good = world.add_scene()
        publish(world, {good: "good"})
        world.wait_for_titles({good: "good"})
        rounds += 1
    assert [(scene, tries) for scene, _, tries in sorted(world.dead_letters())] == [(each, 5) for each in poisoned]
    assert all_outages(world) == before + 1
    assert rounds > 1
    bury_for_good(world)


def test_a_plex_that_comes_back_without_writing_has_one_outage(world: OutageWorld) -> None:
    before, said = all_outages(world), world.log_text().count("Plex is back")
    titles = {scene_id: f"title {scene_id}" for scene_id in world.add_scenes(SCENES)}
    refused = world.plex.fault(Fault.refused())
    publish(world, titles)
    world.wait_circuit("open")
    end = no_writes().begin(world, None)
    world.plex.heal(refused)
    world.wait_until(lambda: world.state_file("circuit_breaker")["evidence"] == "write", "writes to be what fails")
    world.wait_until(lambda: is_nobody_charged(world), "the attempts to be given back")
    assert world.log_text().count("Plex is back") == said
    end()
    assert_all_arrive(world, titles, time.time())
    assert all_outages(world) == before + 1
    assert world.log_text().count("Plex is back") == said + 1


def test_a_health_check_does_not_end_what_only_a_write_can_end(world: OutageWorld) -> None:
    titles, end = begin(world, no_writes())
    healthy = world.stash.operation(mode="health_check")
    assert healthy["healthy"]
    assert "takes no changes" in healthy["message"]
    assert "is well" not in healthy["message"]
    assert world.circuit() != "closed"
    end()
    assert_all_arrive(world, titles, time.time())
