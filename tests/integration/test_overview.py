"""Read-only queries of queue and ledger, without write permission or with damaged files."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from status import scenes_reader
from store import reader
from store.job import Reason, new_job
from store.overview import Overview
from store.queue import JobQueue
from store.reader import LONGEST_WAIT_S

if TYPE_CHECKING:
    from pathlib import Path


def test_a_queue_in_a_read_only_folder_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    queue.add(new_job(7, Reason.HOOK, 1.0))
    queue.close()
    folders = (tmp_path, tmp_path / "queue")
    for folder in folders:
        folder.chmod(0o500)
    if os.geteuid() == 0:  # root may write anywhere, so this only shows that immutable mode reads the same
        monkeypatch.setattr(os, "access", lambda *_: False)
    overview = Overview(str(tmp_path))
    try:
        assert (overview.counts(2.0).pending, overview.problems) == (1, [])
        assert sorted(os.listdir(tmp_path / "queue")) == ["data.db"]
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_damaged_database_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "sync_state.db").write_bytes(b"no database " * 100)
    overview = Overview(str(tmp_path))
    overview.counts(1.0)
    overview.statistics(1.0)
    assert len(overview.problems) == 1


def test_waiting_jobs_are_counted_by_the_error_of_their_last_attempt(tmp_path: Path) -> None:
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    jobs = [(1, "NotInPlex", 9.0), (2, "PlexTimeout", 9.0), (3, "NotInPlex", 9.0), (4, "NotInPlex", 2.0), (5, "", 9.0)]
    for scene_id, error_class, not_before in jobs:
        job = new_job(scene_id, Reason.HOOK, 1.0)
        queue.add(replace(job, error_class=error_class, not_before=not_before))
    queue.close()
    assert list(Overview(str(tmp_path)).counts(3.0).waiting_by_error.items()) == [("NotInPlex", 2), ("PlexTimeout", 1)]


def test_scenes_whose_cover_is_left_are_counted_among_the_pending(tmp_path: Path) -> None:
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    for scene_id in (1, 2, 3):
        job = new_job(scene_id, Reason.HOOK, 1.0)
        queue.add(job if scene_id == 1 else job.with_cover_left())
    queue.close()
    overview = Overview(str(tmp_path))
    counts = overview.counts(2.0)
    assert (counts.pending, counts.covers_left) == (3, 2)
    assert overview.pending(2.0).covers_left == {2, 3}


def test_a_job_is_never_shown_as_due_later_than_its_wait_was_long(tmp_path: Path) -> None:
    """The clock was set back by an hour after job 1 had failed; job 2 was stored by a version without `failed_at`."""
    failed_at, now = 10_000.0, 6_400.0
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    queue.add(replace(new_job(1, Reason.HOOK, 1.0), failed_at=failed_at, not_before=failed_at + 20))
    queue.close()
    overview = Overview(str(tmp_path))
    assert overview.counts(now).next_due_at == now + 20
    assert overview.counts(failed_at + 5).next_due_at == failed_at + 20
    assert overview.pending(now).due_at == {1: now + 20}
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    queue.finish(1)
    queue.add(replace(new_job(2, Reason.HOOK, 1.0), not_before=failed_at + 20))
    queue.close()
    assert overview.counts(now).next_due_at == now + LONGEST_WAIT_S
    assert overview.counts(failed_at + 21).waiting == 0


@pytest.mark.parametrize(
    "query", [reader.PENDING, reader.COVERS_LEFT, reader.WAITING, reader.WAITING_JOBS, scenes_reader.WAITING]
)
def test_no_query_parses_each_job(tmp_path: Path, query: str) -> None:
    """Ten thousand jobs are counted in 3 ms by the indexes, and in 30 ms without them."""
    JobQueue(str(tmp_path / "queue"), clock=Clock()).close()
    values = {**reader.times(1.0), "error_class": "NotInPlex", "limit": 2, "offset": 0}
    with closing(sqlite3.connect(tmp_path / "queue" / "data.db")) as database:
        plan = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {query}", values)]
    looks = [step for step in plan if "ack_queue_default" in step]
    assert looks
    wanted = ("INDEX pending_scene", "INDEX waiting_job", "INDEX cover_left", "PRIMARY KEY")
    assert all(any(name in step for name in wanted) for step in looks)
