"""From the inbox into the queue, and from a changed tag, performer, studio or group to its scenes.

An entry is put into the queue, then unlinked, and only then is Stash read: an event after the unlink makes a new file,
and a crash before it only repeats work.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from local import inbox
from stash.errors import StashRefused, StashUnavailable
from store.job import Reason, new_job

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable

    from local.clock import Clock
    from stash.client import Kind
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

ENTITY_PAGE = 500
# Where Stash fails to name the scenes of one tag it is asked again after so long; scaled.
REFUSED_RETRY_S = 600.0

_Event = tuple[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What one look into the inbox found: how many entries, and those that still have to be worked on."""

    count: int
    entities: list[inbox.Entry]  # whose scenes Stash must be asked for
    commands: list[inbox.Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """How far a fan-out has come. `after`: the ledger's last scene; `page`: the next one of Stash, 0 before that."""

    after: int = 0
    page: int = 0


class Intake:
    """Claims what hooks and tasks left in the inbox of a data directory."""

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
        """Take in scenes, batches and connections. Commands stay where they are for whoever serves them."""
        entries, strangers = inbox.list_entries(self._directory, self._clock.now())
        for path in strangers:
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
        """The newest entry that holds one; a hook killed early leaves an empty file."""
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

    How far it has come is in memory only: after a kill it begins again.
    """

    def __init__(
        self, *, queue: JobQueue, ledger: Ledger, stash: StashLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._stash = stash
        self._clock = clock
        self._log = log
        self._refused_retry_s = clock.interval(REFUSED_RETRY_S)
        self._entities: list[inbox.Entry] = []
        self._refused: dict[_Event, float] = {}  # those whose scenes Stash fails to name, until when
        self._places: dict[_Event, _Place] = {}  # of the event under way

    @property
    def is_due(self) -> bool:
        """Whether there is a page to queue now."""
        return bool(self._entities)

    @property
    def is_pending(self) -> bool:
        """Whether anything is left to do, now or later."""
        return bool(self._entities or self._refused)

    def note(self, entities: Iterable[inbox.Entry]) -> None:
        """What the inbox holds now; an entry that was replaced or cleared is refused no more."""
        now, there = self._clock.now(), {_event_of(each): each for each in entities}
        self._refused = {event: until for event, until in self._refused.items() if event in there}
        self._entities = [each for event, each in there.items() if self._refused.get(event, 0.0) <= now]

    def step(self, check_stash: Callable[[], object]) -> bool:
        """Queue the next page; whether Stash named its scenes.

        `check_stash` raises if Stash fails at more than this one question; nothing else is to wait for that. Raises
        what it raises.
        """
        entity = self._entities[0]
        try:
            is_done = self.queue_page(entity)
        except (StashUnavailable, StashRefused) as error:
            check_stash()
            self._entities.pop(0)
            self._refused[_event_of(entity)] = self._clock.now() + self._refused_retry_s
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
        """Queue the next page of the entity's scenes; whether it was the last.

        First those that the ledger knows, since Stash has forgotten a destroyed entity, then those that Stash names.
        Raises StashUnavailable and StashRefused.
        """
        place = self._places.get(_event_of(entity), _Place())
        scene_ids, next_place = self._next_page(entity.kind, int(entity.key), place)
        self._queue.add_all(new_job(scene_id, Reason.ENTITY, entity.at) for scene_id in scene_ids)
        self._places = {event: at for event, at in self._places.items() if event[0] != entity.path}
        if next_place:
            self._places[_event_of(entity)] = next_place
        else:
            _remove(entity.path)
        return next_place is None

    def _next_page(self, kind: str, number: int, place: _Place) -> tuple[list[int], _Place | None]:
        """The scenes at this place and the place after it, None when there is none; no scene comes twice."""
        if place.page == 0:
            known = self._ledger.scene_ids_of(kind, number, after=place.after, count=ENTITY_PAGE)
            return known, _Place(after=known[-1]) if len(known) == ENTITY_PAGE else _Place(page=1)
        client = self._stash.client()
        found = client.scene_ids_of(cast("Kind", kind), number, page=place.page, per_page=ENTITY_PAGE)
        queued = self._ledger.filter_by_entity(kind, number, found)
        rest = [scene_id for scene_id in found if scene_id not in queued]
        return rest, _Place(page=place.page + 1) if len(found) == ENTITY_PAGE else None


def _event_of(entity: inbox.Entry) -> _Event:
    """An entry's file and time: a later event of the same entity is another one."""
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
        pass  # set aside
