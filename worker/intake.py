"""Moves events from the inbox into the queue, and queues the scenes of changed tags, performers, studios and groups.

An entry is queued first, then unlinked, and only then is Stash read: an event after the unlink makes a new file, and a
crash before the unlink only repeats work.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, cast

from local import inbox
from local.clock import Countdown, Stopwatch
from local.hide_paths import as_path
from stash.errors import StashRefused, StashUnavailable
from store.job import Reason, new_job
from store.seen_changes import SeenChanges

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from local.clock import Clock
    from stash.client import Kind
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

ENTITY_PAGE = 500
# If Stash fails to list the scenes of an entity, it is asked again after this time. Scaled.
REFUSED_RETRY_S = 600.0

# Entries that are taken in by one transaction, and how long one call of `claim` goes on.
CHUNK, SLICE_S = 1000, 0.5
# Changed entities whose scenes are asked for together.
GROUP = 500
_NAMED = 5

_Event = tuple[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The result of one look into the inbox. `count`: the number of all entries."""

    count: int
    entities: list[inbox.Entry]  # their scenes must still be queued
    commands: list[inbox.Entry]  # still to be carried out


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cursor:
    """The progress of a fan-out.

    `position`: of the entity whose scenes are read from the ledger. `after`: the last scene id read. `is_in_stash`:
    whether it was read from Stash's list, which follows the ledger's. `namesakes`: performers whose scenes are listed
    too, because they bear the name of the changed one; None: not asked.
    """

    position: int = 0
    after: int = 0
    is_in_stash: bool = False
    namesakes: tuple[int, ...] | None = None


class Intake:
    """Claims the entries that hooks and tasks left in the inbox of a data directory."""

    def __init__(
        self, *, directory: str, queue: JobQueue, ledger: Ledger, stash: StashLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._directory = directory
        self._queue = queue
        self._ledger = ledger
        self._stash = stash
        self._clock = clock
        self._log = log

    def claim(self) -> Claimed:
        """Queue scenes and batches, take the connection, and claim entities. Commands stay in the inbox.

        Oldest first. After SLICE_S the rest is left for the next call, and with it every command that is newer.
        """
        entries, unknown_paths = inbox.list_entries(self._directory, self._clock.now())
        for path in unknown_paths:
            self._log.warning(
                "%s is not an entry of the inbox; it was moved to %s",
                as_path(path),
                as_path(inbox.set_aside(self._directory, path)),
            )
        self._take_connection(entries)
        # By path: a later event of the same entity takes the place of the one that was claimed before.
        entities = {each.path: each for each in entries if each.kind in inbox.ENTITIES and inbox.is_claimed(each)}
        commands: list[inbox.Entry] = []
        took = Stopwatch(self._clock)
        took.start()
        for chunk in _chunks([entry for entry in entries if entry.path not in entities]):
            self._take_scenes([entry for entry in chunk if entry.kind == inbox.SCENE])
            for entry in chunk:
                if entry.kind in inbox.ENTITIES:
                    claimed = inbox.claim(entry)
                    entities[claimed.path] = claimed
                elif entry.kind == inbox.COMMAND:
                    commands.append(entry)
                elif entry.kind != inbox.SCENE:
                    self._take_other(entry)
            if took.passed_s > SLICE_S:
                break
        return Claimed(count=len(entries), entities=[*entities.values()], commands=commands)

    def _take_scenes(self, entries: Sequence[inbox.Entry]) -> None:
        """Queue them in one transaction, since each one flushes the disk."""
        if entries:
            self._queue.add_all(new_job(int(entry.key), Reason.HOOK, entry.at) for entry in entries)
        for entry in entries:
            _remove(entry.path)

    def _take_connection(self, entries: Iterable[inbox.Entry]) -> None:
        """Take it from the newest entry that holds one; a hook that was killed early leaves an empty file."""
        for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
            if entry.kind in (inbox.BATCH, inbox.COMMAND):
                continue
            if self._stash.offer(_read(entry.path)):
                return

    def _take_other(self, entry: inbox.Entry) -> None:
        if entry.kind == inbox.BATCH:
            self._queue_batch(entry)
        _remove(entry.path)

    def _queue_batch(self, entry: inbox.Entry) -> None:
        try:
            data = json.loads(_read(entry.path))
            reason = Reason(data["reason"])
            scene_ids = [int(scene_id) for scene_id in data["scene_ids"]]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            where = inbox.set_aside(self._directory, entry.path)
            self._log.warning("a batch of scenes could not be read (%s); it was moved to %s", error, as_path(where))
            return
        self._queue.add_all(new_job(scene_id, reason, entry.at) for scene_id in scene_ids)


class FanOut:
    """Queues the scenes of changed tags, performers, studios and groups, one page at a time.

    Entities of one kind are taken together, or thousands of them would cost as many questions. The progress is kept in
    memory only: after a kill it starts over.
    """

    def __init__(
        self, *, queue: JobQueue, ledger: Ledger, stash: StashLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._seen = SeenChanges(ledger)
        self._stash = stash
        self._clock = clock
        self._log = log
        self._refused_retry_s = clock.interval(REFUSED_RETRY_S)
        self._entities: dict[_Event, inbox.Entry] = {}
        self._refused: dict[_Event, Countdown] = {}  # until asked again, by event whose scenes Stash failed to list
        self._alone: set[_Event] = set()  # asked for by themselves, since a question about several failed
        self._group: tuple[inbox.Entry, ...] = ()  # partly queued
        self._cursor = _Cursor()

    @property
    def is_due(self) -> bool:
        """Whether there is a page to queue now."""
        return bool(self._entities)

    @property
    def is_pending(self) -> bool:
        """Whether there are pages left to queue, now or later."""
        return bool(self._entities or self._refused)

    def update(self, entities: Iterable[inbox.Entry]) -> None:
        """Take the entities now in the inbox, and forget refusals of entries that were replaced or cleared."""
        by_event = {_event_of(each): each for each in entities}
        self._refused = {event: wait for event, wait in self._refused.items() if event in by_event}
        self._alone &= by_event.keys()
        waiting = {event for event, wait in self._refused.items() if not wait.is_over}
        self._entities = {event: each for event, each in by_event.items() if event not in waiting}
        if not all(_event_of(each) in self._entities for each in self._group):
            self._group = ()  # one of them changed again or was cleared

    def step(self, check_stash: Callable[[], object]) -> bool:
        """Queue the next page. False if Stash fails to list the scenes of an entity, which is retried later.

        `check_stash` must raise if Stash fails as a whole; its error is passed on.
        """
        group = self._group or self._next_group()
        try:
            is_done = self.queue_page(*group)
        except (StashUnavailable, StashRefused) as error:
            check_stash()
            self._group = ()
            self._note_refusal(group, error)
            return False
        for event in map(_event_of, group):
            self._refused.pop(event, None)
            if is_done:
                self._entities.pop(event, None)
        if is_done:
            names = ", ".join(f"{each.kind} {each.key}" for each in group[:_NAMED])
            self._log.debug("%s%s changed: the scenes are queued", names, " and others" if group[_NAMED:] else "")
        return True

    def _next_group(self) -> tuple[inbox.Entry, ...]:
        """The oldest entity, and others that can be asked for in the same question."""
        first = next(iter(self._entities.values()))
        # Stash is asked about the namesakes of each performer.
        if first.kind == "performer" or self._is_alone(first):
            return (first,)
        same = (each for each in self._entities.values() if each.kind == first.kind and not self._is_alone(each))
        return tuple(islice(same, GROUP))

    def _is_alone(self, entity: inbox.Entry) -> bool:
        event = _event_of(entity)
        return event in self._alone or event in self._refused

    def _note_refusal(self, group: Sequence[inbox.Entry], error: Exception) -> None:
        if len(group) > 1:
            self._alone.update(map(_event_of, group))  # one of them may be the cause
            return
        (entity,) = group
        self._entities.pop(_event_of(entity), None)
        self._refused[_event_of(entity)] = wait = Countdown(self._clock)
        wait.start(self._refused_retry_s)
        self._log.warning(
            "%s %s changed, but Stash fails to name its scenes (%s). Those that PlexSync knows of are queued; the "
            "others are asked for again later.", entity.kind, entity.key, error,
        )  # fmt: skip

    def queue_page(self, *group: inbox.Entry) -> bool:
        """Queue the next page of the scenes of these entities, which are of one kind. True if it was the last page.

        The scenes in the ledger come first, since Stash no longer knows a destroyed entity, then the scenes that Stash
        lists. Raises StashUnavailable and StashRefused.
        """
        if [*map(_event_of, group)] != [*map(_event_of, self._group)]:
            self._group, self._cursor = group, _Cursor()
        scene_ids, next_cursor = self._next_page(group[0].kind, [int(each.key) for each in group], self._cursor)
        at = max(each.at for each in group)
        self._queue.add_all(
            new_job(scene_id, Reason.ENTITY, at) for scene_id in scene_ids if not self._is_queued(scene_id, at)
        )
        if next_cursor:
            self._cursor = next_cursor
            return False
        self._group = ()
        self._seen.store_events(group[0].kind, [(int(each.key), each.at) for each in group])
        for each in group:
            _remove(each.path)
        return True

    def _is_queued(self, scene_id: int, at: float) -> bool:
        """Whether the same events have queued the scene already."""
        job = self._queue.job(scene_id)
        return job is not None and (job.reason, job.last_event_at) == (Reason.ENTITY, at)

    def _next_page(self, kind: str, entity_ids: Sequence[int], cursor: _Cursor) -> tuple[list[int], _Cursor | None]:
        """The scene ids at the cursor, and the next cursor; None after the last page."""
        if not cursor.is_in_stash:
            return self._next_known(kind, entity_ids, cursor)
        client = self._stash.client()
        namesakes = cursor.namesakes
        if namesakes is None:
            namesakes = client.namesakes_of(entity_ids[0]) if kind == "performer" else ()
        # By id, never by a number of rows: a scene that is deleted or loses the entity meanwhile would hide another.
        kind_in_stash = cast("Kind", kind)
        found = client.scene_ids_of(kind_in_stash, *entity_ids, *namesakes, after=cursor.after, limit=ENTITY_PAGE)
        queued = self._ledger.filter_by_entities(kind, entity_ids, found)
        rest = [scene_id for scene_id in found if scene_id not in queued]
        if len(found) < ENTITY_PAGE:
            return rest, None
        return rest, _Cursor(after=max(found), is_in_stash=True, namesakes=namesakes)

    def _next_known(self, kind: str, entity_ids: Sequence[int], cursor: _Cursor) -> tuple[list[int], _Cursor]:
        """Those that the ledger knows, entity by entity."""
        found: list[int] = []
        for position in range(cursor.position, len(entity_ids)):
            after = cursor.after if position == cursor.position else 0
            count = ENTITY_PAGE - len(found)
            known = self._ledger.scene_ids_of(kind, entity_ids[position], after=after, count=count)
            found += known
            if len(known) == count:
                return found, _Cursor(position=position, after=known[-1])
        return found, _Cursor(is_in_stash=True)


def _chunks(entries: Sequence[inbox.Entry]) -> Iterator[Sequence[inbox.Entry]]:
    return (entries[first : first + CHUNK] for first in range(0, len(entries), CHUNK))


def _event_of(entity: inbox.Entry) -> _Event:
    """The entry's path and time, which differ for a later event of the same entity."""
    return entity.path, entity.at


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # it was set aside
