"""The queue on a real disk: order, delays, merging, and what a killed worker leaves behind."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from local.storage import LocalStorage
from store.job import Job, Reason
from store.queue import CLEAR_AFTER_FINISHED, JobQueue
from store.reader import LONGEST_WAIT_S
from tests.support.clocks import SetClock
from tests.support.full_disk import full_disk

NOW = SetClock().now()
YEAR_S, LONGEST_DELAY_S = 365 * 86_400.0, 50.0


def job(scene_id: int, reason: Reason = Reason.HOOK, at: float = NOW) -> Job:
    return Job(scene_id=scene_id, reason=reason, first_event_at=at, last_event_at=at)


@contextmanager
def opened(folder: Path, clock: SetClock | None = None) -> Iterator[JobQueue]:
    with closing(JobQueue(str(folder), clock=clock or SetClock())) as queue:
        yield queue


def drain(queue: JobQueue) -> list[int]:
    order = []
    while taken := queue.take():
        order.append(taken.scene_id)
        queue.finish(taken.scene_id)
    return order


def test_events_of_one_scene_become_one_job(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for number in range(30):
            queue.add(job(number % 10, at=NOW + number))
        assert len(queue) == 10
        assert queue.job(3) == replace(job(3), first_event_at=NOW + 3, last_event_at=NOW + 23)
    with opened(tmp_path) as queue:
        assert len(queue) == 10


def test_many_events_at_once_count_as_one_after_the_other(tmp_path: Path) -> None:
    first = [job(1), job(2, Reason.SYNC)]
    events = [job(2, at=NOW + 1), job(3), job(1, Reason.SYNC, at=NOW + 2), job(3, at=NOW + 3), job(2, at=NOW - 1)]
    with opened(tmp_path / "single") as single, opened(tmp_path / "many") as many:
        for queue in (single, many):
            queue.add_all(first)
        before = [many.generation(scene_id) for scene_id in (1, 2)]
        for event in events:
            single.add(event)
        many.add_all(events)
        assert all(many.generation(scene_id) > was for scene_id, was in zip((1, 2), before, strict=True))
        assert sorted(map(repr, many.jobs())) == sorted(map(repr, single.jobs()))
        assert drain(many) == [1, 2, 3]
    with opened(tmp_path / "many") as many:
        assert not len(many)


def test_changes_of_many_jobs_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add_all([job(1, Reason.SYNC), job(2, Reason.SYNC)])
        queue.add_all([job(2, at=NOW + 1), job(3)])
        jobs = sorted(map(repr, queue.jobs()))
    with opened(tmp_path) as queue:
        assert sorted(map(repr, queue.jobs())) == jobs
        assert drain(queue) == [2, 3, 1]


def test_covers_go_after_the_fields_of_their_kind(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id, reason in ((1, Reason.SYNC), (2, Reason.HOOK), (3, Reason.SYNC), (4, Reason.HOOK)):
            queue.add(job(scene_id, reason))
        for scene_id in (1, 2):
            taken = queue.take_scene(scene_id)
            assert taken is not None
            queue.put_back(taken.with_cover_left())
        assert [found.scene_id for found in queue.peek_due(9)] == [4, 2, 3, 1]
        assert queue.fields_job(1) is None
        assert queue.fields_job(3) == queue.job(3)
    with opened(tmp_path) as queue:
        assert [found.scene_id for found in queue.peek_due(9)] == [4, 2, 3, 1]
        queue.add(job(1, Reason.SYNC))
        assert queue.fields_job(1)
        assert drain(queue) == [4, 2, 3, 1]


def test_user_edits_go_before_bulk_work_and_make_a_bulk_job_urgent(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id, Reason.SYNC))
        queue.add(job(4))
        queue.add(job(3))
        assert [found.scene_id for found in queue.peek_due(9)] == [4, 3, 1, 2]
        assert drain(queue) == [4, 3, 1, 2]


def test_an_urgent_job_does_not_become_bulk_work(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1, Reason.SYNC))
        queue.add(job(2))
        queue.add(job(2, Reason.RECONCILE))
        assert drain(queue) == [2, 1]


def test_each_event_raises_the_generation(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        assert queue.generation(1) == -1
        queue.add(job(1))
        before = queue.generation(1)
        queue.add(job(1))
        assert queue.generation(1) > before


def test_the_generation_of_a_finished_job_is_never_reused(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1))
        before = queue.generation(1)
        drain(queue)
        queue.add(job(1))
        assert queue.generation(1) != before


def test_a_waiting_job_is_due_at_its_time_and_at_once_after_another_event(tmp_path: Path) -> None:
    clock = SetClock()
    with opened(tmp_path, clock) as queue:
        for scene_id in (1, 2):
            queue.add(job(scene_id))
            taken = queue.take()
            assert taken
            queue.put_back(replace(taken, attempts=2, not_before=NOW + 10 * scene_id))
        assert queue.take() is None
        assert queue.due_in_s() == 10
        assert queue.is_waiting(1)
        queue.add(job(2))
        assert queue.job(2) == replace(job(2), attempts=0)
        assert drain(queue) == [2]
        clock.set(NOW + 10)
        assert not queue.is_waiting(1)
        assert drain(queue) == [1]
        assert queue.due_in_s() is None


def test_delays_and_attempts_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1))
        taken = queue.take()
        assert taken
        queue.put_back(replace(taken, attempts=2, not_before=NOW + 10, error_text="why"))
    clock = SetClock()
    with opened(tmp_path, clock) as queue:
        assert queue.take() is None
        assert queue.job(1) == replace(job(1), attempts=2, not_before=NOW + 10, error_text="why")
        clock.set(NOW + 10)
        assert drain(queue) == [1]


def put_back_waiting(queue: JobQueue, wait_s: float) -> None:
    """Put back job 1 so that it waits from NOW on."""
    queue.add(job(1))
    taken = queue.take()
    assert taken
    queue.put_back(replace(taken, failed_at=NOW, not_before=NOW + wait_s))


@pytest.mark.parametrize("jump_s", [-3600.0, -YEAR_S, -3.0, 3.0, 3600.0, YEAR_S])
def test_setting_the_clock_neither_prolongs_nor_ends_a_wait(tmp_path: Path, jump_s: float) -> None:
    clock = SetClock()
    with opened(tmp_path, clock) as queue:
        put_back_waiting(queue, 10)
        clock.set(NOW + 4)
        clock.jump(jump_s)
        assert queue.due_in_s() == 6
        assert queue.take() is None
        clock.set(clock.now() + 6)
        assert drain(queue) == [1]


@pytest.mark.parametrize(("jump_s", "left_s"), [(0.0, 6), (-3600.0, 10), (-YEAR_S, 10), (3600.0, 0), (YEAR_S, 0)])
def test_after_a_restart_a_job_waits_at_most_as_long_as_its_wait_was(
    tmp_path: Path, jump_s: float, left_s: float
) -> None:
    clock = SetClock()
    with opened(tmp_path, clock) as queue:
        put_back_waiting(queue, 10)
    clock.set(NOW + 4)
    clock.jump(jump_s)
    with opened(tmp_path, clock) as queue:
        assert queue.due_in_s() == left_s
        clock.set(clock.now() + left_s)
        assert drain(queue) == [1]


def test_a_wait_stored_by_an_earlier_version_lasts_no_longer_than_the_longest(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(replace(job(1), not_before=NOW + YEAR_S))
        assert queue.due_in_s() == LONGEST_WAIT_S


def test_a_job_in_flight_when_the_worker_died_goes_last(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id))
        taken = queue.take()
        assert taken
        assert taken.scene_id == 1
    with opened(tmp_path) as queue:
        assert queue.had_in_flight
        assert drain(queue) == [2, 3, 1]
    with opened(tmp_path) as queue:
        assert not queue.had_in_flight


def test_a_finished_job_never_comes_back(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1))
        assert drain(queue) == [1]
    with opened(tmp_path) as queue:
        assert len(queue) == 0
        assert queue.take() is None


def test_finished_rows_do_not_pile_up(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in range(CLEAR_AFTER_FINISHED + 5):
            queue.add(job(scene_id))
        drain(queue)
        with closing(sqlite3.connect(tmp_path / "data.db")) as database:
            assert database.execute("SELECT COUNT(*) FROM ack_queue_default").fetchone()[0] == 5


def test_an_invalid_row_is_reported_and_blocks_no_job(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1))
        queue.add(job(2))
    with closing(sqlite3.connect(tmp_path / "data.db")) as database, database:
        database.execute("UPDATE ack_queue_default SET data = '{\"scene_id\": \"x\"}' WHERE _id = 1")
    with opened(tmp_path) as queue:
        assert len(queue.unreadable) == 1
        assert drain(queue) == [2]


class QueueAgainstModel(RuleBasedStateMachine):
    """Any operations in any order: no scene is lost, and none is handed out twice."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile  # noqa: PLC0415

        self.folder = tempfile.TemporaryDirectory()
        self.clock = SetClock()
        self.queue = JobQueue(self.folder.name, clock=self.clock)
        self.pending: dict[int, float] = {}  # scene id -> the monotonic time until which it waits
        self.taken: set[int] = set()

    @rule(scene_id=st.integers(1, 6), reason=st.sampled_from(list(Reason)))
    def add(self, scene_id: int, reason: Reason) -> None:
        self.queue.add(job(scene_id, reason, self.clock.now()))
        self.pending[scene_id] = 0.0

    @rule(delay_s=st.sampled_from([0.0, 5.0, LONGEST_DELAY_S]), finish=st.booleans())
    def work(self, delay_s: float, *, finish: bool) -> None:
        now = self.clock.monotonic()
        due = {scene_id for scene_id, waits_until in self.pending.items() if waits_until <= now}
        peeked = self.queue.peek_due(10)
        assert {found.scene_id for found in peeked} == due
        taken = self.queue.take()
        assert (taken.scene_id if taken else None) == (peeked[0].scene_id if peeked else None)
        if taken is None:
            return
        if finish:
            self.queue.finish(taken.scene_id)
            del self.pending[taken.scene_id]
        else:
            at = self.clock.now()
            self.queue.put_back(replace(taken, failed_at=at, not_before=at + delay_s if delay_s else 0.0))
            self.pending[taken.scene_id] = now + delay_s

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + seconds)

    @rule(seconds=st.sampled_from([-YEAR_S, -3600.0, -20.0, 20.0, 3600.0]))
    def set_the_clock(self, seconds: float) -> None:
        self.clock.jump(seconds)

    @rule(in_flight=st.booleans())
    def restart(self, *, in_flight: bool) -> None:
        if in_flight:
            self.queue.take()
        self.queue.close()
        self.queue = JobQueue(self.folder.name, clock=self.clock)
        for scene_id, waits_until in self.pending.items():
            left = self.queue.job(scene_id)
            assert left
            left_s = left.wait_s(self.clock.now(), LONGEST_WAIT_S)
            assert left_s <= LONGEST_DELAY_S, "after a restart, the clock decides, but never beyond the wait"
            self.pending[scene_id] = self.clock.monotonic() + left_s if waits_until and left.not_before else 0.0

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.queue) == len(self.pending)
        now = self.clock.monotonic()
        waits_s = [waits_until - now for waits_until in self.pending.values() if waits_until > now]
        if waits_s:
            assert self.queue.due_in_s() in (0.0, min(waits_s))  # 0: one whose wait is over was not handed out yet

    def teardown(self) -> None:
        self.queue.close()
        self.folder.cleanup()


QueueAgainstModel.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
TestQueueAgainstModel = QueueAgainstModel.TestCase


def test_a_full_disk_leaves_every_job_where_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id))
        taken = queue.take()
        assert taken
        with full_disk():
            writes: tuple[Callable[[], object], ...] = (
                lambda: queue.add(job(4)),
                lambda: queue.finish(1),
                lambda: queue.put_back(taken),
                queue.take,
                lambda: queue.change(replace(job(3), attempts=1)),
            )
            for refused in writes:
                with pytest.raises(LocalStorage, match=r"data\.db"):
                    refused()
            queue.release(1)
        assert len(queue) == 3
        assert sorted(drain(queue)) == [1, 2, 3]
        queue.add(job(4))
    with opened(tmp_path) as queue:
        assert drain(queue) == [4]
