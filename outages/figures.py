"""How reliable Plex has been. Pure, and without a dataclass, since fast operations load it."""

from __future__ import annotations

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    class HistoryLike(Protocol):
        """An OutageHistory, or one as read from the file."""

        @property
        def observed_since(self) -> float | None: ...  # noqa: D102 - as in OutageHistory, also for those that follow
        @property
        def forgotten_count(self) -> int: ...  # noqa: D102
        @property
        def forgotten_s(self) -> float: ...  # noqa: D102

    class OutageLike(Protocol):
        """An Outage, or one as read from the file."""

        @property
        def started_at(self) -> float: ...  # noqa: D102 - as in Outage, also for those that follow
        @property
        def ended_at(self) -> float | None: ...  # noqa: D102
        @property
        def duration_s(self) -> float | None: ...  # noqa: D102


# docs/reference.md promises this many; older ones live on in two sums, so that the figures stay true.
OUTAGES_KEPT = 30


class OutageFigures:
    """Reliability figures; None where nothing is recorded to compute them from.

    `count`, `total_s` and `longest_s` are for the listed outages; an ongoing one counts up to now. `mttr_s` is the mean
    duration of the listed outages that have ended. `mtbf_s` and `availability` (0 to 1) cover all the time since
    `observed_since`.
    """

    __slots__ = ("availability", "count", "longest_s", "mtbf_s", "mttr_s", "observed_since", "total_s")

    def __init__(self, history: HistoryLike, outages: Sequence[OutageLike], now: float) -> None:
        """`outages`: all that are on record, oldest first. No duration is negative, even if the clock was set back."""
        since = history.observed_since
        listed = outages[-OUTAGES_KEPT:]
        durations = [_duration_s(outage, now) for outage in listed]
        ended = [outage.duration_s for outage in listed if outage.duration_s is not None]
        observed_s = 0.0 if since is None else max(0.0, now - since)
        down_s = history.forgotten_s + sum(_duration_s(outage, now, since=since) for outage in outages)
        up_s = max(0.0, observed_s - down_s)
        number = len(outages) + history.forgotten_count
        self.count = len(listed)
        self.total_s = sum(durations)
        self.longest_s = max(durations, default=0.0)
        self.mttr_s = sum(ended) / len(ended) if ended else None
        self.mtbf_s = up_s / number if observed_s and number else None
        self.availability = up_s / observed_s if observed_s else None
        self.observed_since = since


def _duration_s(outage: OutageLike, now: float, *, since: float | None = None) -> float:
    """Duration of the part after `since`; an ongoing outage lasts until now."""
    started_at = outage.started_at if since is None else max(since, outage.started_at)
    return max(0.0, (now if outage.ended_at is None else outage.ended_at) - started_at)
