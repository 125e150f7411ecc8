"""Changes of tags, performers, studios, groups and files without an event, with a ledger, a queue and an inbox on disk.

What is put into the inbox is fanned out as after an event; here, only the inbox is looked at.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from local import inbox
from stash.changes import ENTITIES, Change, Changed
from stash.errors import StashRefused
from store.job import Reason, new_job
from store.ledger import Ledger
from store.queue import JobQueue
from store.requests import Command, CommandStore
from store.seen_changes import SeenChanges
from tests.support.clocks import SetClock
from tests.support.stash_lists import page_of
from worker.catch_up import EVERY_S, PAGE, CatchUp
from worker.clearing import Clearing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stash.changes import Newest, Position

DAY_S = 86_400.0
CREATED = "2020-01-01T00:00:00+02:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalClock(SetClock):
    """`offset_hours`: the last is the UTC offset of this machine."""

    offset_hours: list[int] = field(default_factory=lambda: [2])

    def utc_offset_s(self, at: float) -> float:  # noqa: ARG002 - it stands still, too
        return 3600.0 * self.offset_hours[-1]


@dataclass(slots=True, kw_only=True)
class FakeStash:
    """Lists what changed when; each file belongs to the scene of its id."""

    rows: dict[Changed, dict[int, str]] = field(default_factory=lambda: {kind: {} for kind in Changed})
    offset_hours: int = 2
    before_page: Callable[[int], object] = lambda _number: None
    refused: set[Changed] = field(default_factory=set)
    pages: int = 0
    is_known: bool = True
    newest: Newest | None = None

    def client(self) -> FakeStash:
        return self

    def change(self, kind: Changed, ids: Sequence[int], at: float) -> None:
        zone = timezone(timedelta(hours=self.offset_hours))
        self.rows[kind] |= dict.fromkeys(ids, datetime.fromtimestamp(int(at), zone).isoformat())

    def list_changes(self, positions: Mapping[Changed, Position]) -> dict[Changed, list[Change]]:
        if self.refused & set(positions):
            raise StashRefused("boom")
        self.pages += 1
        self.before_page(self.pages)
        listed = {
            kind: [Change(id=each, updated_at=text, created_at=CREATED) for each, text in rows.items()]
            for kind, rows in self.rows.items()
        }
        return page_of(listed, positions)

    def scene_ids_of_files(self, files: Sequence[Change]) -> dict[int, list[int]]:
        return {file.id: [file.id] for file in files}


@dataclass(slots=True, kw_only=True)
class World:
    """What the catch-up of one worker after another works with."""

    directory: str
    queue: JobQueue
    ledger: Ledger
    clock: LocalClock
    stash: FakeStash = field(default_factory=FakeStash)

    def start(self) -> CatchUp:
        return CatchUp(
            directory=self.directory, queue=self.queue, ledger=self.ledger, stash=cast("Any", self.stash),
            clock=self.clock, log=logging.getLogger("test"),
        )  # fmt: skip

    def jump(self, seconds: float) -> float:
        self.clock.set(self.clock.now() + seconds)
        return self.clock.now()

    def run(self, catch_up: CatchUp | None = None) -> list[tuple[str, int]]:
        """Run what is due now; what was put into the inbox, and the scenes that were queued."""
        catch_up = catch_up or self.start()
        found = []
        for _ in range(1000):
            due_at = catch_up.due_at(self.clock.now())
            if due_at is None or due_at > self.clock.now():
                break
            catch_up.step(self.clock.now(), None)
            found += self.empty_inbox()
        found += [("scene", job.scene_id) for job in self.queue.jobs()]
        self.queue.finish_all([job.scene_id for job in self.queue.jobs()])
        return sorted(found)

    def empty_inbox(self) -> list[tuple[str, int]]:
        entries, _ = inbox.list_entries(self.directory, 0.0)
        for entry in entries:
            Path(entry.path).unlink()
        return [(entry.kind, int(entry.key)) for entry in entries]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """PlexSync was installed ten days ago; nothing has changed since."""
    inbox.prepare(str(tmp_path))
    clock = LocalClock()
    ledger, queue = Ledger(str(tmp_path)), JobQueue(str(tmp_path / "queue"), clock=clock)
    world = World(directory=str(tmp_path), queue=queue, ledger=ledger, clock=clock)
    world.run()
    world.jump(10 * DAY_S)
    yield world
    queue.close()
    ledger.close()


def all_of(*changes: tuple[Changed, Sequence[int]]) -> list[tuple[str, int]]:
    """As `World.run` returns them; a file leads to its scene."""
    return sorted(
        ("scene" if kind is Changed.FILE else kind.value, each) for kind, ids in changes for each in ids
    )


@pytest.mark.parametrize("kind", [*ENTITIES, Changed.FILE])
def test_a_change_is_passed_on_once(world: World, kind: Changed) -> None:
    world.stash.change(kind, [7], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((kind, [7]))
    world.jump(EVERY_S)
    assert world.run() == []
    world.stash.change(kind, [7], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((kind, [7]))


def test_a_check_without_changes_costs_one_query(world: World) -> None:
    world.stash.pages = 0
    assert world.run() == []
    assert world.stash.pages == 1


def test_the_first_worker_after_an_update_of_the_plugin_queues_nothing(world: World) -> None:
    for kind in (*ENTITIES, Changed.FILE):
        world.stash.change(kind, range(1, 2 * PAGE), world.jump(-3600) + 3500)
    with world.ledger.transaction() as database:  # as the version before left it
        database.execute("DELETE FROM moment WHERE name = 'others_since'")
        database.execute("DELETE FROM seen_change")
    world.jump(5 * 3600)
    assert world.run() == []
    world.stash.change(Changed.STUDIO, [3], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((Changed.STUDIO, [3]))


def test_a_change_that_came_with_an_event_is_not_passed_on_again(world: World) -> None:
    renamed_at = world.jump(60)
    world.stash.change(Changed.TAG, [1, 2], renamed_at)
    SeenChanges(world.ledger).store_event("tag", 1, renamed_at + 0.2)
    world.jump(60)
    assert world.run() == all_of((Changed.TAG, [2]))


def test_a_change_after_the_event_of_another_is_passed_on(world: World) -> None:
    SeenChanges(world.ledger).store_event("performer", 1, world.jump(60))
    world.stash.change(Changed.PERFORMER, [1], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((Changed.PERFORMER, [1]))


def test_an_event_of_the_future_stands_for_no_change(world: World) -> None:
    SeenChanges(world.ledger).store_event("tag", 1, world.clock.now() + 365 * DAY_S)  # the clock was wrong
    world.stash.change(Changed.TAG, [1], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((Changed.TAG, [1]))


@pytest.mark.parametrize("kind", [*ENTITIES, Changed.FILE])
def test_what_changed_this_very_second_is_looked_at_again_after_it(world: World, kind: Changed) -> None:
    """It may have changed again, with the same time."""
    catch_up = world.start()
    world.stash.change(kind, [4], world.clock.now())
    world.stash.change(kind, [5], world.clock.now() - 5)
    assert world.run(catch_up) == all_of((kind, [4, 5]))
    world.jump(2.5)
    assert world.run(catch_up) == all_of((kind, [4]))
    world.jump(EVERY_S)
    assert world.run(catch_up) == []


def clear_queue(world: World) -> None:
    store = CommandStore(world.ledger)
    clearing = Clearing(
        directory=world.directory, queue=world.queue, ledger=world.ledger, store=store, clock=world.clock
    )
    command = Command(id="clear", what="clear_queue", arguments={}, at=world.jump(1))
    store.record_start(command, now=command.at)
    clearing.clear_queue(command)


def test_what_was_cleared_does_not_come_back_until_it_changes_again(world: World) -> None:
    changed_at = world.jump(60)
    world.stash.change(Changed.TAG, [1], changed_at)
    world.stash.change(Changed.FILE, [2, 3], changed_at)
    world.jump(5)
    inbox.publish(world.directory, "tag-1", b"{}")
    os.utime(Path(inbox.folder(world.directory)) / "tag-1", (world.clock.now(), world.clock.now()))
    world.queue.add(new_job(2, Reason.HOOK, world.clock.now()))
    clear_queue(world)
    world.jump(60)
    assert world.run() == [("scene", 3)]
    for kind in (Changed.TAG, Changed.FILE):
        world.stash.change(kind, [1, 2], world.clock.now())
    world.jump(60)
    assert world.run() == all_of((Changed.FILE, [1, 2]), (Changed.TAG, [1, 2]))


def test_while_stash_scans_looks_do_not_follow_each_other(world: World) -> None:
    catch_up = world.start()
    world.stash.pages = 0
    for file_id in range(1, 200):
        world.stash.change(Changed.FILE, [file_id], world.clock.now())
        world.run(catch_up)
        world.jump(1)
    assert world.stash.pages == 2


def test_a_change_dated_in_the_future_is_passed_on_once(world: World) -> None:
    world.stash.change(Changed.TAG, [1], world.clock.now() + 365 * DAY_S)
    assert world.run() == all_of((Changed.TAG, [1]))
    for _ in range(3):
        world.jump(EVERY_S)
        assert world.run() == []
    world.stash.change(Changed.TAG, [2], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((Changed.TAG, [2]))


@pytest.mark.parametrize("every_s", [0, 0.01, 1])
def test_many_changes_are_passed_on_page_by_page(world: World, every_s: float) -> None:
    """Also where more of them than fit on a page share a second, as after an update of all performers."""
    ids = range(1, 3 * PAGE + 100)
    now = world.jump(5000)
    for each in ids:
        world.stash.change(Changed.PERFORMER, [each], now - 3000 + each * every_s)
    assert world.run() == all_of((Changed.PERFORMER, ids))
    assert world.run() == []


def test_what_is_deleted_between_two_pages_hides_nothing_else(world: World) -> None:
    ids = range(1, 2 * PAGE + 100)
    now = world.jump(5000)
    for kind in (Changed.TAG, Changed.FILE):
        for each in ids:
            world.stash.change(kind, [each], now - 3000 + each)

    def delete(page: int) -> None:
        if page == 2:
            for kind in (Changed.TAG, Changed.FILE):
                for each in ids[:5]:
                    del world.stash.rows[kind][each]

    world.stash.pages, world.stash.before_page = 0, delete
    assert world.run() == all_of((Changed.TAG, ids), (Changed.FILE, ids))


@pytest.mark.parametrize("hours", [1, -1, 12, -12])
@pytest.mark.parametrize("kind", [*ENTITIES, Changed.FILE])
def test_another_utc_offset_of_stash_hides_no_change(world: World, kind: Changed, hours: int) -> None:
    world.stash.change(kind, [1], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((kind, [1]))
    world.stash.offset_hours += hours
    world.clock.offset_hours.append(world.stash.offset_hours)
    world.stash.change(kind, [2], world.jump(60))
    world.jump(60)
    assert world.run() == all_of((kind, [2]))


@pytest.mark.parametrize("kind", ENTITIES)
def test_a_clock_set_back_by_an_hour_hides_no_change(world: World, kind: Changed) -> None:
    world.stash.change(kind, [1], world.jump(3600))
    world.jump(60)
    assert world.run() == all_of((kind, [1]))
    world.stash.change(kind, [2], world.jump(-1800))
    world.jump(60)
    assert world.run() == all_of((kind, [2]))
    world.jump(3600)
    assert world.run() == []


def test_a_list_that_stash_refuses_keeps_no_other_from_being_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    catch_up = world.start()
    world.stash.refused = {Changed.FILE}
    changed_at = world.jump(60)
    for kind in (Changed.TAG, Changed.SCENE, Changed.FILE):
        world.stash.change(kind, [1], changed_at)
    world.jump(60)
    assert world.run(catch_up) == all_of((Changed.TAG, [1]), (Changed.SCENE, [1]))
    world.jump(5 * DAY_S)
    world.run(catch_up)
    assert Counter(record.levelname for record in caplog.records)["WARNING"] == 1
    world.stash.refused = set()
    world.jump(EVERY_S)
    assert ("scene", 1) in world.run(catch_up)  # its file


def test_files_of_an_earlier_look_are_not_listed_again(world: World) -> None:
    world.stash.change(Changed.FILE, range(10 * PAGE), world.jump(60))
    world.jump(60)
    assert len(world.run()) == 10 * PAGE
    world.stash.change(Changed.FILE, [1], world.jump(2 * EVERY_S))
    world.jump(60)
    world.run()
    world.stash.pages = 0
    world.jump(EVERY_S)
    assert world.run() == []
    assert world.stash.pages == 1


def test_what_is_remembered_does_not_grow(world: World) -> None:
    for day in range(10):
        world.stash.change(Changed.FILE, [100 * day + each for each in range(100)], world.jump(DAY_S))
        world.jump(60)
        world.run()
    with world.ledger.reading() as database:
        (count,) = database.execute("SELECT count(*) FROM seen_change").fetchone()
    assert count <= 300
