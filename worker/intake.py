"""From the inbox into the queue. Put into the queue, unlink, and only then is Stash read: an event after
the unlink makes a new file, and a crash before it only repeats.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from local import inbox
from store.job import Reason, new_job

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from local.clock import Clock
    from stash.client import Kind
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

ENTITY_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What one look into the inbox found: how many entries, and those that are still to be worked on."""

    count: int
    entities: list[inbox.Entry]  # whose scenes Stash must be asked for
    commands: list[inbox.Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """How far a fan-out has come. `after`: the ledger's last scene; `page`: Stash's next, 0: the ledger goes on."""

    after: int = 0
    page: int = 0


class Intake:
    """Claims what hooks and tasks left in the inbox of a data directory."""

    def __init__(
        self, *, directory: str, queue: JobQueue, ledger: Ledger, link: StashLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._directory = directory
        self._queue = queue
        self._ledger = ledger
        self._link = link
        self._clock = clock
        self._log = log
        self._places: dict[tuple[str, float], _Place] = {}  # of the event under way, by its entry

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

    def fan_out(self, entity: inbox.Entry) -> bool:
        """Queue the next page of the scenes of a changed tag, performer, studio or group; whether it was the last.

        First those that the ledger knows, since Stash has forgotten a destroyed one, then those that Stash names.
        How far it has come is in memory only: after a kill it begins again. Raises StashUnavailable.
        """
        place = self._places.get((entity.path, entity.at), _Place())
        scene_ids, next_place = self._next_page(entity.kind, int(entity.key), place)
        self._queue.add_all(new_job(scene_id, Reason.ENTITY, entity.at) for scene_id in scene_ids)
        self._places = {event: at for event, at in self._places.items() if event[0] != entity.path}
        if next_place:
            self._places[entity.path, entity.at] = next_place
        else:
            _remove(entity.path)
        return next_place is None

    def _next_page(self, kind: str, number: int, place: _Place) -> tuple[list[int], _Place | None]:
        """The scenes at this place, those of the ledger not once more, and the place after it; None: no more."""
        if place.page == 0:
            known = self._ledger.scene_ids_of(kind, number, after=place.after, count=ENTITY_PAGE)
            return known, _Place(after=known[-1]) if len(known) == ENTITY_PAGE else _Place(page=1)
        client = self._link.client()
        found = client.scene_ids_of(cast("Kind", kind), number, page=place.page, per_page=ENTITY_PAGE)
        queued = self._ledger.with_entity(kind, number, found)
        rest = [scene_id for scene_id in found if scene_id not in queued]
        return rest, _Place(page=place.page + 1) if len(found) == ENTITY_PAGE else None

    def _take_connection(self, entries: Iterable[inbox.Entry]) -> None:
        """The newest entry that holds one; a hook killed early leaves an empty file."""
        for entry in sorted(entries, key=lambda entry: entry.at, reverse=True):
            if entry.kind in (inbox.BATCH, inbox.COMMAND):
                continue
            if self._link.offer(_read(entry.path)):
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
