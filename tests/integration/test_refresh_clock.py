"""A refresh of the index while either clock is wrong or set: Plex's, or this machine's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from plex.client import CHANGES_PAGE_ITEMS, PlexClient
from plex.connection import PlexConnection
from plex.index import ExpectedFile, Index
from plex.sweep import REFRESH_EVERY_S, SWEEP_EVERY_S, Sweeper
from sim.plex.simulator import PlexSim
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR_S, DAY_S, YEAR_S = 3600.0, 86_400.0, 365 * 86_400.0
SKEWS = pytest.mark.parametrize("ahead_s", [0.0, -3 * HOUR_S, 3 * HOUR_S, -YEAR_S, YEAR_S])
JUMPS = pytest.mark.parametrize("jump_s", [-60.0, -3 * HOUR_S, 3 * HOUR_S, -YEAR_S, YEAR_S])


@dataclass(slots=True)
class World:
    """An index with its sweeper; Plex's clock is `ahead_s` ahead."""

    folder: Path
    clock: SetClock
    ahead_s: list[float]
    sim: PlexSim
    client: PlexClient
    indexes: list[Index] = field(default_factory=list)

    def start(self) -> Sweeper:
        """The sweeper of a new process."""
        self.indexes.append(Index(str(self.folder), "x"))
        return Sweeper(self.client, self.indexes[-1], self.clock)

    def add(self, name: str, added_at: int | None = None) -> int:
        return self.sim.add_item(1, files=[(f"/media/{name}.mp4", 1)], added_at=added_at)

    def has(self, name: str) -> bool:
        return bool(self.indexes[-1].candidates([ExpectedFile(path=f"/media/{name}.mp4", size=1)]))

    def wait(self, seconds: float) -> None:
        self.clock.set(self.clock.now() + seconds)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, ahead_s = SetClock(), [0.0]
    with PlexSim(clock=lambda: clock.now() + ahead_s[0]) as sim:
        sim.add_section("Movies", locations=["/media"])
        client = PlexClient(PlexConnection(url=sim.url, token=sim.token, read_timeout_s=5))
        world = World(tmp_path, clock, ahead_s, sim, client)
        yield world
        client.close()
        for index in world.indexes:
            index.close()


@SKEWS
@pytest.mark.parametrize("swept", [True, False])
def test_an_item_is_seen_however_wrong_plexs_clock_is(world: World, ahead_s: float, *, swept: bool) -> None:
    world.ahead_s[0] = ahead_s
    world.add("old")
    sweeper = world.start()
    if swept:
        sweeper.sweep_all()
    for name in ("first", "second"):
        world.wait(REFRESH_EVERY_S)
        world.add(name)
        sweeper.refresh()
        assert world.has(name)


@JUMPS
@pytest.mark.parametrize("restarted", [True, False])
@pytest.mark.parametrize("swept", [True, False])
def test_an_item_is_seen_after_plexs_clock_was_set(
    world: World, jump_s: float, *, swept: bool, restarted: bool
) -> None:
    """More items than a page have newer times than what is added after the clock was set back."""
    for number in range(CHANGES_PAGE_ITEMS + 20):
        world.add(f"old {number}")
    sweeper = world.start()
    if swept:
        sweeper.sweep_all()
    sweeper.refresh()
    for number in range(CHANGES_PAGE_ITEMS + 20):
        world.add(f"newer {number}")
    world.wait(REFRESH_EVERY_S)
    sweeper.refresh()
    world.ahead_s[0] += jump_s
    world.wait(50)
    if restarted:
        sweeper = world.start()
    world.add("added")
    world.wait(10)
    sweeper.refresh()
    assert world.has("added")


@JUMPS
@pytest.mark.parametrize("restarted", [True, False])
def test_an_item_is_seen_after_our_own_clock_was_set(world: World, jump_s: float, *, restarted: bool) -> None:
    world.add("old")
    sweeper = world.start()
    sweeper.sweep_all()
    world.clock.jump(jump_s)
    world.ahead_s[0] -= jump_s
    world.wait(REFRESH_EVERY_S)
    if restarted:
        sweeper = world.start()
    world.add("added")
    assert sweeper.refresh()
    assert world.has("added")


def test_an_item_dated_in_the_future_hides_none_that_follows(world: World) -> None:
    """Times of an item can be edited."""
    sweeper = world.start()
    sweeper.sweep_all()
    for number in range(CHANGES_PAGE_ITEMS + 5):
        world.add(f"future {number}", added_at=int(world.clock.now() + YEAR_S))
    for name in ("first", "second"):
        world.wait(REFRESH_EVERY_S)
        world.add(name)
        sweeper.refresh()
        assert world.has(name)


def test_a_refresh_of_a_quiet_library_stores_nothing(world: World) -> None:
    for number in range(30):
        world.add(f"old {number}")
    sweeper = world.start()
    sweeper.refresh()
    world.wait(DAY_S)
    index = world.indexes[-1]
    index.await_files(7, [ExpectedFile(path="/media/old 3.mp4", size=1)])
    sweeper.refresh()
    assert index.seen_scenes() == []


@JUMPS
def test_a_refresh_counts_as_fresh_for_half_a_minute_whatever_the_clock_says(world: World, jump_s: float) -> None:
    sweeper = world.start()
    sweeper.sweep_all()
    world.wait(1)
    began_at = world.clock.now() - 1
    assert sweeper.is_fresh(began_at)
    assert not sweeper.is_fresh(began_at + 0.5)
    world.clock.jump(jump_s)
    assert not sweeper.is_fresh(world.clock.now() - HOUR_S)
    assert not sweeper.refresh()
    world.wait(REFRESH_EVERY_S)
    assert not sweeper.is_fresh(0.0)
    assert sweeper.refresh()
    assert sweeper.is_fresh(world.clock.now())


def test_a_refresh_of_an_earlier_process_is_never_fresh(world: World) -> None:
    world.start().sweep_all()
    assert not world.start().is_fresh(0.0)
    assert world.start().refresh()


@pytest.mark.parametrize(("jump_s", "sweeps"), [(0.0, False), (-HOUR_S, True), (-YEAR_S, True), (SWEEP_EVERY_S, True)])
def test_a_sweep_of_an_earlier_process_is_believed_for_a_day(world: World, jump_s: float, *, sweeps: bool) -> None:
    key = world.add("gone")
    world.start().sweep_all()
    world.clock.jump(jump_s)
    world.sim.remove_item(key)
    world.add("there")
    world.start().sweep_all()
    assert world.has("gone") is not sweeps


@JUMPS
def test_a_sweep_during_which_the_clock_is_set_drops_only_what_is_gone(world: World, jump_s: float) -> None:
    gone = world.add("gone")
    world.add("there")
    sweeper = world.start()
    sweeper.sweep_all()
    world.sim.remove_item(gone)
    (section,) = world.client.sections()
    beginning = sweeper.begin()
    world.clock.jump(jump_s)
    sweeper.record_sweep(section, sweeper.store_items(world.client.sweep(section)), beginning)
    assert (world.has("gone"), world.has("there")) == (False, True)
