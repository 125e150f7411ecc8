"""A run's sweep of Plex, page by page, while Plex or the disk fails or the clock jumps."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from local.data_directory import PLEX_INDEX
from plex.errors import PlexTimeout
from plex.index import Index
from plex.model import LeanItem, PartFile, Section
from plex.sweep import Sweeper
from reconciliation.cache import ReconciliationCache
from reconciliation.sweep import PAGE_SIZE, Sweep
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILMS, OTHER = (Section(key=key, title=str(key), type="movie", locations=()) for key in (1, 2))


@dataclass(slots=True, kw_only=True)
class FakePlex:
    """A Plex with `counts` items per section. It fails once, after `fails_at` items of a section."""

    counts: dict[int, int]
    fails_at: int = -1
    sweeps: list[int] = field(default_factory=list)

    def sections(self) -> tuple[Section, ...]:
        return (FILMS, OTHER)

    answered_at = None

    def changes(self, section: Section, *, since: int | None = None, page_size: int = 0) -> Iterator[LeanItem]:
        raise NotImplementedError

    def sweep(self, section: Section, *, page_size: int = PAGE_SIZE) -> Iterator[LeanItem]:
        assert page_size == PAGE_SIZE
        self.sweeps.append(section.key)
        for number in range(self.counts[section.key]):
            if number == self.fails_at:
                self.fails_at = -1
                raise PlexTimeout("too slow")
            yield an_item(section.key * 100_000 + number, section.key)


def an_item(key: int, section: int) -> LeanItem:
    part = PartFile(path=f"/media/{key}.mp4", size=key)
    return LeanItem(rating_key=key, section_key=section, title="", parts=(part,), updated_at=5, added_at=5)


@dataclass(slots=True, kw_only=True)
class Stores:
    """What a sweep writes to."""

    folder: Path
    index: Index
    cache: ReconciliationCache
    clock: SetClock

    def sweep(self, plex: FakePlex) -> Sweep:
        sweeper = Sweeper(plex, self.index, self.clock)
        return Sweep(plex.sections(), plex=plex, sweeper=sweeper, cache=self.cache)

    def indexed(self) -> int:
        with sqlite3.connect(self.folder / PLEX_INDEX) as database:
            return int(database.execute("SELECT COUNT(*) FROM item").fetchone()[0])


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    index, cache = Index(str(tmp_path), "x"), ReconciliationCache(str(tmp_path))
    yield Stores(folder=tmp_path, index=index, cache=cache, clock=SetClock())
    index.close()
    cache.close()


def run(sweep: Sweep) -> None:
    while not sweep.step():
        pass


@pytest.mark.parametrize("count", [1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1])
def test_every_item_of_every_section_is_stored(stores: Stores, count: int) -> None:
    sweep = stores.sweep(FakePlex(counts={1: count, 2: 3}))
    run(sweep)
    assert (stores.cache.count_swept(), stores.indexed(), sweep.empty_sections) == (count + 3, count + 3, [])


@pytest.mark.parametrize("fails_at", [0, PAGE_SIZE // 2, PAGE_SIZE, PAGE_SIZE + 5])
def test_failed_page_restarts_its_section(stores: Stores, fails_at: int) -> None:
    plex = FakePlex(counts={1: PAGE_SIZE + 9, 2: 1}, fails_at=fails_at)
    sweep = stores.sweep(plex)
    with pytest.raises(PlexTimeout):
        run(sweep)
    run(sweep)
    assert (stores.cache.count_swept(), stores.indexed(), plex.sweeps) == (PAGE_SIZE + 10, PAGE_SIZE + 10, [1, 1, 2])


def test_page_that_could_not_be_stored_is_read_again(stores: Stores) -> None:
    sweep = stores.sweep(FakePlex(counts={1: PAGE_SIZE + 9, 2: 1}))
    sweep.step()
    with sqlite3.connect(stores.folder / PLEX_INDEX) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON item BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(Exception, match="disk full"):
        sweep.step()
    with sqlite3.connect(stores.folder / PLEX_INDEX) as database:
        database.execute("DROP TRIGGER full")
    run(sweep)
    assert (stores.cache.count_swept(), stores.indexed()) == (PAGE_SIZE + 10, PAGE_SIZE + 10)


def test_no_item_is_lost_if_the_clock_is_set_back_meanwhile(stores: Stores) -> None:
    sweep = stores.sweep(FakePlex(counts={1: 2 * PAGE_SIZE + 9, 2: 1}))
    sweep.step()
    stores.clock.set(stores.clock.now() - 3600)
    run(sweep)
    assert stores.indexed() == 2 * PAGE_SIZE + 10


def test_empty_section_is_reported_and_its_items_stay_in_the_index(stores: Stores) -> None:
    plex = FakePlex(counts={1: 3, 2: 2})
    run(stores.sweep(plex))
    stores.clock.set(stores.clock.now() + 3600)
    plex.counts[2] = 0
    sweep = stores.sweep(plex)
    run(sweep)
    assert sweep.empty_sections == [OTHER]
    assert stores.indexed() == 5
    assert stores.index.section(OTHER.key).newest
