"""Past outages, and the reliability of Plex that follows from them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from outages.figures import OUTAGES_KEPT

if TYPE_CHECKING:
    from outages.breaker import OpenOutage

@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage. Times are epoch seconds; `ended_at` and `duration_s` are None while it lasts."""

    id: int
    started_at: float
    ended_at: float | None = None
    duration_s: float | None = None
    cause: str = ""
    probes: int = 0
    jobs_affected: int = 0
    jobs_pushed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageHistory:
    """The content of `outage_history.json`: ended outages, oldest first. The breaker has the ongoing one."""

    observed_since: float | None = None
    outages: tuple[Outage, ...] = ()
    forgotten_count: int = 0
    forgotten_s: float = 0.0

    @property
    def last_id(self) -> int:
        """The highest outage id; 0 if there are no outages."""
        return max((outage.id for outage in self.outages), default=0)

    def with_observation_start(self, now: float) -> OutageHistory:
        """Set `observed_since` unless it is already set."""
        return self if self.observed_since is not None else replace(self, observed_since=now)

    def with_ended(self, ended: OpenOutage, now: float) -> OutageHistory:
        """Add an outage that has ended. Repeated after a crash, it replaces the outage with the same id."""
        pushed = sum(outage.jobs_pushed for outage in self.outages if outage.id == ended.id)
        outage = Outage(
            id=ended.id,
            started_at=ended.started_at,
            ended_at=now,
            duration_s=max(0.0, now - ended.started_at),
            cause=ended.cause,
            probes=ended.probes,
            jobs_affected=ended.jobs_affected,
            jobs_pushed=pushed,
        )
        others = [other for other in self.outages if other.id != ended.id]
        return _trimmed(replace(self, outages=(*others, outage)))

    def with_jobs_pushed(self, outage_id: int, jobs: int) -> OutageHistory:
        """Count jobs pushed in the recovery period after an outage."""
        return replace(
            self,
            outages=tuple(
                replace(outage, jobs_pushed=outage.jobs_pushed + jobs) if outage.id == outage_id else outage
                for outage in self.outages
            ),
        )

    def listed(self, ongoing: OpenOutage | None) -> tuple[Outage, ...]:
        """Return the latest outages, oldest first and the ongoing one last.

        It counts as ongoing even if a worker recorded its end and then crashed.
        """
        return self.all(ongoing)[-OUTAGES_KEPT:]

    def all(self, ongoing: OpenOutage | None) -> tuple[Outage, ...]:
        """Return the outages that are still listed, oldest first and the ongoing one last."""
        if ongoing is None:
            return self.outages
        last = Outage(
            id=ongoing.id,
            started_at=ongoing.started_at,
            cause=ongoing.cause,
            probes=ongoing.probes,
            jobs_affected=ongoing.jobs_affected,
        )
        return (*(outage for outage in self.outages if outage.id != ongoing.id), last)


def validated(history: OutageHistory) -> OutageHistory:
    """Check a history read from a file; ValueError if an outage in it has no end or is in it twice."""
    if any(outage.ended_at is None or outage.duration_s is None for outage in history.outages):
        raise ValueError("an outage in it has no end")
    if len({outage.id for outage in history.outages}) < len(history.outages):
        raise ValueError("an outage is in it twice")
    return history


def _trimmed(history: OutageHistory) -> OutageHistory:
    surplus = history.outages[:-OUTAGES_KEPT]
    return replace(
        history,
        outages=history.outages[-OUTAGES_KEPT:],
        forgotten_count=history.forgotten_count + len(surplus),
        forgotten_s=history.forgotten_s + sum(outage.duration_s or 0.0 for outage in surplus),
    )
