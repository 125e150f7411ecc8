"""Clears and purges jobs and dead letters, which go into a backup first, and restores them; has scenes ignored.

A command that is repeated after a kill reads the backup that it has begun and adds what is still there, so nothing is
lost or backed up twice.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local import inbox
from store.backups import Backups, EntityEvent, backup_name
from store.dead_letters import DeadLetter, DeadLetters
from store.ignored import IgnoredScenes
from store.job import Job, Reason, new_job
from store.seen_changes import SeenChanges
from worker.commands import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.clock import Clock
    from store.backups import Cleared
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.requests import Command, CommandStore

DAY_S = 86400.0
DEFAULT_DAYS = 30.0


class Clearing:
    """The handlers of these commands. They raise LocalStorage, OSError and CommandRefused."""

    def __init__(self, *, directory: str, queue: JobQueue, ledger: Ledger, store: CommandStore, clock: Clock) -> None:
        self._directory = directory
        self._queue = queue
        self._ledger = ledger
        self._dead_letters = DeadLetters(ledger)
        self._ignored = IgnoredScenes(ledger)
        self._seen_changes = SeenChanges(ledger)
        self._backups = Backups(directory)
        self._store = store
        self._clock = clock

    def clear_queue(self, command: Command) -> Mapping[str, object]:
        """Back up and remove every pending job without an event since the command; the inbox was queued before."""
        jobs = [job for job in self._queue.jobs() if job.last_event_at < command.at]
        entries = [
            entry for entry in inbox.list_entries(self._directory, self._clock.now())[0]
            if entry.kind in inbox.ENTITIES and entry.at < command.at
        ]  # fmt: skip
        events = [EntityEvent(kind=entry.kind, entity_id=int(entry.key), at=entry.at) for entry in entries]
        name, cleared = self._back_up(command, "queue", [*jobs, *events])
        self._note_cleared([job.scene_id for job in jobs], command.at)
        # Else a later sync would believe that Plex has all of these scenes.
        self._ledger.clear_fingerprints([job.scene_id for job in jobs if job.is_cover_left])
        self._queue.finish_all([job.scene_id for job in jobs])
        for event in events:  # nor may catch-up bring the change back as one that came without an event
            self._seen_changes.store_event(event.kind, event.entity_id, command.at)
        for entry in entries:
            os.unlink(entry.path)
        return {"cleared": cleared, "backup": name}

    def clear_dlq(self, command: Command) -> Mapping[str, object]:
        """Back up and remove all dead letters from before the command."""
        name, cleared = self._remove_dead_letters(command, command.at)
        return {"cleared": cleared, "backup": name}

    def purge_dlq(self, command: Command) -> Mapping[str, object]:
        """Back up and remove dead letters whose last failure is older than `days`."""
        days = command.arguments.get("days", DEFAULT_DAYS)
        if not isinstance(days, (int, float)) or days < 0:
            raise CommandRefused(f"days is {days!r}; it must be a number, 0 or more")
        name, purged = self._remove_dead_letters(command, command.at - days * DAY_S)
        return {"purged": purged, "backup": name}

    def restore_cleared(self, command: Command) -> Mapping[str, object]:
        """Restore the newest backup that was not restored yet."""
        name = self._store.plan(command, self._backups.newest)
        if not name:
            return {"restored": 0, "backup": None}
        cleared = self._backups.read(name)
        self._restore(cleared)
        self._backups.mark_restored(name)
        return {"restored": len(cleared), "backup": self._backups.path(name)}

    def ignore(self, command: Command) -> Mapping[str, object]:
        """Ignore those of the scenes that are given up, missing, or wait for another try: such a job is given up."""
        idle = []
        for scene_id in _scene_ids_of(command):
            job = self._queue.job(scene_id)
            if job is not None and self._queue.is_waiting(scene_id) and job.last_event_at < command.at:
                self._dead_letters.bury(job, None, now=self._clock.now())
                self._queue.finish(scene_id)
                job = None
            if job is None:
                idle.append(scene_id)
        return {"scene_ids": self._ignored.ignore(idle, now=self._clock.now())}

    def stop_ignoring(self, command: Command) -> Mapping[str, object]:
        """The scenes need somebody again, as before. Those that were missing are looked for once more."""
        ignored = frozenset(self._ignored.ids())
        scene_ids = [scene_id for scene_id in _scene_ids_of(command) if scene_id in ignored]
        # Before they are believed to be missing, lest a kill in between leave their files unawaited.
        missing = self._ignored.without_letter(scene_ids)
        self._queue.add_all(new_job(scene_id, Reason.SYNC, command.at) for scene_id in missing)
        self._ignored.stop(scene_ids)
        return {"scene_ids": scene_ids}

    def _remove_dead_letters(self, command: Command, before: float) -> tuple[str | None, int]:
        letters = [letter for letter in self._dead_letters.all(before=before) if letter.recovered_at is None]
        name, cleared = self._back_up(command, "dead-letters", letters)
        self._dead_letters.remove(letters)
        return name, cleared

    def _back_up(self, command: Command, what: str, found: Sequence[Cleared]) -> tuple[str | None, int]:
        """Return the backup's path (None if it is empty) and its size, with the entries from before a kill."""
        name = self._store.plan(command, lambda: backup_name(what, command.id, self._clock.now()))
        by_identity = {_identity(each): each for each in (*self._backups.read(name), *found)}
        if not by_identity:
            return None, 0
        if found:
            self._backups.write(name, tuple(by_identity.values()))
        return self._backups.path(name), len(by_identity)

    def _restore(self, cleared: Sequence[Cleared]) -> None:
        jobs = [each for each in cleared if isinstance(each, Job)]
        self._queue.add_all(job for job in jobs if not self._is_queued(job))
        self._note_cleared([job.scene_id for job in jobs], None)
        self._dead_letters.restore([each for each in cleared if isinstance(each, DeadLetter)])
        for each in cleared:
            if isinstance(each, EntityEvent):
                # The entry holds no connection to Stash: the worker has one.
                inbox.publish(self._directory, f"{each.kind}-{each.entity_id}", b"{}")

    def _is_queued(self, job: Job) -> bool:
        """Whether this job or a newer one of its scene is in the queue, so that its back-off must not start over."""
        queued = self._queue.job(job.scene_id)
        return queued is not None and queued.last_event_at >= job.last_event_at

    def _note_cleared(self, scene_ids: Sequence[int], at: float | None) -> None:
        """Keep catch-up from queuing changes up to `at` (epoch seconds). None: let it queue them."""
        with self._ledger.transaction() as database:
            if at is None:
                database.executemany("DELETE FROM cleared WHERE scene_id = ?", [(scene,) for scene in scene_ids])
                return
            rows = [(scene, at) for scene in scene_ids]
            database.executemany("INSERT OR REPLACE INTO cleared (scene_id, cleared_at) VALUES (?, ?)", rows)


def _scene_ids_of(command: Command) -> list[int]:
    scene_ids = command.arguments.get("scene_ids")
    if not isinstance(scene_ids, list) or not all(isinstance(each, int) for each in scene_ids):
        raise CommandRefused(f"scene_ids is {scene_ids!r:.60}; it must be a list of the numbers of scenes")
    return scene_ids


def _identity(each: Cleared) -> tuple[str, str, int]:
    """Equal for two lines about the same job, dead letter or entity."""
    if isinstance(each, EntityEvent):
        return "entity", each.kind, each.entity_id
    return type(each).__name__, "", each.scene_id
