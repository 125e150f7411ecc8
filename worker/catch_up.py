"""Catch-up: finds scenes that changed in Stash without an event (auto tag, merge, while the plugin was disabled).

When a worker starts, and every 10 minutes from then on, a pass lists the scenes that changed since the last pass, and
queues those whose current state was never judged, as bulk jobs. After the queue was lost, it lists all scenes and also
queues all that were ever judged, since what was pending is unknown.

What holds: a pass that ends has looked at every change made before it began, whatever was deleted or changed meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import counted
from stash.changes import Changed
from stash.listing import Changes
from stash.times import SORT_MARGIN_S, epoch_of
from store.job import Reason, new_job
from worker.parts import due_time

if TYPE_CHECKING:
    from local.clock import Clock
    from stash.changes import Change
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

    `newest`: the latest change before `began_at` seen so far. `unannounced`: scenes queued for a change without an
    event. `requeued`: scenes queued again, after the queue was lost or because a second edit may have followed within
    the same second.
    """

    installed_at: float
    began_at: float
    changes: Changes
    newest: float
    queue_lost: bool
    has_listed: bool = False
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
        current = self._pass = self._pass or self._begin(now)
        scenes = current.changes.next_page(self._stash.client())[Changed.SCENE]
        self._queue_changed(scenes, current, now)
        current.has_listed = current.has_listed or bool(scenes)
        times = [at for scene in scenes if (at := epoch_of(scene.updated_at)) is not None]
        current.newest = max([current.newest, *(at for at in times if at <= current.began_at)])
        if current.changes.is_over:
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
        changes = Changes({Changed.SCENE: float("-inf") if queue_lost else newest}, PAGE)
        return _Pass(installed_at=installed_at, began_at=now, changes=changes, newest=newest, queue_lost=queue_lost)

    def _queue_changed(self, listed: list[Change], current: _Pass, now: float) -> None:
        idle = [scene for scene in listed if self._queue.job(scene.id) is None]
        judged = self._ledger.last_judgements(scene.id for scene in idle)
        for scene in idle:
            scene_id, text = scene.id, scene.updated_at
            is_lost = current.queue_lost and scene_id in judged
            if is_lost or is_unjudged(text, judged.get(scene_id), installed_at=current.installed_at, now=now):
                self._queue.add(new_job(scene_id, Reason.CATCH_UP, now))
                if scene_id in judged and (is_lost or judged[scene_id].updated_at == text):
                    current.requeued += 1
                else:
                    current.unannounced += 1

    def _end(self, done: _Pass, now: float) -> None:
        # Once all changes are so old that no offset can hide a later one among them, the next pass need not list them.
        is_over = done.has_listed and done.newest < done.began_at - SORT_MARGIN_S
        watermark = done.began_at if is_over else done.newest
        if watermark != self._ledger.timestamp(WATERMARK):
            self._ledger.store_timestamp(WATERMARK, watermark)
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
