"""What a comparison reads from Plex, and what it caches."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from local.clock import Clock
from local.data_directory import RECONCILIATION_CACHE
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexServerError, Rejected
from plex.find import Finder
from plex.index import Index
from push.pusher import Pusher
from push.writes import Clients
from reconciliation.cache import ReconciliationCache
from reconciliation.compare import MAX_UNREADABLE_ITEMS, PageComparison, read_isolating_failures
from reconciliation.gaps import GapType
from reconciliation.library import choose_library
from reconciliation.sweep import Sweep
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from stash.settings import parse_settings
from store.ledger import Ledger
from tests.support.scenes import SceneShelf, a_scene

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from plex.model import PlexItem
    from reconciliation.compare import Finding
    from stash.scene import Scene

TOKEN, LOG = "right", logging.getLogger("test")
HOUR_S = 3600.0


@dataclass(slots=True)
class Sides:
    """Both sides and what compares them. Plex's clock stands at `plex_now`."""

    sim: PlexSim
    pusher: Pusher
    ledger: Ledger
    folder: str
    plex_now: list[float]
    scenes: list[Scene] = field(default_factory=list)

    def add(self, **values: str) -> int:
        number = len(self.scenes) + 1
        file = (f"/media/{number}.mp4", 1000 + number)
        self.scenes.append(a_scene(number, file, **values))
        return self.sim.add_item(1, files=[file], title=f"Title {number}")

    def compare(self, scenes: Sequence[Scene] | None = None, *, after_s: float = 10.0) -> list[Finding]:
        """A run's sweep and one page, so long after whatever was before; reopens the cache."""
        self.plex_now[0] += after_s
        cache, plex = ReconciliationCache(self.folder), self.pusher.plex
        sections = plex.all_sections()
        sweep = Sweep(sections, plex=plex, sweeper=self.pusher.finder.sweeper, cache=cache)
        while not sweep.step():
            pass
        self.sim.clear_requests()
        library = choose_library(sections, "", self.pusher.finder.rules)
        comparison = PageComparison(
            pusher=self.pusher, stash=SceneShelf(self.scenes).as_client(), cache=cache, library=library
        )
        found = comparison.compare(self.scenes if scenes is None else scenes)
        cache.close()
        return found

    def read(self) -> list[int]:
        """The rating keys that the last comparison read in full."""
        return sorted(key for request in self.sim.requests for key in request.rating_keys)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    plex_now = [time.time() - HOUR_S]
    with PlexSim(token=TOKEN, clock=lambda: plex_now[0]) as sim:
        sim.add_section("Movies", locations=["/media"])
        plex = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=5))
        ledger, index = Ledger(str(tmp_path)), Index(str(tmp_path), sim.url)
        settings, _ = parse_settings({"plex_url": sim.url, "plex_token": TOKEN}, {})
        finder = Finder(plex, index, clock=Clock(), log=LOG)
        pusher = Pusher(
            clients=Clients(here=plex, beside=plex), finder=finder, ledger=ledger, server="here", settings=settings,
            clock=Clock(), log=LOG
        )
        yield Sides(sim, pusher, ledger, str(tmp_path), plex_now)
        plex.close()
        index.close()
        ledger.close()


def test_unchanged_items_are_read_once(sides: Sides) -> None:
    keys = [sides.add() for _ in range(3)]
    assert [finding.gap for finding in sides.compare()] == [None] * 3
    assert sides.read() == keys
    assert [finding.gap for finding in sides.compare()] == [None] * 3
    assert sides.read() == []


def test_item_with_a_gap_is_read_until_it_is_closed(sides: Sides) -> None:
    key = sides.add(details="not in Plex")
    for _ in range(2):
        assert sides.compare()[0].gap
        assert sides.read() == [key]


def test_changes_on_either_side_are_noticed(sides: Sides) -> None:
    edited, rated, changed, _untouched = (sides.add() for _ in range(4))
    sides.compare()
    sides.plex_now[0] += HOUR_S / 2
    sides.sim.edit_by_hand(edited, title="by hand")
    sides.sim.rate_by_hand(rated, 5)
    sides.scenes[2] = replace(sides.scenes[2], title="Changed")
    found = sides.compare()
    assert sides.read() == [edited, rated, changed]
    assert [bool(finding.gap) for finding in found] == [True, False, True, False]


def test_item_that_changed_within_the_current_second_is_not_cached(sides: Sides) -> None:
    key = sides.add()
    for _ in range(2):
        assert sides.compare(after_s=0.0)[0].gap is None
        assert sides.read() == [key]


def test_corrupt_cache_is_replaced_by_an_empty_one(sides: Sides, tmp_path: Path) -> None:
    key = sides.add()
    sides.compare()
    (tmp_path / RECONCILIATION_CACHE).write_bytes(b"no database" * 1000)
    for ending in ("-wal", "-shm"):
        (tmp_path / (RECONCILIATION_CACHE + ending)).unlink(missing_ok=True)
    sides.compare()
    assert sides.read() == [key]


def test_item_that_was_replaced_under_a_new_key_is_compared(sides: Sides) -> None:
    key = sides.add()
    sides.compare()
    new_key = sides.sim.replace_file(key, files=[("/media/1.mp4", 1001)])
    found = sides.compare()
    assert sides.read() == [new_key]
    assert found[0].gap is None


def test_unreadable_items_are_isolated_and_many_of_them_are_an_error(sides: Sides) -> None:
    keys = [sides.add() for _ in range(MAX_UNREADABLE_ITEMS + 8)]
    for key in (keys[0], keys[9]):
        sides.sim.fault(Fault.answer(500), path="/library/metadata/", rating_key=key)
    items, unreadable = read_isolating_failures(sides.pusher.plex, keys)
    assert unreadable == {keys[0], keys[9]}
    assert sorted(items) == sorted(set(keys) - unreadable)
    sides.sim.fault(Fault.answer(500), path="/library/metadata/")
    with pytest.raises(PlexServerError):
        read_isolating_failures(sides.pusher.plex, keys)


class _CutOffPlex:
    """A Plex whose response to several keys is cut off after `at_most` items, or refused if that is 0."""

    def __init__(self, plex: PlexClient, at_most: int) -> None:
        self._plex = plex
        self._at_most = at_most

    def read_items(self, rating_keys: Sequence[int], *, batch_size: int) -> dict[int, PlexItem]:
        if len(rating_keys) > 1 and not self._at_most:
            raise Rejected(400, "")
        answered = rating_keys if len(rating_keys) == 1 else rating_keys[: self._at_most]
        return self._plex.read_items(answered, batch_size=batch_size)


@pytest.mark.parametrize("at_most", [0, 1, 3])
def test_only_a_response_for_a_single_key_proves_that_an_item_is_gone(sides: Sides, at_most: int) -> None:
    keys = [sides.add() for _ in range(8)]
    plex = cast("PlexClient", _CutOffPlex(sides.pusher.plex, at_most))
    items, unreadable = read_isolating_failures(plex, [*keys, 987654])
    assert sorted(items) == sorted(keys)
    assert not unreadable


def test_unclaimed_items_are_counted(sides: Sides) -> None:
    sides.add()
    sides.sim.add_item(1, files=[("/media/nobody's.mp4", 1)])
    cache = ReconciliationCache(sides.folder)
    cache.add_swept(list(sides.pusher.plex.sweep(sides.pusher.plex.all_sections()[0])))
    cache.claim([1])
    assert (cache.count_swept(), cache.count_unclaimed([1]), cache.count_unclaimed([2])) == (2, 1, 0)
    cache.close()


def test_items_that_plex_no_longer_has_are_dropped_from_the_cache(sides: Sides) -> None:
    sides.add()
    sides.compare()
    cache = ReconciliationCache(sides.folder)
    assert cache.equal_states([1])
    cache.drop_unswept()  # after a sweep that showed nothing
    assert not cache.equal_states([1])
    cache.close()


def test_a_gap_in_an_item_of_another_scene_is_none_of_this_scene(sides: Sides) -> None:
    """Nor does it come back with the next run."""
    key = sides.add(details="not in Plex")
    sides.scenes.append(a_scene(2, ("/elsewhere/1.mp4", 1001)))
    for _ in range(2):
        gaps = [finding.gap for finding in sides.compare()]
        assert [gap and gap.type for gap in gaps] == [GapType.EMPTY, GapType.MISSING]
    sides.scenes.pop(0)  # then only Plex knows the item
    assert [finding.gap and finding.gap.type for finding in sides.compare()] == [GapType.STALE]
    assert sides.read() == [key]
