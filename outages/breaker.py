"""The circuit breaker: Plex gets all jobs (CLOSED), none (OPEN), or one on trial (HALF_OPEN).

Pure: each method is named for what happened, and returns the new breaker and the events to report. Only failures at
the server level count: a missing or rejected item is a success, because it shows that Plex is healthy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

# If this many different scenes in a row fail, the scenes are not to blame, even if the probes pass.
SUSPECTS_TO_OPEN = 5
# In characters, because an error's text may quote a whole page of HTML.
_MAX_ERROR_LENGTH = 500


class Circuit(str, Enum):
    """The three states, as spelled in files and JSON answers; logs write them in capitals."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A scene whose job failed at the server level although the probe after it passed."""

    scene_id: int
    failed_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOutage:
    """The current outage, which ends when the circuit closes.

    `started_at` is the time of the first failure that led to it. `jobs_waiting` is the latest known count,
    `jobs_affected` the highest one.
    """

    id: int
    started_at: float
    cause: str
    probes: int = 0
    jobs_waiting: int = 0
    jobs_affected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitOpened:
    """Draining stops. The jobs of the `refunded` scenes get back the attempt that their last failure cost."""

    outage: OpenOutage
    why: str
    is_reopened: bool = False
    refunded: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitHalfOpened:
    """Plex answered a probe, so one job may try."""

    outage: OpenOutage


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed:
    """The outage is over. `at`: epoch seconds."""

    outage: OpenOutage
    at: float


CircuitEvent = CircuitOpened | CircuitHalfOpened | CircuitClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """The content of `circuit_breaker.json`.

    `failure_count`: consecutive server-level failures of jobs and probes. `transitions` grows by one with each change
    of state; a job or probe that began under another number says nothing about the current state.
    """

    state: Circuit = Circuit.CLOSED
    failure_count: int = 0
    opened_at: float | None = None
    last_error: str | None = None
    transitions: int = 0
    suspects: tuple[Suspect, ...] = ()
    outage: OpenOutage | None = None
    last_outage_id: int = 0

    def job_succeeded(self, now: float) -> CircuitChange:
        """A job got an answer that shows a healthy server."""
        if self.state is Circuit.HALF_OPEN:
            return _closed(self, now)
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=self)
        return CircuitChange(breaker=replace(self, failure_count=0, last_error=None, suspects=()))

    def job_failed(self, scene_id: int, error: str, now: float, outage_id: int) -> CircuitChange:
        """A job failed at the server level but the probe after it passed. That is its own failure, up to a limit.

        If `SUSPECTS_TO_OPEN` different scenes in a row fail like this, it is an outage after all.
        """
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=self)
        failed = self._with_failure(error)
        if all(suspect.scene_id != scene_id for suspect in self.suspects):
            suspect = Suspect(scene_id=scene_id, failed_at=now)
            failed = replace(failed, suspects=(*self.suspects, suspect))
        if len(failed.suspects) < SUSPECTS_TO_OPEN:
            return CircuitChange(breaker=failed)
        scenes = tuple(suspect.scene_id for suspect in failed.suspects)
        why = f"{len(scenes)} different scenes in a row failed although Plex answers probes; the last: {error}"
        new = OpenOutage(id=outage_id, started_at=failed.suspects[0].failed_at, cause=why[:_MAX_ERROR_LENGTH])
        return _opened(failed, why, now, new, refunded=scenes)

    def probe_failed(self, error: str, now: float, outage_id: int) -> CircuitChange:
        """A probe failed, whether scheduled or made after a job failed."""
        failed = self._with_failure(error)
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=failed)
        return _opened(failed, error, now, OpenOutage(id=outage_id, started_at=now, cause=error[:_MAX_ERROR_LENGTH]))

    def probe_passed(self, now: float) -> CircuitChange:
        """Plex answered a probe. A closed circuit keeps its suspects, since each of them had a passed probe too."""
        if self.state is Circuit.HALF_OPEN:
            return _closed(self, now)
        if self.outage is None:
            return CircuitChange(breaker=self)
        half_open = replace(self, state=Circuit.HALF_OPEN, transitions=self.transitions + 1)
        return CircuitChange(breaker=half_open, events=(CircuitHalfOpened(outage=self.outage),))

    def worker_started(self, now: float) -> CircuitChange:
        """A worker starts. If the circuit is HALF_OPEN, the last one died before its trial or second probe ended."""
        if self.state is not Circuit.HALF_OPEN or self.outage is None:
            return CircuitChange(breaker=self)
        return _opened(self, "the trial was cut short when the worker before this one ended", now, self.outage)

    def with_probe(self, jobs_waiting: int) -> CircuitBreaker:
        """Count a probe, whatever its result, and update the counts of waiting jobs."""
        if self.outage is None:
            return self
        affected = max(self.outage.jobs_affected, jobs_waiting)
        outage = replace(self.outage, probes=self.outage.probes + 1, jobs_waiting=jobs_waiting, jobs_affected=affected)
        return replace(self, outage=outage)

    def _with_failure(self, error: str) -> CircuitBreaker:
        return replace(self, failure_count=self.failure_count + 1, last_error=error[:_MAX_ERROR_LENGTH])


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChange:
    """The new breaker, with at most one event."""

    breaker: CircuitBreaker
    events: tuple[CircuitEvent, ...] = ()


def _opened(
    breaker: CircuitBreaker, why: str, now: float, new: OpenOutage, *, refunded: tuple[int, ...] = ()
) -> CircuitChange:
    """Go to OPEN. From HALF_OPEN the same outage continues; from CLOSED the `new` one begins."""
    outage = breaker.outage or new
    after = replace(
        breaker,
        state=Circuit.OPEN,
        opened_at=now,
        transitions=breaker.transitions + 1,
        suspects=(),
        outage=outage,
        last_outage_id=outage.id,
    )
    is_reopened = breaker.outage is not None
    event = CircuitOpened(outage=outage, why=why[:_MAX_ERROR_LENGTH], is_reopened=is_reopened, refunded=refunded)
    return CircuitChange(breaker=after, events=(event,))


def _closed(breaker: CircuitBreaker, now: float) -> CircuitChange:
    after = CircuitBreaker(transitions=breaker.transitions + 1, last_outage_id=breaker.last_outage_id)
    events = () if breaker.outage is None else (CircuitClosed(outage=breaker.outage, at=now),)
    return CircuitChange(breaker=after, events=events)


def validated(breaker: CircuitBreaker) -> CircuitBreaker:
    """Check a breaker read from a file; ValueError if its fields contradict each other.

    A circuit that is not closed must have an outage; if its record is missing, it is rebuilt from `opened_at`.
    """
    if breaker.failure_count < 0 or breaker.transitions < 0 or breaker.last_outage_id < 0:
        raise ValueError("a count is below zero")
    if breaker.state is Circuit.CLOSED:
        return replace(breaker, opened_at=None, outage=None)
    if breaker.opened_at is None:
        raise ValueError("a circuit that is not closed lacks opened_at")
    if breaker.outage is not None:
        return breaker
    outage = OpenOutage(
        id=breaker.last_outage_id + 1, started_at=breaker.opened_at, cause=breaker.last_error or "unknown"
    )
    return replace(breaker, outage=outage, last_outage_id=outage.id)
