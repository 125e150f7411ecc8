"""Statistics in the ledger: counted with each judgement, and added to the total when old."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from store import statistics
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.judgement import AttemptTimes, Judgement
from store.ledger import Ledger
from store.overview import Overview
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
SUMS = statistics.SUMS


def sums(directory: Path, minute: int = 0, last: int = 0) -> tuple[object, ...]:
    with closing(sqlite3.connect(directory / "sync_state.db")) as database:
        row: tuple[object, ...] = database.execute(SUMS, (minute, last or statistics.ALWAYS[1])).fetchone()
        return row


def judge(ledger: Ledger, scene_id: int, judgement: Judgement, now: float, attempt: AttemptTimes | None = None) -> None:
    scene = a_scene(scene_id, ("/a.mp4", 1))
    ledger.store_judgement(scene, judgement, fingerprint="f", files="f", now=now, attempt=attempt)


def a_job(scene_id: int, *, event_at: float = NOW) -> Job:
    return Job(
        scene_id=scene_id, reason=Reason.HOOK, first_event_at=NOW, last_event_at=event_at,
        error_class="PlexTimeout", error_text="no answer", attempts=5, failed_first_at=NOW,
    )  # fmt: skip


def test_each_judgement_counts_once_with_the_seconds_of_a_push(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path))
    attempt = AttemptTimes(began_at=NOW, event_at=NOW)
    judge(ledger, 1, Judgement.PUSHED, NOW + 2, attempt)
    judge(ledger, 2, Judgement.UNCHANGED, NOW + 60, attempt)
    judge(ledger, 3, Judgement.SKIPPED, NOW + 60, attempt)
    DeadLetters(ledger).bury(a_job(4), None, now=NOW + 60)
    assert sums(tmp_path) == (1, 1, 1, 2.0)


def test_a_job_repeated_after_a_kill_counts_once(tmp_path: Path) -> None:
    """The ledger had stored how the job ended, but it was still in the queue."""
    for _ in range(2):
        with closing(Ledger(str(tmp_path))) as ledger:
            judge(ledger, 1, Judgement.UNCHANGED, NOW + 2, AttemptTimes(began_at=NOW + 1, event_at=NOW))
            DeadLetters(ledger).bury(a_job(4), None, now=NOW + 3)
    assert sums(tmp_path)[:3] == (0, 1, 1)
    with closing(Ledger(str(tmp_path))) as ledger:
        again, letters = a_job(4, event_at=NOW + 9), DeadLetters(ledger)
        judge(ledger, 1, Judgement.UNCHANGED, NOW + 11, AttemptTimes(began_at=NOW + 10, event_at=NOW + 9))
        letters.bury(again, None, now=NOW + 12)
        assert letters.exhume(4, now=NOW + 13)
        letters.bury(again, None, now=NOW + 14)
    assert sums(tmp_path)[:3] == (0, 2, 2)


def test_an_exhumed_job_does_not_count_as_failed(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path))
    letters = DeadLetters(ledger)
    letters.bury(a_job(4), None, now=NOW)
    assert letters.exhume(4, now=NOW + 600) == a_job(4)
    assert letters.exhume(4, now=NOW + 600) is None
    assert sums(tmp_path) == (0, 0, 0, 0.0)


def test_old_minutes_are_added_to_the_total_and_nothing_is_lost(tmp_path: Path) -> None:
    ledger = Ledger(str(tmp_path))
    for hour in range(10):
        judge(ledger, 1, Judgement.PUSHED, NOW + 3600 * hour)
    assert sums(tmp_path)[0] == 10
    assert sums(tmp_path, statistics.minute_of(NOW + 3600 * 9) - statistics.HOUR_MINUTES) == (2, 0, 0, 0.0)
    with closing(sqlite3.connect(tmp_path / "sync_state.db")) as database:
        assert database.execute("SELECT COUNT(*) FROM statistic").fetchone() == (3,)


def test_a_ledger_of_the_first_version_is_migrated(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "sync_state.db")) as database:
        database.executescript(
            "CREATE TABLE dead_letter (id INTEGER PRIMARY KEY AUTOINCREMENT, scene_id INTEGER NOT NULL UNIQUE,"
            " title TEXT NOT NULL, path TEXT NOT NULL, error_class TEXT NOT NULL, error_text TEXT NOT NULL,"
            " attempts INTEGER NOT NULL, failed_first_at REAL NOT NULL, failed_last_at REAL NOT NULL,"
            " outage_id INTEGER NOT NULL, job TEXT NOT NULL);"
            "INSERT INTO dead_letter VALUES (1, 7, 'T', '/p', 'Bug', 'x', 3, 1, 2, 0, '{}');"
            "PRAGMA user_version = 1;"
        )
    Ledger(str(tmp_path)).close()
    ledger = Ledger(str(tmp_path))
    assert [(letter.scene_id, letter.recovered_at) for letter in DeadLetters(ledger).all()] == [(7, None)]


def test_what_was_counted_in_the_future_is_none_of_the_last_hour(tmp_path: Path) -> None:
    """The clock was a day ahead."""
    with closing(Ledger(str(tmp_path))) as ledger:
        judge(ledger, 1, Judgement.PUSHED, NOW + 86_400)
        judge(ledger, 2, Judgement.PUSHED, NOW)
    overview = Overview(str(tmp_path))
    assert overview.statistics(NOW)["pushed"] == 2
    assert overview.statistics(NOW)["last_hour"] == {**statistics.as_json((1, 0, 0, 0.0)), "mean_s": 0.0}
