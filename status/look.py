"""One look at the data directory, for the operations that only read it."""

from __future__ import annotations

from outages.figures import OUTAGES_KEPT
from outages.stops import need_probe, rate_at, stop_of, trial_of
from status import files
from status.scenes_reader import ScenesReader
from status.worker import drain_status, worker_status

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from status.answers import CircuitStatus, DrainStatus, OutageEntry, QueueStatus, RecoveryStatus, WorkerStatus

OUTAGES_SHOWN = OUTAGES_KEPT
_DEFAULT_RATE_PER_S, _DEFAULT_MINUTES = 5.0, 5.0


class Refused(Exception):  # noqa: N818 - named for what happened, like all our errors
    """The operation cannot do what was asked. The message is its answer: what happened, and what to do."""


class Asked:
    """What an operation was asked. `now`: epoch seconds; `scale`: how many times faster than designed time runs."""

    __slots__ = ("arguments", "connection", "directory", "log", "now", "scale", "script")

    def __init__(
        self,
        *,
        directory: str,
        script: str,
        now: float,
        scale: float,
        arguments: Mapping[str, object],
        connection: object,
    ) -> None:
        self.directory = directory
        self.script = script
        self.now = now
        self.scale = scale
        self.arguments = arguments
        self.connection = connection  # how to reach Stash, as Stash wrote it
        self.log: list[tuple[int, str]] = []  # lines for Stash's log, each with its level


class Look:
    """What the data directory says. What cannot be read counts as empty and is named in `problems`."""

    def __init__(self, asked: Asked) -> None:
        self.now, self._scale, self._directory = asked.now, asked.scale, asked.directory
        self.reader = ScenesReader(asked.directory, is_brief=True)
        self.problems = self.reader.problems
        self.circuit = files.read_circuit(asked.directory, self.problems)
        self.schedule = files.read_schedule(asked.directory, self.problems)
        self.report = files.read_report(asked.directory)

    def worker(self) -> WorkerStatus:
        """Whether one lives, and what it does."""
        return worker_status(self._directory, self.report)

    def draining(self, worker: WorkerStatus) -> DrainStatus:
        """What stops the drain."""
        return drain_status(self._directory, self, self.report, is_running=worker["running"])

    def queue(self) -> QueueStatus:
        """The numbers of jobs."""
        counts = self.reader.counts(self.now)
        return {
            "pending": counts.pending,
            "covers_left": counts.covers_left,
            "waiting": counts.waiting,
            "waiting_by_error": counts.waiting_by_error,
            "in_progress": counts.in_progress,
            "next_due_at": counts.next_due_at,
            "dead_letters": sum(counts.dead_letters.values()),
            "dead_letters_by_error": counts.dead_letters,
        }

    def circuit_status(self) -> CircuitStatus:
        """The circuit breaker."""
        circuit = self.circuit
        return {
            "state": circuit.state,
            "failures": circuit.failure_count,
            "opened_at": circuit.opened_at,
            "last_error": circuit.last_error,
        }

    def recovery(self) -> RecoveryStatus:
        """The probes, and the recovery period."""
        schedule, rate = self.schedule, self._rate_per_s()
        needs_probe = self.circuit.state != "closed" or need_probe(schedule.pauses)
        return {
            "last_check_at": schedule.last_check_at,
            "next_check_at": schedule.next_check_at if needs_probe else None,
            "consecutive_successes": schedule.consecutive_successes,
            "last_recovery_at": schedule.last_recovery_at,
            "recovery_until": None if rate is None else schedule.period.started_at + self._period_s(),
            "rate_per_s": rate,
        }

    def outages(self, history: Any) -> list[OutageEntry]:
        """The last outages, oldest first, one under way last."""
        return [as_entry(outage) for outage in all_outages(history.outages, self.circuit.outage)[-OUTAGES_SHOWN:]]

    def do_covers_wait(self) -> bool:
        """Whether no scene's cover arrives, so that they wait, and only they."""
        if not any(each.evidence == "cover" for each in self.circuit.suspects):
            return False
        from outages.suspects import do_covers_wait  # noqa: PLC0415 - takes time to load, and is seldom needed

        return do_covers_wait(tuple(self.circuit.suspects))

    def _rate_per_s(self) -> float | None:
        """The current limit; None if there is none, or no job goes out."""
        schedule = self.schedule
        if schedule.period is None or trial_of(self.circuit, schedule.pauses):
            return None
        if stop_of(self.circuit, schedule.pauses, schedule.next_check_at, self.now):
            return None
        return rate_at(schedule.period, self.now, self.report.recovery_rate or _DEFAULT_RATE_PER_S, self._period_s())

    def _period_s(self) -> float:
        """The length of the recovery period, in real seconds, as the worker has read it from the settings."""
        minutes: float = self.report.recovery_minutes or _DEFAULT_MINUTES
        return minutes * 60 / self._scale


def all_outages(ended: list[Any], ongoing: Any) -> list[Any]:
    """The outages, one under way last: it counts as such even if a worker recorded its end and then crashed."""
    if ongoing is None:
        return ended
    # What an outage under way does not have yet.
    ongoing.ended_at = ongoing.duration_s = None
    ongoing.jobs_pushed = 0
    return [*(outage for outage in ended if outage.id != ongoing.id), ongoing]


def as_entry(outage: Any) -> OutageEntry:
    """An outage as answers list it."""
    return {
        "id": outage.id,
        "started_at": outage.started_at,
        "ended_at": outage.ended_at,
        "duration_s": outage.duration_s,
        "jobs_affected": outage.jobs_affected,
        "cause": outage.cause,
    }
