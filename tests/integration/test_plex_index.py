"""The index on a real disk: what survives a restart or a damaged file, and how much memory a sweep takes."""

from __future__ import annotations

import logging
import sqlite3
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from local.data_directory import PLEX_INDEX
from local.path_marks import without_marks
from local.storage import LocalStorage
from plex.errors import PlexServerError
from plex.index import ExpectedFile, Index
from plex.model import LeanItem, PartFile, Section
from plex.scan import SCAN_AGAIN_S, Scans
from plex.sweep import Sweeper
from tests.support.clocks import SetClock
from tests.support.full_disk import full_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 20_000


def lean(rating_key: int, path: str, size: int = 1) -> LeanItem:
    parts = (PartFile(path=path, size=size),)
    return LeanItem(rating_key=rating_key, section_key=1, title="", parts=parts, updated_at=1, added_at=1)


def known(index: Index, path: str) -> list[int]:
    return [item.rating_key for item in index.candidates([ExpectedFile(path=path, size=1)])]


class Movies:
    """A client with one library; records the scans that it is asked for."""

    def __init__(self, count: int = 0) -> None:
        self.count = count
        self.scanned: list[tuple[int, str]] = []
        self.refuses = False

    def sections(self) -> tuple[Section, ...]:
        return (Section(key=1, title="Movies", type="movie", locations=("/media", "C:\\Films")),)

    answered_at = None

    def changes(self, section: Section, *, since: int | None = None, page_size: int = 0) -> Iterator[LeanItem]:
        raise NotImplementedError

    def sweep(self, section: Section, *, page_size: int = 1000) -> Iterator[LeanItem]:
        assert section.key
        assert page_size
        return (lean(key, f"/media/folder {key % 100}/file {key}.mp4") for key in range(1, self.count + 1))

    def scan(self, section: Section, folder: str) -> None:
        self.scanned.append((section.key, folder))
        if self.refuses:
            raise PlexServerError("no")


def test_items_seen_survive_the_process(tmp_path: Path) -> None:
    index = Index(str(tmp_path), "one")
    index.store_items([lean(1, "/media/a.mp4")], now=1)
    index.close()
    index = Index(str(tmp_path), "one")
    assert known(index, "/media/a.mp4") == [1]
    index.close()


def test_a_file_that_is_no_database_is_set_aside_and_replaced(tmp_path: Path) -> None:
    (tmp_path / PLEX_INDEX).write_bytes(b"no database" * 500)
    index = Index(str(tmp_path), "one")
    index.store_items([lean(1, "/media/a.mp4")], now=1)
    assert known(index, "/media/a.mp4") == [1]
    assert len(list(tmp_path.glob(f"{PLEX_INDEX}.corrupt-*[0-9]"))) == 1
    index.close()


def test_a_full_disk_is_reported_as_such_and_writing_works_again_afterwards(tmp_path: Path) -> None:
    index = Index(str(tmp_path), "one")
    with full_disk(), pytest.raises(LocalStorage, match="Make room on that disk"):
        index.store_items([lean(key, f"/media/{key}.mp4") for key in range(1, 500)], now=1)
    index.store_items([lean(1, "/media/a.mp4")], now=1)
    assert known(index, "/media/a.mp4") == [1]
    index.close()


def test_an_item_that_a_whole_sweep_does_not_show_is_dropped(tmp_path: Path) -> None:
    index, clock = Index(str(tmp_path), "one"), SetClock()
    index.store_items([lean(99, "/media/gone.mp4")], now=clock.now() - 1)
    Sweeper(Movies(3), index, clock).sweep_all()
    assert known(index, "/media/gone.mp4") == []
    assert known(index, "/media/folder 3/file 3.mp4") == [3]
    index.close()


def test_a_sweep_does_not_hold_the_library_in_memory(tmp_path: Path) -> None:
    index = Index(str(tmp_path), "one")
    tracemalloc.start()
    Sweeper(Movies(MANY), index, Clock()).sweep_all()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    index.close()
    with sqlite3.connect(tmp_path / PLEX_INDEX) as database:
        assert database.execute("SELECT COUNT(*) FROM item").fetchone() == (MANY,)
    assert most < MANY * 100  # bytes; a single item takes about 500


@pytest.mark.parametrize("path", ["/media/a/x.mp4", "c:\\films\\a\\x.mp4"])
def test_a_folder_is_scanned_at_most_once_in_ten_minutes(tmp_path: Path, path: str) -> None:
    movies, clock = Movies(), SetClock()
    for after_s in (0.0, SCAN_AGAIN_S - 1, SCAN_AGAIN_S):
        clock.set(SetClock().now() + after_s)
        index = Index(str(tmp_path), "one")
        scans = Scans(movies, index, clock=clock, log=logging.getLogger("test"))
        scans.request([path, path.replace("x.mp4", "y.mp4")], since=clock.now())
        index.close()
    assert movies.scanned == [(1, path[:-6])] * 2


def test_a_file_gets_exactly_one_scan_after_its_event(tmp_path: Path) -> None:
    movies, index, clock = Movies(), Index(str(tmp_path), "one"), SetClock()
    began_at, scans = clock.now(), Scans(movies, index, clock=clock, log=logging.getLogger("test"))
    scans.request(["/media/a/early.mp4"], since=began_at - 1)
    for after_s in (60, SCAN_AGAIN_S, 2 * SCAN_AGAIN_S, 3 * SCAN_AGAIN_S):  # tries for a file that appeared after 50 s
        clock.set(began_at + after_s)
        scans.request(["/media/a/late.mp4"], since=began_at + 50)
        scans.request(["/media/b/other.mp4"], since=began_at - 1)  # records a scan, and deletes old records
    assert movies.scanned == [(1, "/media/a"), (1, "/media/b"), (1, "/media/a")]
    index.close()


@pytest.mark.parametrize("ahead_s", [3600.0, 365 * 86_400.0])
def test_a_scan_recorded_in_the_future_keeps_no_folder_from_being_scanned(tmp_path: Path, ahead_s: float) -> None:
    movies, index, clock = Movies(), Index(str(tmp_path), "one"), SetClock()
    scans = Scans(movies, index, clock=clock, log=logging.getLogger("test"))
    clock.jump(ahead_s)
    scans.request(["/media/a/x.mp4"], since=0)
    clock.jump(-ahead_s)
    for after_s in (0.0, 1.0, SCAN_AGAIN_S):
        clock.set(SetClock().now() + after_s)
        scans.request(["/media/a/x.mp4"], since=clock.now() - 1)
    assert movies.scanned == [(1, "/media/a")] * 3
    index.close()


def test_a_folder_outside_every_library_is_not_scanned(tmp_path: Path) -> None:
    movies, index = Movies(), Index(str(tmp_path), "one")
    Scans(movies, index, clock=SetClock(), log=logging.getLogger("test")).request(["/elsewhere/x.mp4"], since=0)
    assert movies.scanned == []
    index.close()


def test_a_scan_that_plex_refuses_is_only_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    movies, index = Movies(), Index(str(tmp_path), "one")
    movies.refuses = True
    Scans(movies, index, clock=SetClock(), log=logging.getLogger("test")).request(["/media/x.mp4"], since=0)
    assert "could not be asked to scan /media" in without_marks(caplog.text)
    index.close()
