"""Catch-up: finds scenes that changed in Stash without an event (auto tag, merge, while the plugin was disabled).

When a worker starts, and every 10 minutes from then on, a pass lists the scenes, newest first, back to one day before
the newest change that the last pass saw, and queues those whose current state was never judged, as bulk jobs. After the
queue was lost, it lists all scenes and also queues all that were ever judged, since what was pending is unknown.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import counted
from stash.times import SORT_MARGIN_S, epoch_of
from store.job import Reason, new_job
from worker.parts import due_time

if TYPE_CHECKING:
    from local.clock import Clock
    from store.judgement import LastJudgement
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

EVERY_S = 600.0
PAGE = 500
# Stash's times are whole seconds, so a second change within the same second has the same text.
SAME_SECOND_S = 2.0

INSTALLED, WATERMARK, QUEUE_LOST = "installed", "caught_up_to", "queue_lost"


@dataclass(slots=True)
class _Pass:
    """A pass in progress. Times are epoch seconds.

    `down_to`: the pass ends at the first older change. `newest`: the latest change seen so far. `unannounced`: scenes
    queued for a change without an event. `requeued`: scenes queued again, after the queue was lost or because a second
    edit may have followed within the same second.
    """

    installed_at: float
    down_to: float
    newest: float
    queue_lost: bool
    page: int = 1
    unannounced: int = 0
    requeued: int = 0


class CatchUp:
    """Background work that reads one page of Stash's list of scenes in each step."""

    def __init__(
        self, *, queue: JobQueue, ledger: Ledger, stash: StashLink, clock: Clock, log: logging.Logger
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._stash = stash
        self._clock = clock
        self._log = log
        self._every_s = clock.interval(EVERY_S)
        self._next_at = 0.0
        self._pass: _Pass | None = None

    def due_at(self, now: float) -> float | None:
        """Due at once when the worker starts, then every 10 minutes; None until a connection to Stash is known."""
        if not self._stash.is_known:
            return None
        return due_time(self._next_at, now, self._every_s)

    def step(self, now: float, _obstacle: str | None) -> None:
        """Check one page, without asking Plex. Raises StashUnavailable, StashRefused and LocalStorage."""
        current = self._pass or self._begin(now)
        listed = self._stash.client().list_updates(page=current.page, per_page=PAGE)
        self._queue_changed(listed, current, now)
        times = [at for _, text in listed if (at := epoch_of(text)) is not None]
        current.newest = max([current.newest, *(at for at in times if at <= now)])
        current.page += 1
        self._pass = current
        if len(listed) < PAGE or (times and times[-1] < current.down_to):
            self._end(current, now)

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - it never asks Plex
        """End the pass after a bug; the next pass starts at the usual time, not at once."""
        self._log.error("looking for changes that came without an event failed: %s", reason)
        self._pass, self._next_at = None, self._clock.now() + self._every_s

    def _begin(self, now: float) -> _Pass:
        installed_at = self._ledger.timestamp(INSTALLED)
        if installed_at is None or installed_at > now:  # in the future: the clock was wrong
            self._ledger.store_timestamp(INSTALLED, now)
            installed_at = now
        newest = self._ledger.timestamp(WATERMARK)
        if newest is None or newest > now:
            newest = installed_at
        queue_lost = self._ledger.timestamp(QUEUE_LOST) is not None
        down_to = float("-inf") if queue_lost else newest - SORT_MARGIN_S
        return _Pass(installed_at=installed_at, down_to=down_to, newest=newest, queue_lost=queue_lost)

    def _queue_changed(self, listed: list[tuple[int, str]], current: _Pass, now: float) -> None:
        idle = [(scene_id, text) for scene_id, text in listed if self._queue.job(scene_id) is None]
        judged = self._ledger.last_judgements(scene_id for scene_id, _ in idle)
        for scene_id, text in idle:
            is_lost = current.queue_lost and scene_id in judged
            if is_lost or is_unjudged(text, judged.get(scene_id), installed_at=current.installed_at, now=now):
                self._queue.add(new_job(scene_id, Reason.CATCH_UP, now))
                if scene_id in judged and (is_lost or judged[scene_id].updated_at == text):
                    current.requeued += 1
                else:
                    current.unannounced += 1

    def _end(self, done: _Pass, now: float) -> None:
        if done.newest != self._ledger.timestamp(WATERMARK):
            self._ledger.store_timestamp(WATERMARK, done.newest)
        if done.queue_lost:
            self._ledger.forget_timestamp(QUEUE_LOST)
        if done.unannounced:
            self._log.info("%s changed in Stash without an event; queued", counted(done.unannounced, "scene"))
        if done.requeued:
            reason = "the queue was lost" if done.queue_lost else "pushed within the second of an edit"
            level = logging.INFO if done.queue_lost else logging.DEBUG
            self._log.log(level, "%s queued for another look: %s", counted(done.requeued, "scene"), reason)
        self._pass, self._next_at = None, now + self._every_s


def is_unjudged(updated_at: str, judged: LastJudgement | None, *, installed_at: float, now: float) -> bool:  # noqa: PLR0911 - one reason each
    """Whether the scene changed, at `updated_at` as Stash writes it, without being judged since. Pure."""
    at = epoch_of(updated_at)
    if at is None:
        return judged is not None and judged.updated_at not in ("", updated_at)
    if at <= installed_at:
        return False
    if judged is None:
        return True
    judged = judged.as_believed(now)
    if at <= judged.cleared_at:
        return False
    if not judged.updated_at:  # never read: it was cleared, or Stash failed on it
        return at > judged.settled_at
    if updated_at != judged.updated_at:
        return True
    # Judged in the second of the change: another change may have followed. One more job after that second settles it.
    return judged.settled_at - at < SAME_SECOND_S <= now - at
