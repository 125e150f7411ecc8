"""Catch-up with a queue and a ledger on disk, while the clock jumps."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest

from stash.changes import Change, Changed
from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.clocks import SetClock
from tests.support.scenes import a_scene
from tests.support.stash_lists import page_of
from worker.catch_up import EVERY_S, PAGE, CatchUp

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from stash.changes import Newest, Position

YEAR_S = 365 * 86_400.0


@dataclass(slots=True, kw_only=True)
class FakeStash:
    """Lists scenes. `times`: the time of the last change, by scene id. `offset_hours`: of Stash's clock from UTC."""

    times: dict[int, float] = field(default_factory=dict)
    offset_hours: int = 0
    listed: list[Change] = field(default_factory=list)
    is_known: bool = True
    newest: Newest | None = None

    def client(self) -> FakeStash:
        return self

    def text_of(self, scene: int) -> str:
        zone = timezone(timedelta(hours=self.offset_hours))
        return datetime.fromtimestamp(int(self.times[scene]), zone).isoformat()

    def list_changes(self, positions: Mapping[Changed, Position]) -> dict[Changed, list[Change]]:
        rows = [Change(id=scene, updated_at=self.text_of(scene)) for scene in self.times]
        page = page_of({Changed.SCENE: rows}, positions)
        self.listed += page[Changed.SCENE]
        return page


@dataclass(slots=True, kw_only=True)
class World:
    """What the catch-ups of successive workers work with."""

    directory: str
    queue: JobQueue
    ledger: Ledger
    stash: FakeStash = field(default_factory=FakeStash)
    clock: SetClock = field(default_factory=SetClock)

    def start(self) -> CatchUp:
        return CatchUp(
            directory=self.directory, queue=self.queue, ledger=self.ledger, stash=cast("Any", self.stash),
            clock=self.clock, log=logging.getLogger("test"),
        )  # fmt: skip

    def jump(self, seconds: float) -> float:
        self.clock.set(self.clock.now() + seconds)
        return self.clock.now()

    def run(self, catch_up: CatchUp) -> list[int]:
        """Run all passes that are due now; return the scenes that are queued then."""
        for _ in range(50):
            due_at = catch_up.due_at(self.clock.now())
            if due_at is None or due_at > self.clock.now():
                break
            catch_up.step(self.clock.now(), None)
        return sorted(job.scene_id for job in self.queue.jobs())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = SetClock()
    ledger, queue = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue"), clock=clock)
    yield World(directory=str(tmp_path), queue=queue, ledger=ledger, clock=clock)
    queue.close()
    ledger.close()


def test_catch_up_runs_every_ten_minutes(world: World) -> None:
    catch_up = world.start()
    world.run(catch_up)
    world.stash.times[1] = world.jump(60)
    assert world.run(catch_up) == []
    world.jump(EVERY_S)
    assert world.run(catch_up) == [1]


@pytest.mark.parametrize("back_s", [3600.0, 3 * YEAR_S])
def test_setting_the_clock_back_delays_no_pass(world: World, back_s: float) -> None:
    catch_up = world.start()
    world.run(catch_up)
    world.stash.times[1] = world.jump(-back_s) + 1
    world.jump(10)
    world.run(catch_up)  # an installation in the future counts as happening now
    world.stash.times[2] = world.jump(60)
    world.jump(EVERY_S)
    assert 2 in world.run(catch_up)


def test_a_change_dated_in_the_future_hides_no_present_change(world: World) -> None:
    world.run(world.start())
    now = world.jump(60)
    world.stash.times[0] = now + YEAR_S  # as an import may set it
    world.run(world.start())
    changed = range(1, 2 * PAGE)
    world.stash.times |= dict.fromkeys(changed, world.jump(2 * 86_400.0))
    world.jump(60)
    assert world.run(world.start())[-len(changed) :] == list(changed)


@pytest.mark.parametrize("hours", [1, -1, 12])
def test_a_new_utc_offset_of_stash_hides_no_change(world: World, hours: int) -> None:
    world.run(world.start())
    world.stash.times[1] = world.jump(60)
    world.run(world.start())
    world.stash.offset_hours += hours
    world.stash.times[2] = world.jump(60)
    world.jump(60)
    assert world.run(world.start()) == [1, 2]


def test_changes_older_than_a_day_are_not_listed_again(world: World) -> None:
    world.run(world.start())
    now = world.jump(10 * 86_400.0)
    world.stash.times = {scene: now - scene for scene in range(1, 3 * PAGE)}
    assert len(world.run(world.start())) == len(world.stash.times)
    for days, is_listed in ((0.5, True), (1, True), (1, False), (30, False)):
        world.jump(days * 86_400)
        world.stash.listed.clear()
        world.run(world.start())
        assert len(world.stash.listed) == (len(world.stash.times) if is_listed else 0)


def test_an_edit_with_an_event_is_not_logged_as_one_without(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    catch_up = world.start()
    world.run(catch_up)
    edited_at = world.jump(60)
    world.stash.times |= {1: edited_at, 2: edited_at}
    world.ledger.store_judgement(
        a_scene(1, updated_at=world.stash.text_of(1)), Judgement.PUSHED, fingerprint="f", files="f", now=edited_at + 0.5
    )
    world.jump(EVERY_S)
    assert world.run(catch_up) == [1, 2]
    assert caplog.messages == ["1 scene changed in Stash without an event; queued"]
