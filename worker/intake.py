"""Moves events from the inbox into the queue, and queues the scenes of changed tags, performers, studios and groups.

An entry is queued first, then unlinked, and only then is Stash read: an event after the unlink makes a new file, and a
crash before the unlink only repeats work.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from local import inbox
from local.clock import Countdown
from stash.errors import StashRefused, StashUnavailable
from store.job import Reason, new_job
from store.seen_changes import SeenChanges

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable

    from local.clock import Clock
    from stash.client import Kind
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

ENTITY_PAGE = 500
# If Stash fails to list the scenes of an entity, it is asked again after this time. Scaled.
REFUSED_RETRY_S = 600.0

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

    `after`: the last scene id read. `is_in_stash`: whether it was read from Stash's list, which follows the ledger's.
    `namesakes`: performers whose scenes are listed too, because they bear the name of the changed one; None: not asked.
    """

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
        """Queue scenes and batches, take the connection, and claim entities. Commands stay in the inbox."""
        entries, unknown_paths = inbox.list_entries(self._directory, self._clock.now())
        for path in unknown_paths:
            self._log.warning(
                "%s is no entry of the inbox; it lies in %s now", path, inbox.set_aside(self._directory, path)
            )
        self._take_connection(entries)
        entities, commands = [], []
        for entry in entries:
            if entry.kind == inbox.SCENE:
                self._queue.add(new_job(int(entry.key), Reason.HOOK, entry.at))
            elif entry.kind == inbox.BATCH:
                self._take_batch(entry)
            elif entry.kind == inbox.COMMAND:
                commands.append(entry)
                continue
            elif entry.kind in inbox.ENTITIES:
                entities.append(inbox.claim(entry))
                continue
            _remove(entry.path)
        return Claimed(count=len(entries), entities=entities, commands=commands)

    def _take_connection(self, entries: Iterable[inbox.Entry]) -> None:
        """Take it from the newest entry that holds one; a hook that was killed early leaves an empty file."""
        for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
            if entry.kind in (inbox.BATCH, inbox.COMMAND):
                continue
            if self._stash.offer(_read(entry.path)):
                return

    def _take_batch(self, entry: inbox.Entry) -> None:
        try:
            data = json.loads(_read(entry.path))
            reason = Reason(data["reason"])
            scene_ids = [int(scene_id) for scene_id in data["scene_ids"]]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            where = inbox.set_aside(self._directory, entry.path)
            self._log.warning("a batch of scenes could not be read (%s); it lies in %s now", error, where)
            return
        self._queue.add_all(new_job(scene_id, reason, entry.at) for scene_id in scene_ids)


class FanOut:
    """Queues the scenes of changed tags, performers, studios and groups, one page at a time.

    Its progress is kept in memory only: after a kill it starts over.
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
        self._entities: list[inbox.Entry] = []
        self._refused: dict[_Event, Countdown] = {}  # until asked again, by event whose scenes Stash failed to list
        self._cursors: dict[_Event, _Cursor] = {}  # of partly queued events

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
        waiting = {event for event, wait in self._refused.items() if not wait.is_over}
        self._entities = [each for event, each in by_event.items() if event not in waiting]

    def step(self, check_stash: Callable[[], object]) -> bool:
        """Queue the next page. False if Stash fails to list the scenes of this entity, which is retried later.

        `check_stash` must raise if Stash fails as a whole; its error is passed on.
        """
        entity = self._entities[0]
        try:
            is_done = self.queue_page(entity)
        except (StashUnavailable, StashRefused) as error:
            check_stash()
            self._entities.pop(0)
            self._refused[_event_of(entity)] = wait = Countdown(self._clock)
            wait.start(self._refused_retry_s)
            self._log.warning(
                "%s %s changed, but Stash fails to name its scenes (%s). Those that PlexSync knows of are queued; the "
                "others are asked for again later.", entity.kind, entity.key, error,
            )  # fmt: skip
            return False
        self._refused.pop(_event_of(entity), None)
        if is_done:
            self._entities.pop(0)
            self._log.debug("%s %s changed: its scenes are queued", entity.kind, entity.key)
        return True

    def queue_page(self, entity: inbox.Entry) -> bool:
        """Queue the next page of the entity's scenes. True if it was the last page.

        The scenes in the ledger come first, since Stash no longer knows a destroyed entity, then the scenes that Stash
        lists. Raises StashUnavailable and StashRefused.
        """
        cursor = self._cursors.get(_event_of(entity), _Cursor())
        scene_ids, next_cursor = self._next_page(entity.kind, int(entity.key), cursor)
        self._queue.add_all(new_job(scene_id, Reason.ENTITY, entity.at) for scene_id in scene_ids)
        self._cursors = {event: other for event, other in self._cursors.items() if event[0] != entity.path}
        if next_cursor:
            self._cursors[_event_of(entity)] = next_cursor
        else:
            self._seen.store_event(entity.kind, int(entity.key), entity.at)
            _remove(entity.path)
        return next_cursor is None

    def _next_page(self, kind: str, entity_id: int, cursor: _Cursor) -> tuple[list[int], _Cursor | None]:
        """The scene ids at the cursor, none of them twice, and the next cursor; None after the last page."""
        if not cursor.is_in_stash:
            known = self._ledger.scene_ids_of(kind, entity_id, after=cursor.after, count=ENTITY_PAGE)
            return known, _Cursor(after=known[-1]) if len(known) == ENTITY_PAGE else _Cursor(is_in_stash=True)
        client = self._stash.client()
        namesakes = cursor.namesakes
        if namesakes is None:
            namesakes = client.namesakes_of(entity_id) if kind == "performer" else ()
        # By id, never by a number of rows: a scene that is deleted or loses the entity meanwhile would hide another.
        kind_in_stash = cast("Kind", kind)
        found = client.scene_ids_of(kind_in_stash, entity_id, *namesakes, after=cursor.after, limit=ENTITY_PAGE)
        queued = self._ledger.filter_by_entity(kind, entity_id, found)
        rest = [scene_id for scene_id in found if scene_id not in queued]
        if len(found) < ENTITY_PAGE:
            return rest, None
        return rest, _Cursor(after=max(found), is_in_stash=True, namesakes=namesakes)


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
