"""Retries scenes that Plex lacked once one of their files appears there, or once files are matched in another way.

All jobs that wait for their file share one look at what changed in Plex. It also finds the files of scenes that bulk
jobs found missing, and of their dead letters. The list of libraries is read again, too, and new ones are looked
through: see plex/libraries.py and push/new_libraries.py.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from local.clock import Countdown, is_plausible
from local.log_marks import NEWS
from local.words import counted
from plex.libraries import LOOK_EVERY_S, LOOK_WHILE_WAITING_S
from plex.sweep import REFRESH_EVERY_S, REFRESH_SOON_S
from push.new_libraries import NewLibraries
from store.dead_letters import DeadLetters
from store.ignored import IgnoredScenes
from store.job import Reason, new_job
from store.judgement import ErrorClass, Judgement

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from plex.find import Finder
    from plex.libraries import Libraries
    from push.plex_link import PlexLink
    from push.pusher import Pusher
    from stash.settings import Settings
    from store.job import Job
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

# How often to look for scenes that are missing without a job, since nobody waits for them.
MISSING_EVERY_S = 600.0
# How long after its edit a scene is looked for every REFRESH_SOON_S: the user may have added the file just now.
SOON_FOR_S = 600.0
LIBRARIES_READ = "libraries_read"  # the name under which the ledger keeps the time
_UNFOUND = (ErrorClass.NOT_IN_PLEX.value, ErrorClass.AMBIGUOUS.value)


class ListAge:
    """How old the list of libraries is, that of an earlier worker included."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._libraries: Libraries | None = None
        self._stored_at = ledger.timestamp(LIBRARIES_READ)
        # Epoch seconds are believed only if they can be true.
        age_s = clock.now() - (self._stored_at or 0.0)
        self._age_at_start_s = age_s if age_s >= 0 else float("inf")
        self._started = clock.moment()

    def note(self, libraries: Libraries, now: float) -> None:
        """Measure the age of this list from now on, and store when it was read. Raises LocalStorage."""
        self._libraries = libraries
        age_s = libraries.age_s
        if age_s is None:
            return
        read_at = now - age_s
        if self._stored_at is None or abs(read_at - self._stored_at) >= self._clock.interval(LOOK_WHILE_WAITING_S):
            self._ledger.store_timestamp(LIBRARIES_READ, read_at)
            self._stored_at = read_at

    def is_over(self, seconds: float) -> bool:
        """Whether it is at least so old; `seconds` are not scaled."""
        age_s = self._libraries.age_s if self._libraries else None
        if age_s is None:
            age_s = self._age_at_start_s + self._started.age_s(self._clock)
        return age_s >= self._clock.interval(seconds)


class MissingScenes:
    """Background work that looks for the files of missing scenes in Plex."""

    asks_plex = True
    changes_fields = False

    def __init__(
        self, *, queue: JobQueue, ledger: Ledger, stash: StashLink, plex: PlexLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._ignored = IgnoredScenes(ledger)
        self._stash = stash
        self._plex = plex
        self._clock = clock
        self._log = log
        self._look_every_s = clock.interval(REFRESH_EVERY_S)
        self._missing_every_s = clock.interval(MISSING_EVERY_S)
        self._look_soon_s = clock.interval(REFRESH_SOON_S)
        self._soon_for_s = clock.interval(SOON_FOR_S)
        self._until_next = Countdown(clock)
        self._until_soon = Countdown(clock)
        self._until_next_for_missing = Countdown(clock)
        self._is_blocked = False  # the last step could not do its work
        self._list_age = ListAge(ledger, clock)
        self._taken_at_look = 0  # how many jobs had been taken when the list of libraries was read last
        self._new_libraries: NewLibraries | None = None  # the pass under way
        self._matching: str | None = None  # as stored in the ledger; None: not read yet
        # Since this opening of the link to Plex, no scene awaits a file.
        self._nothing_awaited: int | None = None

    def due_at(self, now: float) -> float | None:
        """Due at once when the worker starts, then every REFRESH_EVERY_S; None until the settings are known.

        Every REFRESH_SOON_S while jobs are pending, to see whether one waits for a new file. At once while new
        libraries are looked through, and to read the list of libraries when the work is done. While the worker rests,
        every MISSING_EVERY_S, or never if no scene is missing.
        """
        if not self._stash.settings:
            return None
        if self._has_more() and not self._is_blocked:
            return now
        if len(self._queue):
            return now + self._until_soon.left_s
        if self._plex.is_open:
            return now + self._until_next.left_s
        if self._nothing_awaited == self._plex.openings:
            return None
        return now + max(self._until_next.left_s, self._until_next_for_missing.left_s)

    def _has_more(self) -> bool:
        return self._new_libraries is not None or self._is_list_due()

    def step(self, now: float, obstacle: str | None) -> None:
        """Look at what changed in Plex if a scene is missing there. Raises PlexError and LocalStorage."""
        self._until_soon.start(self._look_soon_s)
        is_soon = len(self._queue) > 0 and not self._until_next.is_over and not self._has_more()
        if is_soon and not self._is_awaited_soon(now):
            return
        if not is_soon:
            self._until_next.start(self._look_every_s)
        self._is_blocked = True
        settings = self._stash.last_settings()
        if obstacle or settings.paused:
            return
        pusher = self._plex.pusher(settings)
        self._look_through_new_libraries(pusher, now)
        if self._new_libraries is None:
            self._look_for_missing(pusher.finder, settings, now)
        self._is_blocked = False

    def _is_awaited_soon(self, now: float) -> bool:
        """Whether a scene waits that was edited a short while ago."""
        return any(
            self._waits_for_file(job)
            and now - job.last_event_at < self._soon_for_s
            and is_plausible(job.last_event_at, now)
            for job in self._queue.jobs()
        )

    def _look_for_missing(self, finder: Finder, settings: Settings, now: float) -> None:
        matching = json.dumps([finder.rules.rules, settings.plex_library, settings.allow_ambiguous])
        self._apply_matching(matching, now)
        self._look_for_files(finder, now)

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - either way
        """Log the reason and wait for the next step, which is soon enough."""
        self._new_libraries = None  # the next look begins anew
        self._log.debug("looking for new files in Plex failed: %s", reason)

    # Libraries

    def _look_through_new_libraries(self, pusher: Pusher, now: float) -> None:
        """Read the list of libraries if that is due, or one page of what the new ones hold."""
        search = self._new_libraries
        if search is None or search.pusher is not pusher:
            search = self._new_libraries = self._begin_search(pusher, now)
        if search is None or not search.step(self._stash.client(), now):
            return
        self._new_libraries = None
        pusher.finder.index.settle_libraries(search.keys)
        if search.queued:
            scenes = counted(search.queued, "scene")
            self._log.info("New libraries in Plex have files of %s, which are pushed there now", scenes, extra=NEWS)
        self._retry_unfound(now)

    def _begin_search(self, pusher: Pusher, now: float) -> NewLibraries | None:
        libraries = pusher.plex.libraries
        self._list_age.note(libraries, now)
        if self._is_list_due() or (pusher.finder.index.awaits_any() and self._list_age.is_over(LOOK_EVERY_S)):
            libraries.reread()
            self._taken_at_look = self._queue.taken
            self._list_age.note(libraries, now)
        pusher.finder.note_libraries()
        keys = pusher.finder.index.new_libraries()  # perhaps those of a worker that was killed
        sections = [section for section in pusher.plex.sections() if section.key in keys] if keys else []
        return NewLibraries(sections, pusher=pusher, queue=self._queue, ledger=self._ledger) if sections else None

    def _is_list_due(self) -> bool:
        """Whether to read the list of libraries: sooner while a job waits, and once when the work is done.

        Never while there is nothing to do: an idle worker asks nothing.
        """
        was_idle = self._queue.taken == self._taken_at_look
        if not len(self._queue) and was_idle:
            return False
        is_waiting = not len(self._queue) or self._queue.due_in_s() is not None
        return self._list_age.is_over(LOOK_WHILE_WAITING_S if is_waiting else LOOK_EVERY_S)

    def _look_for_files(self, finder: Finder, now: float) -> None:
        if ignored := self._ignored.ids():
            finder.index.stop_awaiting(ignored)
        if not finder.index.awaits_any():
            self._nothing_awaited = self._plex.openings
            return
        self._nothing_awaited = None
        has_waiting_job = any(job.error_class == ErrorClass.NOT_IN_PLEX.value for job in self._queue.jobs())
        is_due = has_waiting_job or self._until_next_for_missing.is_over
        # `refresh` does nothing right after a refresh by something else. The next step tries again then, so that files
        # added since do not wait for MISSING_EVERY_S.
        if is_due and finder.sweeper.refresh(is_soon=self._is_awaited_soon(now)):
            self._until_next_for_missing.start(self._missing_every_s)
        seen = [scene_id for scene_id in finder.index.seen_scenes() if not self._is_tried(scene_id)]
        if seen:
            count = self._retry_seen(seen, now)
            finder.index.stop_awaiting(seen, keep_unseen=True)
            self._log.info("Plex has new files: %s that it did not have are tried again", counted(count, "scene"))

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
            self._log.info("files are now looked for in another way: %d scenes are tried again", count)

    def _is_tried(self, scene_id: int) -> bool:
        """Whether the scene has a job, which may not look for the file that was seen: the next look tries it again."""
        job = self._queue.fields_job(scene_id)
        return job is not None and not self._waits_for_file(job)

    def _waits_for_file(self, job: Job) -> bool:
        return job.error_class == ErrorClass.NOT_IN_PLEX.value and self._queue.is_waiting(job.scene_id)

    def _retry_seen(self, scene_ids: Sequence[int], now: float) -> int:
        dead = frozenset(self._dead_scene_ids(ErrorClass.NOT_IN_PLEX.value))
        return sum(self._retry(scene_id, now, is_dead=scene_id in dead) for scene_id in scene_ids)

    def _dead_scene_ids(self, *classes: str) -> list[int]:
        """The scenes with a dead letter of one of these error classes that was not recovered."""
        letters = DeadLetters(self._ledger).all()
        return [each.scene_id for each in letters if each.error_class in classes and each.recovered_at is None]

    def _retry(self, scene_id: int, now: float, *, is_dead: bool) -> bool:
        """Make the scene's job due or queue a new one. False if neither is called for."""
        job = self._queue.fields_job(scene_id)
        if job:
            is_waiting = self._waits_for_file(job)
            if is_waiting:
                self._queue.change(replace(job, not_before=0.0))
            return is_waiting
        judgement = self._ledger.judgement_of(scene_id)
        if judgement is Judgement.IGNORED or (not is_dead and judgement in (None, Judgement.DEAD)):
            return False
        # RECOVERY always reads the item: the scene may have been pushed to one that only looked like its own, and only
        # Plex can tell. The next settlement of the scene removes its dead letter, whatever the outcome.
        is_missing = judgement is Judgement.MISSING
        self._queue.add(new_job(scene_id, Reason.SYNC if is_missing and not is_dead else Reason.RECOVERY, now))
        return True
