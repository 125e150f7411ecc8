"""Passes of catch-up over a queue and a ledger on disk, while the clock jumps."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest

from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.clocks import SetClock
from tests.support.scenes import a_scene
from worker.catch_up import EVERY_S, PAGE, CatchUp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

YEAR_S = 365 * 86_400.0


@dataclass(slots=True, kw_only=True)
class Shelf:
    """Scenes by id with the time of their last change; Stash's clock shows `offset_hours`."""

    times: dict[int, float] = field(default_factory=dict)
    offset_hours: int = 0
    is_known: bool = True

    def client(self) -> Shelf:
        return self

    def list_updates(self, *, page: int, per_page: int) -> list[tuple[int, str]]:
        zone = timezone(timedelta(hours=self.offset_hours))
        texts = {scene: datetime.fromtimestamp(int(at), zone).isoformat() for scene, at in self.times.items()}
        newest_first = sorted(texts.items(), key=lambda scene: scene[1], reverse=True)
        return newest_first[(page - 1) * per_page : page * per_page]


@dataclass(slots=True, kw_only=True)
class Desk:
    """One living worker's catch-up."""

    queue: JobQueue
    ledger: Ledger
    shelf: Shelf = field(default_factory=Shelf)
    clock: SetClock = field(default_factory=SetClock)

    def start(self) -> CatchUp:
        return CatchUp(
            queue=self.queue, ledger=self.ledger, stash=cast("Any", self.shelf), clock=self.clock,
            log=logging.getLogger("test"),
        )  # fmt: skip

    def jump(self, seconds: float) -> float:
        self.clock.set(self.clock.now() + seconds)
        return self.clock.now()

    def look(self, catch_up: CatchUp) -> list[int]:
        """All passes that are due now; the scenes that are queued then."""
        for _ in range(50):
            due_at = catch_up.due_at(self.clock.now())
            if due_at is None or due_at > self.clock.now():
                break
            catch_up.step(self.clock.now(), None)
        return sorted(job.scene_id for job in self.queue.jobs())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    ledger, queue = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue"))
    yield Desk(queue=queue, ledger=ledger)
    queue.close()
    ledger.close()


def test_changes_are_looked_for_every_ten_minutes(desk: Desk) -> None:
    catch_up = desk.start()
    desk.look(catch_up)
    desk.shelf.times[1] = desk.jump(60)
    assert desk.look(catch_up) == []
    desk.jump(EVERY_S)
    assert desk.look(catch_up) == [1]


@pytest.mark.parametrize("back_s", [3600.0, 3 * YEAR_S])
def test_a_clock_that_is_put_back_delays_no_look(desk: Desk, back_s: float) -> None:
    catch_up = desk.start()
    desk.look(catch_up)
    desk.shelf.times[1] = desk.jump(-back_s) + 1
    desk.jump(10)
    desk.look(catch_up)  # what was installed in the future was installed now
    desk.shelf.times[2] = desk.jump(60)
    desk.jump(EVERY_S)
    assert 2 in desk.look(catch_up)


def test_a_time_of_the_future_hides_no_change_of_the_present(desk: Desk) -> None:
    desk.look(desk.start())
    now = desk.jump(60)
    desk.shelf.times[0] = now + YEAR_S  # as an import brings it
    desk.look(desk.start())
    changed = range(1, 2 * PAGE)
    desk.shelf.times |= dict.fromkeys(changed, desk.jump(2 * 86_400.0))
    desk.jump(60)
    assert desk.look(desk.start())[-len(changed) :] == list(changed)


@pytest.mark.parametrize("hours", [1, -1, 12])
def test_a_change_of_stashs_offset_hides_nothing(desk: Desk, hours: int) -> None:
    desk.look(desk.start())
    desk.shelf.times[1] = desk.jump(60)
    desk.look(desk.start())
    desk.shelf.offset_hours += hours
    desk.shelf.times[2] = desk.jump(60)
    desk.jump(60)
    assert desk.look(desk.start()) == [1, 2]


def test_an_edit_that_had_its_event_is_not_said_to_have_come_without_one(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    catch_up = desk.start()
    desk.look(catch_up)
    edited_at = desk.jump(60)
    desk.shelf.times |= {1: edited_at, 2: edited_at}
    ((_, updated_at),) = desk.shelf.list_updates(page=1, per_page=1)
    desk.ledger.store_judgement(
        a_scene(1, updated_at=updated_at), Judgement.PUSHED, fingerprint="f", files="f", now=edited_at + 0.5
    )
    desk.jump(EVERY_S)
    assert desk.look(catch_up) == [1, 2]
    assert caplog.messages == ["1 scene changed in Stash without an event; queued"]
