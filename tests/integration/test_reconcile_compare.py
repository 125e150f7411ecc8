"""What a comparison reads from Plex, and what it may remember."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import pytest

from local.clock import Clock
from local.data_directory import RECONCILIATION_MEMORY
from plex.client import PlexClient, PlexConnection
from plex.errors import PlexServerError, Rejected
from plex.find import Finder
from plex.index import Index
from push.pusher import Pusher
from push.shared_items import Sharing
from reconciliation.cache import Memory
from reconciliation.compare import MOST_UNREADABLE, PageComparison, read_apart
from reconciliation.library import choose_library
from reconciliation.sweep import Sweep
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from stash.settings import parse_settings
from store.ledger import Ledger
from tests.support.scenes import a_scene

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
    """Both sides and what compares them; Plex's items bear times `plex_late_s` behind the clock."""

    sim: PlexSim
    pusher: Pusher
    ledger: Ledger
    folder: str
    plex_late_s: list[float]
    scenes: list[Scene] = field(default_factory=list)

    def add(self, **values: str) -> int:
        number = len(self.scenes) + 1
        file = (f"/media/{number}.mp4", 1000 + number)
        self.scenes.append(a_scene(number, file, **values))
        return self.sim.add_item(1, files=[file], title=f"Title {number}")

    def compare(self, scenes: Sequence[Scene] | None = None) -> list[Finding]:
        """A run's sweep and one page, each time with the file opened anew."""
        memory, plex = Memory(self.folder), self.pusher.plex
        sections = plex.all_sections()
        sweep = Sweep(
            sections, plex=plex, sweeper=self.pusher.finder.sweeper, memory=memory, clock=Clock()
        )
        while not sweep.step():
            pass
        self.sim.clear_requests()
        library = choose_library(sections, "", self.pusher.finder.rules)
        comparison = PageComparison(
            pusher=self.pusher, sharing=Sharing(self.ledger, LOG), memory=memory, library=library
        )
        found = comparison.compare(self.scenes if scenes is None else scenes)
        memory.close()
        return found

    def read(self) -> list[int]:
        """The items that the last comparison read in full."""
        return sorted(key for request in self.sim.requests for key in request.rating_keys)


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    late = [HOUR_S]
    with PlexSim(token=TOKEN, clock=lambda: time.time() - late[0]) as sim:
        sim.add_section("Movies", locations=["/media"])
        plex = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=5))
        ledger, index = Ledger(str(tmp_path)), Index(str(tmp_path), sim.url)
        settings, _ = parse_settings({"plex_url": sim.url, "plex_token": TOKEN}, {})
        finder = Finder(plex, index, clock=Clock(), log=LOG)
        pusher = Pusher(plex=plex, finder=finder, ledger=ledger, settings=settings, clock=Clock(), log=LOG)
        yield Sides(sim, pusher, ledger, str(tmp_path), late)
        plex.close()
        index.close()
        ledger.close()


def test_what_did_not_change_is_read_once(sides: Sides) -> None:
    keys = [sides.add() for _ in range(3)]
    assert [finding.gap for finding in sides.compare()] == [None] * 3
    assert sides.read() == keys
    assert [finding.gap for finding in sides.compare()] == [None] * 3
    assert sides.read() == []


def test_a_gap_is_read_again_until_it_is_closed(sides: Sides) -> None:
    key = sides.add(details="not in Plex")
    for _ in range(2):
        assert sides.compare()[0].gap
        assert sides.read() == [key]


def test_each_change_on_either_side_is_seen(sides: Sides) -> None:
    edited, rated, changed, _untouched = (sides.add() for _ in range(4))
    sides.compare()
    sides.plex_late_s[0] = HOUR_S / 2
    sides.sim.edit_by_hand(edited, title="by hand")
    sides.sim.rate_by_hand(rated, 5)
    sides.scenes[2] = replace(sides.scenes[2], title="Changed")
    found = sides.compare()
    assert sides.read() == [edited, rated, changed]
    assert [bool(finding.gap) for finding in found] == [True, False, True, False]


def test_an_item_of_this_very_second_is_not_remembered(sides: Sides) -> None:
    sides.plex_late_s[0] = -2.0  # its last change is not over, by the time that Plex's answers bear
    key = sides.add()
    for _ in range(2):
        assert sides.compare()[0].gap is None
        assert sides.read() == [key]


def test_a_file_of_memory_that_is_none_is_begun_anew(sides: Sides, tmp_path: Path) -> None:
    key = sides.add()
    sides.compare()
    (tmp_path / RECONCILIATION_MEMORY).write_bytes(b"no database" * 1000)
    for ending in ("-wal", "-shm"):
        (tmp_path / (RECONCILIATION_MEMORY + ending)).unlink(missing_ok=True)
    sides.compare()
    assert sides.read() == [key]


def test_an_item_replaced_by_one_of_a_new_key_is_compared_as_it_is_now(sides: Sides) -> None:
    key = sides.add()
    sides.compare()
    new_key = sides.sim.replace_file(key, files=[("/media/1.mp4", 1001)])
    found = sides.compare()
    assert sides.read() == [new_key]
    assert found[0].gap is None


def test_unreadable_items_are_told_apart_and_many_of_them_are_an_error(sides: Sides) -> None:
    keys = [sides.add() for _ in range(MOST_UNREADABLE + 8)]
    for key in (keys[0], keys[9]):
        sides.sim.fault(Fault.answer(500), path="/library/metadata/", rating_key=key)
    items, unreadable = read_apart(sides.pusher.plex, keys)
    assert unreadable == {keys[0], keys[9]}
    assert sorted(items) == sorted(set(keys) - unreadable)
    sides.sim.fault(Fault.answer(500), path="/library/metadata/")
    with pytest.raises(PlexServerError):
        read_apart(sides.pusher.plex, keys)


class _Reading:
    """A Plex whose answer to many keys is cut off after `at_most` items, or refused when that is 0."""

    def __init__(self, plex: PlexClient, at_most: int) -> None:
        self._plex = plex
        self._at_most = at_most

    def read_items(self, rating_keys: Sequence[int], *, at_once: int) -> dict[int, PlexItem]:
        if len(rating_keys) > 1 and not self._at_most:
            raise Rejected(400, "")
        answered = rating_keys if len(rating_keys) == 1 else rating_keys[: self._at_most]
        return self._plex.read_items(answered, at_once=at_once)


@pytest.mark.parametrize("at_most", [0, 1, 3])
def test_only_an_answer_for_one_item_says_that_it_is_gone(sides: Sides, at_most: int) -> None:
    keys = [sides.add() for _ in range(8)]
    plex = cast("PlexClient", _Reading(sides.pusher.plex, at_most))
    items, unreadable = read_apart(plex, [*keys, 987654])
    assert sorted(items) == sorted(keys)
    assert not unreadable


def test_items_that_no_scene_holds_are_counted(sides: Sides) -> None:
    sides.add()
    sides.sim.add_item(1, files=[("/media/nobody's.mp4", 1)])
    memory = Memory(sides.folder)
    memory.see(list(sides.pusher.plex.sweep(sides.pusher.plex.all_sections()[0])))
    memory.claim([1])
    assert (memory.count_seen(), memory.count_unclaimed([1]), memory.count_unclaimed([2])) == (2, 1, 0)
    memory.close()


def test_what_plex_no_longer_has_is_forgotten(sides: Sides) -> None:
    sides.add()
    sides.compare()
    memory = Memory(sides.folder)
    assert memory.compared([1])
    memory.forget_unseen()  # a sweep that showed nothing
    assert not memory.compared([1])
    memory.close()
