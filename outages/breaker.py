"""The circuit breaker: Plex gets all jobs (CLOSED), none (OPEN), or one on trial (HALF_OPEN).

Pure: each method is named for what happened, and returns the new breaker and the events to report. What a failure of
one kind opened, only a success of the same kind closes (`Evidence`): reads say nothing about writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from outages.stops import cause_of, what_fails
from outages.suspects import OF_PLEX, Suspect, Suspects, are_many, of, scene_ids, with_suspect, without
from store.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection

# In characters, because an error's text may quote a whole page of HTML.
_MAX_ERROR_LENGTH = 500


class Circuit(str, Enum):
    """The three states, as spelled in files and JSON answers; logs write them in capitals."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOutage:
    """The current outage, which ends when the circuit closes.

    `started_at` is the time of the first failure that led to it. `jobs_waiting` is the latest known count,
    `jobs_affected` the highest one. `address`: a digest of the address of Plex, if Plex has never answered anywhere.
    """

    id: int
    started_at: float
    cause: str
    probes: int = 0
    jobs_waiting: int = 0
    jobs_affected: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitOpened:
    """Draining stops. `evidence`: the kind of request that has to succeed before it goes on."""

    outage: OpenOutage
    why: str
    evidence: Evidence = Evidence.PROBE
    is_reopened: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitHalfOpened:
    """Plex answered a probe, so one job may try."""

    outage: OpenOutage
    evidence: Evidence = Evidence.PROBE


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitClosed:
    """The outage is over. `at`: epoch seconds. `is_confirmed`: everything that failed has worked since."""

    outage: OpenOutage
    at: float
    evidence: Evidence = Evidence.PROBE
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageWithdrawn:
    """It was no outage: Plex has never been well at that address. It is not recorded."""

    outage: OpenOutage


CircuitEvent = CircuitOpened | CircuitHalfOpened | CircuitClosed | OutageWithdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitBreaker:
    """The content of `circuit_breaker.json`.

    `failure_count`: consecutive server-level failures of jobs and probes. `transitions` grows by one with each change
    of state; a job or probe that began under another number says nothing about the current state. `evidence`: what
    closes the circuit. `unconfirmed`: the last outage, if it ended without a success in what failed; another failure
    continues it.
    """

    state: Circuit = Circuit.CLOSED
    failure_count: int = 0
    opened_at: float | None = None
    last_error: str | None = None
    transitions: int = 0
    suspects: Suspects = ()
    outage: OpenOutage | None = None
    last_outage_id: int = 0
    evidence: Evidence = Evidence.PROBE
    unconfirmed: OpenOutage | None = None

    @property
    def cause(self) -> str | None:
        """What fails while the circuit is not closed, in a sentence; None while it is closed."""
        return None if self.outage is None else cause_of(self.evidence, self.last_error)

    def job_succeeded(self, proven: Collection[Evidence], now: float) -> CircuitChange:
        """A job got answers that show that these kinds of request work."""
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=self)
        cleared = replace(self, suspects=without(self.suspects, proven))
        if self.state is Circuit.HALF_OPEN:
            return _closed(cleared, now) if self.evidence in proven else CircuitChange(breaker=cleared)
        if of(cleared.suspects, OF_PLEX):
            return CircuitChange(breaker=cleared)
        return CircuitChange(breaker=replace(cleared, failure_count=0, last_error=None, unconfirmed=None))

    def job_failed(self, suspect: Suspect, error: str, now: float, outage_id: int) -> CircuitChange:
        """A job failed but the probe after it passed. That is its own failure, up to a limit.

        If `SUSPECTS_TO_OPEN` different scenes in a row fail like this, it is an outage after all. A trial that was to
        show more than a probe can is over with one failure.
        """
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=self)
        failed = self._with_failure(error)
        failed = replace(failed, suspects=with_suspect(self.suspects, suspect))
        if self.state is Circuit.HALF_OPEN and self.outage and self.evidence is not Evidence.PROBE:
            is_write = Evidence.WRITE in (self.evidence, suspect.evidence)
            evidence = Evidence.WRITE if is_write else self.evidence
            return _opened(replace(failed, evidence=evidence), error, now, self.outage)
        suspects = of(failed.suspects, OF_PLEX)
        if not are_many(suspects):
            return CircuitChange(breaker=failed)
        evidence = Evidence.WRITE if of(suspects, (Evidence.WRITE,)) else Evidence.READ
        count = len(scene_ids(suspects))
        why = f"{what_fails(evidence)}: {count} different scenes in a row failed; the last error: {error}"
        new = OpenOutage(id=outage_id, started_at=suspects[0].failed_at, cause=why[:_MAX_ERROR_LENGTH])
        return _opened(replace(failed, evidence=evidence), why, now, new)

    def probe_failed(self, error: str, now: float, outage_id: int, address: str = "") -> CircuitChange:
        """A probe failed, whether scheduled or made after a job failed. `address`: as in `OpenOutage`."""
        failed = self._with_failure(error)
        if self.state is Circuit.OPEN:
            return CircuitChange(breaker=failed)
        failed = replace(failed, unconfirmed=None)
        new = OpenOutage(id=outage_id, started_at=now, cause=error[:_MAX_ERROR_LENGTH], address=address)
        return _opened(failed, error, now, new)

    def probe_passed(self, now: float, *, may_try: bool = False) -> CircuitChange:
        """Plex answered a probe. A closed circuit keeps its suspects, since each of them had a passed probe too.

        `may_try`: a job can go out on trial. Without one, a second probe closes the circuit even if it cannot show that
        what failed works.
        """
        if self.state is Circuit.HALF_OPEN:
            return CircuitChange(breaker=self) if may_try else _closed(self, now)
        if self.outage is None:
            return CircuitChange(breaker=self)
        half_open = replace(self, state=Circuit.HALF_OPEN, transitions=self.transitions + 1)
        return CircuitChange(
            breaker=half_open, events=(CircuitHalfOpened(outage=self.outage, evidence=self.evidence),)
        )

    def set_up_wrongly(self, address: str = "") -> CircuitChange:
        """Plex answers but cannot be used, or is looked for at another address: what has never worked was no outage."""
        if self.outage is None or self.outage.address in ("", address):
            return CircuitChange(breaker=self)
        after = CircuitBreaker(
            transitions=self.transitions + 1, last_outage_id=self.last_outage_id, suspects=self.suspects
        )
        return CircuitChange(breaker=after, events=(OutageWithdrawn(outage=self.outage),))

    def worker_started(self, now: float) -> CircuitChange:
        """A worker starts. If the circuit is HALF_OPEN, the last one died before its trial or second probe ended."""
        if self.state is not Circuit.HALF_OPEN or self.outage is None:
            return CircuitChange(breaker=self)
        return _opened(self, "the test was cut short when the previous worker ended", now, self.outage)

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


def _opened(breaker: CircuitBreaker, why: str, now: float, new: OpenOutage) -> CircuitChange:
    """Go to OPEN. From HALF_OPEN, or after an end that was not confirmed, the same outage continues."""
    before = breaker.outage or breaker.unconfirmed
    outage = before or new
    after = replace(
        breaker,
        state=Circuit.OPEN,
        opened_at=now,
        transitions=breaker.transitions + 1,
        outage=outage,
        last_outage_id=outage.id,
        unconfirmed=None,
    )
    event = CircuitOpened(
        outage=outage, why=why[:_MAX_ERROR_LENGTH], evidence=breaker.evidence, is_reopened=before is not None
    )
    return CircuitChange(breaker=after, events=(event,))


def _closed(breaker: CircuitBreaker, now: float) -> CircuitChange:
    """Go to CLOSED. It is confirmed that the outage is over unless scenes that failed in it are still suspected."""
    suspects, outage = of(breaker.suspects, OF_PLEX), breaker.outage
    if outage and breaker.evidence is Evidence.PROBE:
        suspects = tuple(each for each in suspects if each.failed_at >= outage.started_at)
    is_confirmed = not suspects
    after = CircuitBreaker(
        transitions=breaker.transitions + 1,
        last_outage_id=breaker.last_outage_id,
        suspects=breaker.suspects,
        unconfirmed=None if is_confirmed else outage,
    )
    if outage is None:
        return CircuitChange(breaker=after)
    event = CircuitClosed(outage=outage, at=now, evidence=breaker.evidence, is_confirmed=is_confirmed)
    return CircuitChange(breaker=after, events=(event,))


def validated(breaker: CircuitBreaker) -> CircuitBreaker:
    """Check a breaker read from a file; ValueError if its fields contradict each other.

    A circuit that is not closed must have an outage; if its record is missing, it is rebuilt from `opened_at`.
    """
    if breaker.failure_count < 0 or breaker.transitions < 0 or breaker.last_outage_id < 0:
        raise ValueError("a count is below zero")
    if breaker.state is Circuit.CLOSED:
        return replace(breaker, opened_at=None, outage=None, evidence=Evidence.PROBE)
    if breaker.opened_at is None:
        raise ValueError("a circuit that is not closed lacks opened_at")
    if breaker.outage is not None:
        return breaker
    outage = OpenOutage(
        id=breaker.last_outage_id + 1, started_at=breaker.opened_at, cause=breaker.last_error or "unknown"
    )
    return replace(breaker, outage=outage, last_outage_id=outage.id)
