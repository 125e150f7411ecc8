"""What the worker does while nothing is pending: it waits, soon with little effort, and leaves if it has to.

A minute after its last job it rests: it closes its files and connections, which open again when they are used, lists
the inbox less often, and writes nothing. It keeps watching Stash and the schedule. While somebody looks at the page, it
neither rests nor leaves.
"""

from __future__ import annotations

import gc
from contextlib import suppress
from typing import TYPE_CHECKING

from local import inbox
from local.clock import Stopwatch
from local.memory import give_back_memory
from local.storage import LocalStorage
from outages.breaker import Circuit
from outages.scheduler import PauseReason
from outages.watched import is_watched
from store.worker_file import DISABLED, WAITING_FOR_GATE
from worker.parts import LeaveReason

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.intake import FanOut
    from worker.parts import BackgroundWork, Parts, RequestedWork
    from worker.stash_watch import StashWatch

# How often the inbox is listed: this costs 0.2 % of one CPU, and nobody notices that an edit waits this long.
INBOX_POLL_S = 0.07
RESTING_POLL_S = 0.25
# The longest wait before everything else is checked: the circuit, which a Health Check may have changed, abandoned
# files, the plugin's manifest, the schedule.
LONGEST_WAIT_S = 1.0
# The same while somebody is looking at the page, who wants to see soon that Plex has gone.
WATCHED_WAIT_S = 0.5
# The same while it rests. Scaled.
RESTING_WAIT_S = 10.0


class IdleWatch:
    """`linger_s`: how long the worker has to be idle before it rests or leaves, in real seconds.

    `plugin_change`: whether the plugin was updated or removed.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        linger_s: float,
        plugin_change: Callable[[], LeaveReason | None],
        stash: StashWatch,
        fan_out: FanOut,
        background: Sequence[BackgroundWork],
        requested: Sequence[RequestedWork],
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._linger_s = linger_s
        self._resting_wait_s = parts.clock.interval(RESTING_WAIT_S)
        self._plugin_change = plugin_change
        self._stash = stash
        self._fan_out = fan_out
        self._background = background
        self._requested = requested
        self._since_work = Stopwatch(parts.clock)
        self._since_work.start()
        self._is_closed = False

    def note_work(self) -> None:
        """There was work for somebody who may go on: an event, a job or a command."""
        self._since_work.restart()
        self._is_closed = False

    def note_step(self) -> None:
        """There was work that nobody waits for. It may have opened what was closed."""
        self._is_closed = False

    def is_idle(self) -> bool:
        """Whether nothing is pending, and nothing prevents the worker from taking in entries of the inbox."""
        parts = self._parts
        if len(parts.queue) or self._fan_out.is_pending or parts.resilience.breaker.state is not Circuit.CLOSED:
            return False
        if self._is_background_due() or any(work.is_running for work in self._requested):
            return False
        return all(pause.reason is not PauseReason.STORAGE for pause in parts.resilience.scheduler.pauses)

    def _is_background_due(self) -> bool:
        now = self._clock.now()
        times = [work.due_at(now) for work in self._background]
        return any(at is not None and at <= now for at in times)

    def _is_over(self) -> bool:
        return self._since_work.passed_s >= self._linger_s and not self._is_watched() and self.is_idle()

    def _is_watched(self) -> bool:
        return is_watched(self._parts.directory, self._clock.now())

    def wait(self, seconds: float) -> None:
        """Wait for so long, or until the inbox has news or something else has to be checked."""
        longest_s, poll_s = LONGEST_WAIT_S, INBOX_POLL_S
        if self._is_watched():
            longest_s = WATCHED_WAIT_S
            self._is_closed = False  # the probes open what was closed
        elif self._is_over():
            if self._leaves_when_idle():
                return
            self._close()
            longest_s, poll_s = self._resting_wait_s, RESTING_POLL_S
        deadline = self._clock.monotonic() + min(seconds, longest_s)
        while (left_s := deadline - self._clock.monotonic()) > 0:
            if inbox.has_news(self._parts.directory):
                return
            self._clock.sleep(min(poll_s, left_s))

    def _close(self) -> None:
        """Close what opens again when it is used, and give its memory back."""
        parts = self._parts
        parts.stash.close()  # it is asked every minute
        if self._is_closed:
            return
        self._is_closed = True
        parts.plex.close()
        with suppress(LocalStorage, OSError):  # whoever needs it next reports it
            parts.queue.close()
        parts.ledger.close()
        gc.collect()
        give_back_memory()

    def reason_to_leave(self) -> LeaveReason | None:
        """Why the worker has to end now; None: it stays."""
        change = self._plugin_change()
        if change:
            return change
        if self._stash.is_disabled:
            self._parts.worker_file.report(f"{WAITING_FOR_GATE}{DISABLED}", self._clock.now(), stopped_by=DISABLED)
            return LeaveReason.DISABLED
        if self._stash.is_away_too_long():
            return LeaveReason.STASH_AWAY
        return LeaveReason.IDLE if self._leaves_when_idle() and self._is_over() else None

    def _leaves_when_idle(self) -> bool:
        """Also without settings: nothing has told where Stash is, so there is nothing to watch."""
        settings = self._parts.stash.settings
        return settings is None or settings.leave_when_idle
