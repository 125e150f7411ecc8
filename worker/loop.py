"""SyncWorker: the loop that drains the queue, waits out outages and back-offs, and watches for more."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from local.storage import LocalStorage
from outages.scheduler import PauseReason
from outages.stops import PAUSED
from outages.transitions import Gate, GateKind
from plex.errors import PlexError
from push.plex_link import address_digest
from push.verdicts import Verdict
from push.writes import WriteThread
from stash.errors import PluginDisabled, StashRefused, StashUnavailable
from store.worker_file import (
    DISABLED,
    IDLE,
    WAITING_FOR_DUE,
    WAITING_FOR_GATE,
    WAITING_WHILE_PAUSED,
)
from worker.attempt import judge
from worker.drain import QueueDrain
from worker.handlers import make_commands
from worker.idle import INBOX_POLL_S, LONGEST_WAIT_S, IdleWatch
from worker.intake import FanOut
from worker.stash_link import apply_log_settings
from worker.stash_watch import StashWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from push.verdicts import Outcome
    from push.writes import Writer
    from stash.settings import Settings
    from store.job import Job
    from worker.parts import BackgroundWork, LeaveReason, Parts, RequestedWork

# How often to try again while nothing can be stored. Scaled.
STORAGE_RETRY_S = 1.0


class _Step(NamedTuple):
    """What the worker does next. It returns the seconds to wait afterwards."""

    do: Callable[[float], float]
    goes_beside_writes: bool = False  # if not, the jobs under way are settled first


class SyncWorker:
    """The holder of `worker.lock`. `linger_s`, `plugin_change`: see IdleWatch. `writer`: a thread, unless given."""

    def __init__(
        self,
        parts: Parts,
        *,
        linger_s: float,
        plugin_change: Callable[[], LeaveReason | None],
        background: Sequence[BackgroundWork] = (),
        requested: Sequence[RequestedWork] = (),
        writer: Writer | None = None,
    ) -> None:
        self._parts = parts
        self._background: Sequence[BackgroundWork] = (*background, *requested)
        self._jobs_before_background = 0  # how many bulk jobs go before the next step of background work
        self._clock = parts.clock
        self._queue = parts.queue
        self._resilience = parts.resilience
        self._storage_retry_s = parts.clock.interval(STORAGE_RETRY_S)
        commands = {name: handler for work in requested for name, handler in work.commands().items()}
        self._commands = make_commands(parts, self, commands)
        self._fan_out = FanOut(
            queue=parts.queue, ledger=parts.ledger, stash=parts.stash, clock=parts.clock, log=parts.log
        )
        self._stash = StashWatch(
            link=parts.stash, worker_file=parts.worker_file, on_new_settings=self._apply_settings, clock=parts.clock,
            log=parts.log,
        )  # fmt: skip
        self._has_news = False
        self._idle = IdleWatch(
            parts, linger_s=linger_s, plugin_change=plugin_change, stash=self._stash, fan_out=self._fan_out,
            background=self._background, requested=requested,
        )  # fmt: skip
        self._drain = QueueDrain(
            parts, stash=self._stash, writer=writer or WriteThread(), on_settled=self._idle.note_work
        )

    def run(self) -> LeaveReason:
        """Drain until there is a reason to leave, and return it."""
        self._resilience.start(self._clock.now())
        self._drain.start()
        for problem in self._queue.unreadable:
            self._parts.log.warning("a job in the queue could not be read and was set aside: %s", problem)
        self._speak()  # before the first push, to know whether it is the first of all
        leave = None
        try:
            while not leave:
                wait_s = self._round()
                self._speak()
                self._idle.wait(wait_s)
                leave = self._idle.reason_to_leave()
            with suppress(LocalStorage, OSError):
                self._drain.complete()
        finally:
            self._drain.close()
        self._speak(is_last=True)
        self._resilience.store_counts(self._clock.now())
        return leave

    def _speak(self, *, is_last: bool = False) -> None:
        if self._stash.takes_messages:
            self._parts.speaker.step(self._clock.now(), trouble=self._stash.trouble, is_last=is_last)

    # One round of the loop

    def _round(self) -> float:
        """Do the next step. Return the seconds until there may be another one."""
        now = self._clock.now()
        try:
            self._look_at_settings()
            self._claim()
            if self._stash.is_disabled:
                return 0.0
            self._resilience.refresh(now)
            if self._parts.stash.settings or not self._stash.retry_in_s():
                self._probe_if_due()
            return self._until_next_check(self._drain_step(now), now)
        except PluginDisabled:
            return 0.0
        except (StashUnavailable, StashRefused) as error:
            self._drain.note_stash_away(str(error), now)
        except (LocalStorage, OSError) as error:
            self._resilience.record_pause(PauseReason.STORAGE, str(error), now)
            # Sleep without watching the inbox: an entry that cannot be taken in would end any other wait at once.
            self._clock.sleep(self._storage_retry_s)
        return INBOX_POLL_S

    def _drain_step(self, now: float) -> float:
        """Do what comes next, if anything. Return the seconds to wait."""
        step = self._next_step(now)
        if not step.goes_beside_writes and self._drain.complete():
            return 0.0  # how that job ended may change what comes next
        return step.do(now)

    def _next_step(self, now: float) -> _Step:  # noqa: PLR0911 - one return for each kind of step
        if wait_s := self._stash.retry_in_s():
            return _Step(lambda _: wait_s)
        due = self._queue.peek_due(1)
        gate = self._resilience.gate(now)
        is_edit_next = self._can_push(due, gate) and not due[0].reason.is_bulk
        if not is_edit_next:
            if self._fan_out.is_due:
                return _Step(self._fan_out_page, goes_beside_writes=True)
            if self._is_background_next(due, gate) and (work := self._due_background(now)):
                return _Step(partial(self._step_background, work, gate), goes_beside_writes=not work.asks_plex)
        if gate.kind is GateKind.WAIT:
            return _Step(partial(self._wait_at_gate, gate))
        if not due:
            return _Step(self._wait_for_due)
        if self._is_paused(due[0]):
            return _Step(self._wait_while_paused)
        if gate.kind is GateKind.TRIAL:
            return _Step(self._try_next)
        return _Step(self._push_next, goes_beside_writes=True)

    def _push_next(self, now: float) -> float:
        if self._resilience.gate(now).kind is not GateKind.DRAIN:
            return 0.0  # a job was settled before the settings were read
        wait_s = self._resilience.take_token(now)
        if wait_s == 0:
            self.process_one()
            return 0.0
        self._jobs_before_background = 0
        return 0.0 if self._drain.complete() else wait_s

    def _try_next(self, now: float) -> float:
        wait_s = self._resilience.take_token(now)
        if wait_s == 0:
            self.process_one(is_trial=True)
        return wait_s

    def process_one(self, *, is_trial: bool = False, scene_id: int | None = None) -> Outcome | None:
        """See QueueDrain."""
        return self._drain.process_one(is_trial=is_trial, scene_id=scene_id)

    # Background work

    def _is_background_next(self, due: Sequence[Job], gate: Gate) -> bool:
        """While no edit can be pushed: background work takes turns with a few bulk jobs, and never comes in a trial.

        Jobs that it queued itself wait until it has ended.
        """
        if self._jobs_before_background and self._can_push(due, gate) and not due[0].reason.is_unrequested:
            self._jobs_before_background -= 1
            return False
        return gate.kind is not GateKind.TRIAL

    def _due_background(self, now: float) -> BackgroundWork | None:
        times = ((work, work.due_at(now)) for work in self._background)
        return next((work for work, due_at in times if due_at is not None and due_at <= now), None)

    def _step_background(self, work: BackgroundWork, gate: Gate, now: float) -> float:
        if self._stash.are_settings_stale(after_event=self._has_news):
            self._read_settings()
        self._jobs_before_background = self._drain.depth
        self._run_step(work, gate.message if gate.kind is GateKind.WAIT else None, now)
        return 0.0

    def _run_step(self, work: BackgroundWork, obstacle: str | None, now: float) -> None:
        ticket = self._resilience.ticket()
        self._idle.note_step()
        if work.changes_fields:
            self._drain.read_ahead.forget()
        try:
            work.step(now, obstacle)
            if not len(self._queue):
                self._stash.note_back()  # there is no job to find out that Stash is back
        except PlexError as error:
            outcome = judge(error, self._parts.probe)
            self._drain.record_stop(outcome, ticket)
            work.abort(outcome.text, is_transient=outcome.verdict is Verdict.OWN_FAILURE)
        except (StashUnavailable, StashRefused, LocalStorage, OSError):
            raise
        except Exception as error:
            # A bug here must not stop the jobs, just as a bug in one job does not.
            self._parts.log.exception("work beside the jobs failed")
            work.abort(f"{type(error).__name__}: {error}")

    # The inbox

    def _claim(self) -> None:
        claimed = self._parts.intake.claim()
        if claimed.count > len(claimed.entities):
            self._idle.note_work()
        if claimed.commands:
            self._drain.complete()
            self._commands.serve(claimed.commands)
            claimed = self._parts.intake.claim()  # a command may have removed entries
        self._fan_out.update(claimed.entities)
        if claimed.entities:
            self._drain.read_ahead.namesakes.forget()
        self._has_news = claimed.count > len(claimed.entities)

    def _fan_out_page(self, _now: float) -> float:
        """Queue one page only, so that edits and commands are served between pages."""
        if self._fan_out.step(check_stash=self._read_settings):
            self._stash.note_back()
            self._idle.note_work()
        return 0.0

    # What stops the drain

    def _look_at_settings(self) -> None:
        """Read the settings again if they are old: whatever the worker does or waits for, disabled is off.

        Raises StashUnavailable, PluginDisabled among it, and StashRefused.
        """
        if self._stash.is_look_due(is_idle=self._idle.is_idle()):
            self._read_settings()
            if not len(self._queue):
                self._stash.note_back()  # there is no job to find out that Stash is back

    def check_gate(self) -> Gate:
        """Read the settings, probe Plex if a probe is due, and return what stops the drain now."""
        now = self._clock.now()
        try:
            settings = self._read_settings()
        except PluginDisabled as error:
            return Gate(kind=GateKind.WAIT, stopped_by=DISABLED, message=str(error))
        except (StashUnavailable, StashRefused) as error:
            self._drain.note_stash_away(str(error), now)
            return Gate(kind=GateKind.WAIT, stopped_by="stash", message=f"Stash does not answer: {error}")
        if settings.paused:
            return Gate(kind=GateKind.WAIT, stopped_by="paused", message=PAUSED)
        self._resilience.refresh(now, at_once=True)  # a Health Check may have changed them just now
        self._probe_if_due()
        gate = self._resilience.gate(self._clock.now())
        if gate.kind is GateKind.DRAIN:
            with suppress(PlexError):  # the next job finds out what is wrong
                self._parts.plex.confirm_server(settings)
        return gate

    def _probe_if_due(self) -> None:
        if self._parts.stash.settings is None and self._resilience.is_probe_due(self._clock.now()):
            self._read_settings()  # a failed probe means something else at an address that is new
        may_try = bool(self._queue.peek_due(1)) and not self._stash.is_paused and not self._stash.retry_in_s()
        self._resilience.probe_if_due(self._parts.probe, len(self._queue), may_try=may_try)

    def _can_push(self, due: Sequence[Job], gate: Gate) -> bool:
        return bool(due) and gate.kind is GateKind.DRAIN and not self._stash.is_paused

    def _is_paused(self, job: Job) -> bool:
        """Whether *Pause* is on. The settings are read when a batch starts, and again during a long one."""
        settings, is_stale = self._parts.stash.settings, self._stash.are_settings_stale(after_event=self._has_news)
        if settings is None or is_stale or not (settings.paused or self._drain.read_ahead.has(job)):
            settings = self._read_settings()
        return settings.paused

    def _read_settings(self) -> Settings:
        """Each job goes by the same ones from beginning to end: new ones apply once those under way are settled."""
        return self._stash.read_settings(before_change=self._drain.complete)

    def _apply_settings(self, settings: Settings, are_changed: bool) -> None:
        """Apply new settings. `are_changed`: False for the first ones that this worker reads."""
        self._drain.read_ahead.forget()
        apply_log_settings(self._parts.log, settings)
        self._parts.worker_file.settings = {
            "hide_paths": settings.hide_paths,
            "recovery_rate": settings.recovery_rate,
            "recovery_minutes": settings.recovery_minutes,
        }
        self._resilience.set_pace(rate_per_s=settings.recovery_rate, minutes=settings.recovery_minutes)
        self._resilience.use_address(address_digest(settings), self._clock.now())
        if are_changed:
            self._resilience.settings_changed(self._clock.now())

    # Waiting

    def _wait_at_gate(self, gate: Gate, now: float) -> float:
        """Wait for a probe, and notice new settings, since the user may have fixed what stops the drain."""
        self._parts.worker_file.report(f"{WAITING_FOR_GATE}{gate.stopped_by}", now, stopped_by=gate.stopped_by)
        if self._stash.is_away or self._stash.are_settings_stale(after_event=self._has_news):
            before = self._parts.stash.settings
            if self._read_settings() != before:
                return 0.0
            self._stash.note_back()
        return self._seconds_until(gate.until, now)

    def _wait_while_paused(self, now: float) -> float:
        self._parts.worker_file.report(WAITING_WHILE_PAUSED, now, stopped_by="paused")
        return LONGEST_WAIT_S

    def _wait_for_due(self, now: float) -> float:
        if not len(self._queue):
            self._resilience.store_counts(now)
        paused = "paused" if self._stash.is_paused else None
        self._parts.worker_file.report(WAITING_FOR_DUE if len(self._queue) else IDLE, now, stopped_by=paused)
        if self._stash.is_away and len(self._queue):
            self._read_settings()  # no job is due to find out whether Stash is back
            self._stash.note_back()
        due_in_s = self._queue.due_in_s()
        return math.inf if due_in_s is None else due_in_s

    def _until_next_check(self, seconds: float, now: float) -> float:
        return min(seconds, self._seconds_until(self._resilience.next_check_at(), now))

    @staticmethod
    def _seconds_until(at: float | None, now: float) -> float:
        return math.inf if at is None else max(0.0, at - now)
