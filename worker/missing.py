"""Wakes scenes that Plex lacked as soon as one of their files is seen there, or is to be looked for elsewhere.

While a job waits for its file, all such jobs share one look at what changed in Plex; what it shows also wakes the
scenes that bulk work found missing, and the dead letters that came of it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from local.words import counted
from plex.sweep import REFRESH_EVERY_S
from store.dead_letters import DeadLetters
from store.job import Reason, new_job
from store.judgement import ErrorClass, Judgement
from worker.parts import planned

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from plex.find import Finder
    from push.plex_link import PlexLink
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

# Scenes that are missing without a job: nobody waits for them.
MISSING_EVERY_S = 600.0
_UNFOUND = (ErrorClass.NOT_IN_PLEX.value, ErrorClass.AMBIGUOUS.value)


class MissingScenes:
    """Background work of the worker."""

    def __init__(
        self, *, queue: JobQueue, ledger: Ledger, stash: StashLink, plex: PlexLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._stash = stash
        self._plex = plex
        self._clock = clock
        self._log = log
        self._look_every_s = clock.interval(REFRESH_EVERY_S)
        self._missing_every_s = clock.interval(MISSING_EVERY_S)
        self._next_at = 0.0
        self._next_for_missing_at = 0.0
        self._ways: str | None = None  # the ledger's, once it was read

    def due_at(self, now: float) -> float | None:
        """At once at the start, then every REFRESH_EVERY_S; never before the settings are known."""
        return planned(self._next_at, now, self._look_every_s) if self._stash.settings else None

    def step(self, now: float, obstacle: str | None) -> None:
        """Look at what changed in Plex if a scene waits for it. Raises PlexError and LocalStorage."""
        self._next_at = now + self._look_every_s
        settings = self._stash.last_settings()
        if obstacle or settings.paused:
            return
        finder = self._plex.pusher(settings).finder
        self._note_ways(json.dumps([finder.rules.rules, settings.plex_library, settings.allow_ambiguous]), now)
        self._look(finder, now)

    def break_off(self, why: str, *, is_passing: bool = False) -> None:  # noqa: ARG002 - all the same here
        """The next turn comes soon enough."""
        self._log.debug("looking for new files in Plex failed: %s", why)

    def _look(self, finder: Finder, now: float) -> None:
        if not finder.index.awaits_any():
            return
        waits = any(job.error_class == ErrorClass.NOT_IN_PLEX.value for job in self._queue.jobs())
        every_s = self._missing_every_s
        # A look that somebody else has just had is waited for, not counted: what has come since is to be seen too.
        if (waits or now >= planned(self._next_for_missing_at, now, every_s)) and finder.sweeper.refresh():
            self._next_for_missing_at = now + every_s
        seen = finder.index.seen_scenes()
        if seen:
            count = self._wake(seen, now)
            finder.index.stop_awaiting(seen)
            self._log.info("Plex has new files: another look at %s that it lacked", counted(count, "scene"))

    def _note_ways(self, ways: str, now: float) -> None:
        before = self._ledger.lookup_config() if self._ways is None else self._ways
        if before and before != ways:
            self._try_again(now)
        if before != ways:
            self._ledger.store_lookup_config(ways)
        self._ways = ways

    def _try_again(self, now: float) -> None:
        """Another path map, perhaps a better inferred one, or other libraries: what was not found may be found now."""
        waiting = [job.scene_id for job in self._queue.jobs() if job.error_class in _UNFOUND]
        scene_ids = dict.fromkeys([*waiting, *self._dead_of(*_UNFOUND)])
        count = sum(self._wake_scene(scene_id, now, is_dead=True) for scene_id in scene_ids)
        if count:
            self._log.info("files are looked for in other ways now: %d scenes are looked at again", count)

    def _wake(self, scene_ids: Sequence[int], now: float) -> int:
        dead = frozenset(self._dead_of(ErrorClass.NOT_IN_PLEX.value))
        return sum(self._wake_scene(scene_id, now, is_dead=scene_id in dead) for scene_id in scene_ids)

    def _dead_of(self, *classes: str) -> list[int]:
        """The scenes of the dead letters of these error classes that were not recovered."""
        letters = DeadLetters(self._ledger).all()
        return [each.scene_id for each in letters if each.error_class in classes and each.recovered_at is None]

    def _wake_scene(self, scene_id: int, now: float, *, is_dead: bool) -> bool:
        job = self._queue.job(scene_id)
        if job:
            is_waiting = job.error_class == ErrorClass.NOT_IN_PLEX.value and job.not_before > now
            if is_waiting:
                self._queue.change(replace(job, not_before=0.0))
            return is_waiting
        record = self._ledger.record(scene_id)
        if not is_dead and (record is None or record.judgement is Judgement.DEAD):
            return False
        # A dead letter goes with the next settlement, whatever it is. A scene that was pushed went to an item that only
        # looked like its own, which nothing but a look at Plex can tell.
        is_missing = record is not None and record.judgement is Judgement.MISSING
        self._queue.add(new_job(scene_id, Reason.SYNC if is_missing and not is_dead else Reason.RECOVERY, now))
        return True
