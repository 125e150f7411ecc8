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
from tests.support.full_disk import full_disk

NOW = 1_700_000_000.0


def job(scene_id: int, reason: Reason = Reason.HOOK, at: float = NOW) -> Job:
    return Job(scene_id=scene_id, reason=reason, first_event_at=at, last_event_at=at)


@contextmanager
def opened(folder: Path) -> Iterator[JobQueue]:
    with closing(JobQueue(str(folder))) as queue:
        yield queue


def drain(queue: JobQueue, now: float = NOW) -> list[int]:
    order = []
    while taken := queue.take(now):
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


def test_user_edits_go_before_bulk_work_and_make_a_bulk_job_urgent(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id, Reason.SYNC))
        queue.add(job(4))
        queue.add(job(3))
        assert [found.scene_id for found in queue.peek_due(NOW, 9)] == [4, 3, 1, 2]
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
    with opened(tmp_path) as queue:
        for scene_id in (1, 2):
            queue.add(job(scene_id))
            taken = queue.take(NOW)
            assert taken
            queue.put_back(replace(taken, attempts=2, not_before=NOW + 10 * scene_id))
        assert queue.take(NOW) is None
        assert queue.next_due_at() == NOW + 10
        queue.add(job(2))
        assert queue.job(2) == replace(job(2), attempts=0)
        assert drain(queue) == [2]
        assert drain(queue, NOW + 10) == [1]
        assert queue.next_due_at() is None


def test_delays_and_attempts_survive_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        queue.add(job(1))
        taken = queue.take(NOW)
        assert taken
        queue.put_back(replace(taken, attempts=2, not_before=NOW + 10, error_text="why"))
    with opened(tmp_path) as queue:
        assert queue.take(NOW) is None
        assert queue.job(1) == replace(job(1), attempts=2, not_before=NOW + 10, error_text="why")
        assert drain(queue, NOW + 10) == [1]


def test_a_job_in_flight_when_the_worker_died_goes_last(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id))
        taken = queue.take(NOW)
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
        assert queue.take(NOW) is None


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
        self.queue = JobQueue(self.folder.name)
        self.now = NOW
        self.pending: dict[int, float] = {}  # scene id -> not before
        self.taken: set[int] = set()

    @rule(scene_id=st.integers(1, 6), reason=st.sampled_from(list(Reason)))
    def add(self, scene_id: int, reason: Reason) -> None:
        self.queue.add(job(scene_id, reason, self.now))
        self.pending[scene_id] = 0.0

    @rule(delay_s=st.sampled_from([0.0, 5.0, 50.0]), finish=st.booleans())
    def work(self, delay_s: float, *, finish: bool) -> None:
        due = {scene_id for scene_id, not_before in self.pending.items() if not_before <= self.now}
        peeked = self.queue.peek_due(self.now, 10)
        assert {found.scene_id for found in peeked} == due
        taken = self.queue.take(self.now)
        assert (taken.scene_id if taken else None) == (peeked[0].scene_id if peeked else None)
        if taken is None:
            return
        if finish:
            self.queue.finish(taken.scene_id)
            del self.pending[taken.scene_id]
        else:
            not_before = self.now + delay_s if delay_s else 0.0
            self.queue.put_back(replace(taken, not_before=not_before))
            self.pending[taken.scene_id] = not_before

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(in_flight=st.booleans())
    def restart(self, *, in_flight: bool) -> None:
        if in_flight:
            self.queue.take(self.now)
        self.queue.close()
        self.queue = JobQueue(self.folder.name)

    @invariant()
    def counts_agree(self) -> None:
        assert len(self.queue) == len(self.pending)
        waiting = [not_before for not_before in self.pending.values() if not_before > self.now]
        assert self.queue.next_due_at() is None or self.queue.next_due_at() in self.pending.values()
        if waiting:
            assert self.queue.next_due_at() is not None

    def teardown(self) -> None:
        self.queue.close()
        self.folder.cleanup()


QueueAgainstModel.TestCase.settings = hypothesis_settings(max_examples=40, stateful_step_count=30, deadline=None)
TestQueueAgainstModel = QueueAgainstModel.TestCase


def test_a_full_disk_leaves_every_job_where_it_was(tmp_path: Path) -> None:
    with opened(tmp_path) as queue:
        for scene_id in (1, 2, 3):
            queue.add(job(scene_id))
        taken = queue.take(NOW)
        assert taken
        with full_disk():
            writes: tuple[Callable[[], object], ...] = (
                lambda: queue.add(job(4)),
                lambda: queue.finish(1),
                lambda: queue.put_back(taken),
                lambda: queue.take(NOW),
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
