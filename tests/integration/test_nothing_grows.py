"""What accumulates in the data directory, or in the worker, has a bound."""

from __future__ import annotations

import gc
import os
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from local import inbox
from local.clock import Clock
from local.files import keep_newest, remove_older
from local.storage import KEPT_DAMAGED, set_aside
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexServerError
from store import queue as queue_module
from store.backups import KEPT_BACKUPS, Backups, backup_name
from store.job import Reason, new_job
from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.raw_server import RawServer, answer
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_files_that_are_no_entries_are_kept_up_to_a_number(tmp_path: Path) -> None:
    inbox.prepare(str(tmp_path))
    for number in range(inbox.KEPT_MALFORMED + 20):
        path = tmp_path / "queue" / "inbox" / f"stranger {number}"
        path.touch()
        os.utime(path, (1000 + number, 1000 + number))
        inbox.set_aside(str(tmp_path), str(path))
    kept = os.listdir(tmp_path / "queue" / "malformed")
    assert len(kept) == inbox.KEPT_MALFORMED
    assert f"stranger {inbox.KEPT_MALFORMED + 19}" in kept


def test_damaged_files_are_kept_up_to_a_number_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(1000, 2000))
    monkeypatch.setattr("local.storage.time.time", lambda: next(times))
    other = tmp_path / "other.db.corrupt-1"
    other.touch()
    for _ in range(10):
        for ending in ("", "-wal", "-shm"):
            (tmp_path / f"sync_state.db{ending}").touch()
        set_aside(str(tmp_path / "sync_state.db"))
    assert len(os.listdir(tmp_path)) == KEPT_DAMAGED + 1
    assert other.exists()


def test_backups_are_kept_up_to_a_number(tmp_path: Path) -> None:
    backups = Backups(str(tmp_path))
    names = [backup_name("queue", "id", 1000.0 + number) for number in range(KEPT_BACKUPS + 5)]
    for number, name in enumerate(names):
        backups.write(name, [])
        os.utime(backups.path(name), (1000 + number, 1000 + number))
    assert sorted(os.listdir(tmp_path / "backups")) == names[5:]
    assert backups.newest() == names[-1]


def test_only_old_files_of_the_given_names_are_removed(tmp_path: Path) -> None:
    now = time.time()
    for name, age_s in ((".tmp-a", 10), (".tmp-b", 9000), ("b", 9000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (now - age_s, now - age_s))
    (tmp_path / ".tmp-folder").mkdir()
    os.utime(tmp_path / ".tmp-folder", (1, 1))
    remove_older(str(tmp_path), 3600, now, prefix=".tmp-")
    assert sorted(os.listdir(tmp_path)) == [".tmp-a", ".tmp-folder", "b"]
    remove_older(str(tmp_path / "gone"), 3600, now)
    keep_newest(str(tmp_path / "gone"), 1)


def test_a_queue_that_was_large_gives_the_disk_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_module, "MOST_FREE_PAGES", 50)
    with closing(JobQueue(str(tmp_path), clock=Clock())) as queue:
        queue.add_all(new_job(scene_id, Reason.SYNC, 1.0) for scene_id in range(1, 3001))
        large = os.path.getsize(tmp_path / "data.db")
        queue.finish_all(range(1, 3000))
        job = queue.take()
        assert job
        queue.finish(job.scene_id)
        assert os.path.getsize(tmp_path / "data.db") < max(large, 400_000) / 4
        queue.add(new_job(1, Reason.HOOK, 2.0))
        assert queue.take()


def test_nothing_is_left_in_the_ledger_of_a_scene_that_is_gone(tmp_path: Path) -> None:
    with closing(Ledger(str(tmp_path))) as ledger:
        ledger.store_judgement(a_scene(7), Judgement.PUSHED, fingerprint="f", now=1.0)
        with ledger.transaction() as database:
            database.execute("INSERT INTO cover VALUES (7, '', '', '')")
            database.execute("INSERT INTO left_to VALUES (7, 1, 2)")
        ledger.forget_scene(7)
        with ledger.reading() as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            of_scenes = [
                name for name in tables
                if any(column[1] == "scene_id" for column in database.execute(f"PRAGMA table_info({name})"))
            ]  # fmt: skip
            query = "SELECT 1 FROM {} WHERE scene_id = 7"
            left = [name for name in of_scenes if database.execute(query.format(name)).fetchone()]
    assert len(of_scenes) > 5
    assert left == []


def test_an_answer_that_cannot_be_read_is_forgotten_with_its_error() -> None:
    """No ring of errors and frames keeps it until Python collects such rings, which 3.12 and newer do late."""
    with RawServer(answer("200 OK", b"<MediaContainer>" + b"<Video/>" * 10_000)) as server:
        client = PlexClient(PlexConnection(url=server.url, token="t"))
        gc.collect()
        gc.disable()
        try:
            with suppress(PlexServerError):
                client.identity()
            assert gc.collect() < 1_000
        finally:
            gc.enable()
