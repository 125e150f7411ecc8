"""Catch-up: what changed in Stash without an event (auto tag, merge, the plugin switched off) becomes dirty too.

At a worker's start and every 10 minutes after that, the scenes are listed newest first, down to where the last pass
began less one day. Those that were not judged as they are now are queued, as bulk work. After the queue was lost all
scenes are listed, and those that were ever judged are queued with them: what was pending is not known.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import counted
from stash.times import SORT_MARGIN_S, epoch_of
from store.job import Reason, new_job
from worker.parts import planned

if TYPE_CHECKING:
    from local.clock import Clock
    from store.judgement import LastJudgement
    from store.ledger import Ledger
    from store.queue import JobQueue
    from worker.stash_link import StashLink

EVERY_S = 600.0
PAGE = 500
# Stash's times are whole seconds: a second change within one bears the same text.
SAME_SECOND_S = 2.0

INSTALLED, WATERMARK, QUEUE_LOST = "installed", "caught_up_to", "queue_lost"


@dataclass(slots=True)
class _Pass:
    """A pass under way. Times are epoch seconds; `newest`: of all that it has seen; `again`: queued once more."""

    installed_at: float
    down_to: float
    newest: float
    queue_lost: bool
    page: int = 1
    unannounced: int = 0
    again: int = 0


class CatchUp:
    """Background work of the worker: one page of Stash's list a step."""

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
        """At once at the start, then every 10 minutes; never before it is known where Stash is."""
        if not self._stash.is_known:
            return None
        return planned(self._next_at, now, self._every_s)

    def step(self, now: float, _obstacle: str | None) -> None:
        """Look at one page; Plex is not asked. Raises StashUnavailable, StashRefused and LocalStorage."""
        current = self._pass or self._begin(now)
        listed = self._stash.client().list_updates(page=current.page, per_page=PAGE)
        self._queue_changed(listed, current, now)
        times = [at for _, text in listed if (at := epoch_of(text)) is not None]
        current.newest = max([current.newest, *(at for at in times if at <= now)])
        current.page += 1
        self._pass = current
        if len(listed) < PAGE or (times and times[-1] < current.down_to):
            self._end(current, now)

    def break_off(self, why: str, *, is_passing: bool = False) -> None:  # noqa: ARG002 - it never asks Plex
        """By a bug: try again with the next turn, not at once."""
        self._log.error("looking for changes that came without an event failed: %s", why)
        self._pass, self._next_at = None, self._clock.now() + self._every_s

    def _begin(self, now: float) -> _Pass:
        installed_at = self._ledger.timestamp(INSTALLED)
        if installed_at is None or installed_at > now:  # or the clock was wrong then
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
                    current.again += 1
                else:
                    current.unannounced += 1

    def _end(self, done: _Pass, now: float) -> None:
        if done.newest != self._ledger.timestamp(WATERMARK):
            self._ledger.store_timestamp(WATERMARK, done.newest)
        if done.queue_lost:
            self._ledger.forget_timestamp(QUEUE_LOST)
        if done.unannounced:
            self._log.info("%s changed in Stash without an event; queued", counted(done.unannounced, "scene"))
        if done.again:
            why = "the queue was lost" if done.queue_lost else "pushed within the second of an edit"
            level = logging.INFO if done.queue_lost else logging.DEBUG
            self._log.log(level, "%s queued for another look: %s", counted(done.again, "scene"), why)
        self._pass, self._next_at = None, now + self._every_s


def is_unjudged(updated_at: str, judged: LastJudgement | None, *, installed_at: float, now: float) -> bool:  # noqa: PLR0911 - one reason each
    """Whether the scene's last change, at `updated_at` in Stash's words, came without being judged. Pure."""
    at = epoch_of(updated_at)
    if at is None:
        return judged is not None and judged.updated_at not in ("", updated_at)
    if at <= installed_at:
        return False
    if judged is None:
        return True
    if at <= judged.cleared_at:
        return False
    if not judged.updated_at:  # never read: cleared, or a scene that Stash could not describe
        return at > judged.settled_at
    if updated_at != judged.updated_at:
        return True
    # Judged within the very second of the change: there may have been another. One more look after it settles that.
    return judged.settled_at - at < SAME_SECOND_S <= now - at
