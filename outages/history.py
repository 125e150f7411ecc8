"""The outages of the past, and what they say about how reliable Plex is. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outages.breaker import OpenOutage

# As many are listed (contract); older ones live on in two sums, so that the figures stay true.
OUTAGES_KEPT = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage; `ended_at` and `duration_s` are None while it lasts."""

    id: int
    started_at: float
    ended_at: float | None = None
    duration_s: float | None = None
    cause: str = ""
    probes: int = 0
    jobs_affected: int = 0
    jobs_pushed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageFigures:
    """What the list amounts to; None where there is no record to tell from.

    `count`, `total_s`, `longest_s` are those of the list, an outage under way included up to now. `mttr_s`: mean
    length of the ended ones. `mtbf_s` and `availability` (0..1): over all the time since `observed_since`.
    """

    count: int
    total_s: float
    longest_s: float
    mttr_s: float | None
    mtbf_s: float | None
    availability: float | None
    observed_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageHistory:
    """The whole of `outage_history.json`: ended outages, oldest first. The one under way is the breaker's."""

    observed_since: float | None = None
    outages: tuple[Outage, ...] = ()
    forgotten_count: int = 0
    forgotten_s: float = 0.0

    @property
    def last_id(self) -> int:
        """0 when there was none."""
        return max((outage.id for outage in self.outages), default=0)

    def observed(self, now: float) -> OutageHistory:
        """The first worker runs: from now on Plex is being watched."""
        return self if self.observed_since is not None else replace(self, observed_since=now)

    def closed(self, ended: OpenOutage, now: float) -> OutageHistory:
        """Write down an outage that is over. By its id: a repetition after a crash replaces what it wrote before."""
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
        others = [known for known in self.outages if known.id != ended.id]
        return _shortened(replace(self, outages=(*others, outage)))

    def pushed(self, outage_id: int, jobs: int) -> OutageHistory:
        """Count jobs that went out in the recovery after an outage."""
        return replace(
            self,
            outages=tuple(
                replace(outage, jobs_pushed=outage.jobs_pushed + jobs) if outage.id == outage_id else outage
                for outage in self.outages
            ),
        )

    def listed(self, under_way: OpenOutage | None) -> tuple[Outage, ...]:
        """Oldest first, the one under way last. It counts as such even if a crash left it written down as ended."""
        return self._all(under_way)[-OUTAGES_KEPT:]

    def figures(self, under_way: OpenOutage | None, now: float) -> OutageFigures:
        """See OutageFigures. A clock that was set back makes no length negative."""
        listed = self.listed(under_way)
        lengths = [_length_s(outage, now) for outage in listed]
        ended = [outage.duration_s for outage in listed if outage.duration_s is not None]
        observed_s = 0.0 if self.observed_since is None else max(0.0, now - self.observed_since)
        known = self._all(under_way)
        down_s = self.forgotten_s + sum(_length_s(outage, now, since=self.observed_since) for outage in known)
        up_s = max(0.0, observed_s - down_s)
        outages = len(known) + self.forgotten_count
        return OutageFigures(
            count=len(listed),
            total_s=sum(lengths),
            longest_s=max(lengths, default=0.0),
            mttr_s=sum(ended) / len(ended) if ended else None,
            mtbf_s=up_s / outages if observed_s and outages else None,
            availability=up_s / observed_s if observed_s else None,
            observed_since=self.observed_since,
        )

    def _all(self, under_way: OpenOutage | None) -> tuple[Outage, ...]:
        if under_way is None:
            return self.outages
        ongoing = Outage(
            id=under_way.id,
            started_at=under_way.started_at,
            cause=under_way.cause,
            probes=under_way.probes,
            jobs_affected=under_way.jobs_affected,
        )
        return (*(outage for outage in self.outages if outage.id != under_way.id), ongoing)


def validated(history: OutageHistory) -> OutageHistory:
    """A history read from a file; ValueError when it holds what only a breaker may hold, or one outage twice."""
    if any(outage.ended_at is None or outage.duration_s is None for outage in history.outages):
        raise ValueError("an outage in it has no end")
    if len({outage.id for outage in history.outages}) < len(history.outages):
        raise ValueError("an outage is in it twice")
    return history


def _shortened(history: OutageHistory) -> OutageHistory:
    surplus = history.outages[:-OUTAGES_KEPT]
    return replace(
        history,
        outages=history.outages[-OUTAGES_KEPT:],
        forgotten_count=history.forgotten_count + len(surplus),
        forgotten_s=history.forgotten_s + sum(outage.duration_s or 0.0 for outage in surplus),
    )


def _length_s(outage: Outage, now: float, *, since: float | None = None) -> float:
    """The part of it after `since`; one under way lasts until now."""
    started_at = outage.started_at if since is None else max(since, outage.started_at)
    return max(0.0, (now if outage.ended_at is None else outage.ended_at) - started_at)
