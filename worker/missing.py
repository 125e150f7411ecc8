"""Retries scenes that Plex lacked once one of their files appears there, or once files are matched in another way.

All jobs that wait for their file share one look at what changed in Plex. It also finds the files of scenes that bulk
jobs found missing, and of their dead letters.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from local.clock import Countdown
from local.words import counted
from plex.sweep import REFRESH_EVERY_S
from store.dead_letters import DeadLetters
from store.job import Reason, new_job
from store.judgement import ErrorClass, Judgement

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from plex.find import Finder
    from push.plex_link import PlexLink
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

# How often to look for scenes that are missing without a job, since nobody waits for them.
MISSING_EVERY_S = 600.0
_UNFOUND = (ErrorClass.NOT_IN_PLEX.value, ErrorClass.AMBIGUOUS.value)


class MissingScenes:
    """Background work that looks for the files of missing scenes in Plex."""

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
        self._until_next = Countdown(clock)
        self._until_next_for_missing = Countdown(clock)
        self._matching: str | None = None  # as stored in the ledger; None: not read yet

    def due_at(self, now: float) -> float | None:
        """Due at once when the worker starts, then every REFRESH_EVERY_S; None until the settings are known."""
        return now + self._until_next.left_s if self._stash.settings else None

    def step(self, now: float, obstacle: str | None) -> None:
        """Look at what changed in Plex if a scene is missing there. Raises PlexError and LocalStorage."""
        self._until_next.start(self._look_every_s)
        settings = self._stash.last_settings()
        if obstacle or settings.paused:
            return
        finder = self._plex.pusher(settings).finder
        matching = json.dumps([finder.rules.rules, settings.plex_library, settings.allow_ambiguous])
        self._apply_matching(matching, now)
        self._look_for_files(finder, now)

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - either way
        """Log the reason and wait for the next step, which is soon enough."""
        self._log.debug("looking for new files in Plex failed: %s", reason)

    def _look_for_files(self, finder: Finder, now: float) -> None:
        if not finder.index.awaits_any():
            return
        has_waiting_job = any(job.error_class == ErrorClass.NOT_IN_PLEX.value for job in self._queue.jobs())
        is_due = has_waiting_job or self._until_next_for_missing.is_over
        # `refresh` does nothing right after a refresh by something else. The next step tries again then, so that files
        # added since do not wait for MISSING_EVERY_S.
        if is_due and finder.sweeper.refresh():
            self._until_next_for_missing.start(self._missing_every_s)
        seen = finder.index.seen_scenes()
        if seen:
            count = self._retry_seen(seen, now)
            finder.index.stop_awaiting(seen)
            self._log.info("Plex has new files: another look at %s that it lacked", counted(count, "scene"))

    def _apply_matching(self, matching: str, now: float) -> None:
        """Store how files are matched; if that changed, retry the scenes that were not found."""
        before = self._ledger.lookup_config() if self._matching is None else self._matching
        if before and before != matching:
            self._retry_unfound(now)
        if before != matching:
            self._ledger.store_lookup_config(matching)
        self._matching = matching

    def _retry_unfound(self, now: float) -> None:
        """Retry after a change of the path map (also a better inferred one), the libraries or `allow_ambiguous`."""
        waiting = [job.scene_id for job in self._queue.jobs() if job.error_class in _UNFOUND]
        scene_ids = dict.fromkeys([*waiting, *self._dead_scene_ids(*_UNFOUND)])
        count = sum(self._retry(scene_id, now, is_dead=True) for scene_id in scene_ids)
        if count:
            self._log.info("files are looked for in other ways now: %d scenes are looked at again", count)

    def _retry_seen(self, scene_ids: Sequence[int], now: float) -> int:
        dead = frozenset(self._dead_scene_ids(ErrorClass.NOT_IN_PLEX.value))
        return sum(self._retry(scene_id, now, is_dead=scene_id in dead) for scene_id in scene_ids)

    def _dead_scene_ids(self, *classes: str) -> list[int]:
        """The scenes with a dead letter of one of these error classes that was not recovered."""
        letters = DeadLetters(self._ledger).all()
        return [each.scene_id for each in letters if each.error_class in classes and each.recovered_at is None]

    def _retry(self, scene_id: int, now: float, *, is_dead: bool) -> bool:
        """Make the scene's job due or queue a new one. False if neither is called for."""
        job = self._queue.job(scene_id)
        if job:
            is_waiting = job.error_class == ErrorClass.NOT_IN_PLEX.value and self._queue.is_waiting(scene_id)
            if is_waiting:
                self._queue.change(replace(job, not_before=0.0))
            return is_waiting
        judgement = self._ledger.judgement_of(scene_id)
        if not is_dead and judgement in (None, Judgement.DEAD):
            return False
        # RECOVERY always reads the item: the scene may have been pushed to one that only looked like its own, and only
        # Plex can tell. The next settlement of the scene removes its dead letter, whatever the outcome.
        is_missing = judgement is Judgement.MISSING
        self._queue.add(new_job(scene_id, Reason.SYNC if is_missing and not is_dead else Reason.RECOVERY, now))
        return True
