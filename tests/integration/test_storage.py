"""SQLite files that are damaged before they are opened or while they are open."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from local.storage import Database, LocalStorage
from store.job import Reason, new_job
from store.queue import JobQueue
from tests.support.damage import damage

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

ROWS = 2_000


def prepare(database: sqlite3.Connection) -> None:
    database.execute("CREATE TABLE IF NOT EXISTS word (number INTEGER PRIMARY KEY, text TEXT)")


def fill(database: Database) -> None:
    with database.transaction() as connection:
        connection.executemany("INSERT INTO word VALUES (?, ?)", [(number, "w" * 100) for number in range(ROWS)])


def count(database: Database) -> int:
    with database.access("read") as connection:
        return int(connection.execute("SELECT COUNT(*) FROM word WHERE text <> ''").fetchone()[0])


@pytest.mark.parametrize("first_byte", [0, 8_192])
def test_file_that_is_damaged_before_opening_is_recreated(tmp_path: Path, first_byte: int) -> None:
    path = tmp_path / "words.db"
    with closing(Database(str(path), prepare)) as database:
        fill(database)
    damage(path, first_byte=first_byte)
    told: list[bool] = []
    with closing(Database(str(path), prepare, on_damage=lambda: told.append(path.exists()))) as database:
        if first_byte:  # noticed only on reading
            with pytest.raises(LocalStorage, match=r"words\.db could not be read: .*malformed.* starts a new one"):
                count(database)
        assert count(database) == 0
        fill(database)
        assert count(database) == ROWS
    assert told == [True], "told before it is set aside"
    assert len(list(tmp_path.glob("words.db.corrupt-*[0-9]"))) == 1


def test_transaction_on_a_damaged_file_leaves_a_working_file(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    with closing(Database(str(path), prepare)) as database:
        fill(database)
        damage(path, first_byte=4_096)
        with pytest.raises(LocalStorage, match="starts a new one"), database.transaction() as connection:
            connection.execute("UPDATE word SET text = 'x'")
        fill(database)
        assert count(database) == ROWS


def test_temporary_error_sets_no_file_aside(tmp_path: Path) -> None:
    path = tmp_path / "words.db"
    with closing(Database(str(path), prepare)) as database:
        with pytest.raises(LocalStorage, match="Make room"), database.access("read") as connection:
            connection.execute("SELECT * FROM no_such_table")
        fill(database)
    assert list(tmp_path.glob("*.corrupt-*")) == []


def test_queue_that_is_damaged_while_open_is_rewritten_from_memory(tmp_path: Path) -> None:
    jobs = [new_job(scene_id, Reason.SYNC, 1.0) for scene_id in range(1, 500)]
    lost: list[bool] = []
    with closing(JobQueue(str(tmp_path), clock=Clock(), on_damage=lambda: lost.append(True))) as queue:
        queue.add_all(jobs)
        assert queue.take()
        damage(tmp_path / "data.db", first_byte=4_096)
        with pytest.raises(LocalStorage, match=r"data\.db could not be read or written: .* starts a new one"):
            queue.finish_all(range(2, 500))
        queue.finish(1)
        left = {job.scene_id for job in queue.jobs()}
        assert len(left) > 400
    with closing(JobQueue(str(tmp_path), clock=Clock())) as queue:
        assert {job.scene_id for job in queue.jobs()} == left
        assert not queue.had_in_flight
    assert lost == []


@pytest.mark.parametrize("first_byte", [0, 4_096])
def test_queue_that_cannot_be_loaded_reports_it_and_is_recreated(tmp_path: Path, first_byte: int) -> None:
    with closing(JobQueue(str(tmp_path), clock=Clock())) as queue:
        queue.add_all(new_job(scene_id, Reason.SYNC, 1.0) for scene_id in range(1, 500))
    damage(tmp_path / "data.db", first_byte=first_byte)
    lost: list[bool] = []
    with closing(JobQueue(str(tmp_path), clock=Clock(), on_damage=lambda: lost.append(True))) as queue:
        assert len(queue) == 0
        queue.add(new_job(7, Reason.HOOK, 2.0))
    with closing(JobQueue(str(tmp_path), clock=Clock())) as queue:
        assert [job.scene_id for job in queue.jobs()] == [7]
    assert lost == [True]
