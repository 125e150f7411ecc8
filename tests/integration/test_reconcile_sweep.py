"""A run's sweep of Plex, page by page, while what it works with fails or jumps."""

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
from reconciliation.cache import Memory
from reconciliation.sweep import PAGE, Sweep
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILMS, OTHER = (Section(key=key, title=str(key), type="movie", locations=()) for key in (1, 2))


@dataclass(slots=True, kw_only=True)
class Shelves:
    """A Plex of so many items in each section; with `fails_at` it answers no more after so many, once."""

    counts: dict[int, int]
    fails_at: int = -1
    sweeps: list[int] = field(default_factory=list)

    def sections(self) -> tuple[Section, ...]:
        return (FILMS, OTHER)

    def sweep(self, section: Section, *, page_size: int = PAGE, since: int | None = None) -> Iterator[LeanItem]:
        assert (page_size, since) == (PAGE, None)
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
class Desk:
    """What a sweep fills."""

    folder: Path
    index: Index
    memory: Memory
    clock: SetClock

    def sweep(self, plex: Shelves) -> Sweep:
        sweeper = Sweeper(plex, self.index, self.clock)
        return Sweep(plex.sections(), plex=plex, sweeper=sweeper, memory=self.memory, clock=self.clock)

    def indexed(self) -> int:
        with sqlite3.connect(self.folder / PLEX_INDEX) as database:
            return int(database.execute("SELECT COUNT(*) FROM item").fetchone()[0])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    index, memory = Index(str(tmp_path), "x"), Memory(str(tmp_path))
    yield Desk(folder=tmp_path, index=index, memory=memory, clock=SetClock())
    index.close()
    memory.close()


def run(sweep: Sweep) -> None:
    while not sweep.step():
        pass


@pytest.mark.parametrize("count", [1, PAGE - 1, PAGE, PAGE + 1])
def test_all_items_of_all_sections_are_seen(desk: Desk, count: int) -> None:
    sweep = desk.sweep(Shelves(counts={1: count, 2: 3}))
    run(sweep)
    assert (desk.memory.count_seen(), desk.indexed(), sweep.empty) == (count + 3, count + 3, [])


@pytest.mark.parametrize("fails_at", [0, PAGE // 2, PAGE, PAGE + 5])
def test_after_a_page_that_failed_the_section_is_begun_anew(desk: Desk, fails_at: int) -> None:
    plex = Shelves(counts={1: PAGE + 9, 2: 1}, fails_at=fails_at)
    sweep = desk.sweep(plex)
    with pytest.raises(PlexTimeout):
        run(sweep)
    run(sweep)
    assert (desk.memory.count_seen(), desk.indexed(), plex.sweeps) == (PAGE + 10, PAGE + 10, [1, 1, 2])


def test_a_page_that_the_disk_refused_is_not_passed_over(desk: Desk) -> None:
    sweep = desk.sweep(Shelves(counts={1: PAGE + 9, 2: 1}))
    sweep.step()
    with sqlite3.connect(desk.folder / PLEX_INDEX) as database:
        database.execute("CREATE TRIGGER full BEFORE INSERT ON item BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(Exception, match="disk full"):
        sweep.step()
    with sqlite3.connect(desk.folder / PLEX_INDEX) as database:
        database.execute("DROP TRIGGER full")
    run(sweep)
    assert (desk.memory.count_seen(), desk.indexed()) == (PAGE + 10, PAGE + 10)


def test_a_clock_that_is_put_back_meanwhile_makes_no_item_forgotten(desk: Desk) -> None:
    sweep = desk.sweep(Shelves(counts={1: 2 * PAGE + 9, 2: 1}))
    sweep.step()
    desk.clock.set(desk.clock.now() - 3600)
    run(sweep)
    assert desk.indexed() == 2 * PAGE + 10


def test_a_section_that_shows_nothing_is_named_and_not_forgotten(desk: Desk) -> None:
    plex = Shelves(counts={1: 3, 2: 2})
    run(desk.sweep(plex))
    desk.clock.set(desk.clock.now() + 3600)
    plex.counts[2] = 0
    sweep = desk.sweep(plex)
    run(sweep)
    assert sweep.empty == [OTHER]
    assert desk.indexed() == 5
    assert desk.index.section(OTHER.key).newest
