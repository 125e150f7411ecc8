"""Outages, and how reliable Plex has been, in words."""

from __future__ import annotations

from local.words import counted, duration_in_words

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from outages.figures import OutageFigures


def summary_lines(outages: Sequence[Any], figures: OutageFigures, now: float) -> Iterator[str]:
    """The headline, then the details, newest outage first. `outages`: as read from the file, oldest first."""
    if not figures.count:
        since = f" since {_ago(figures.observed_since, now)}" if figures.observed_since is not None else ""
        yield f"Outages: none on record{since}."
        return
    yield (
        f"Outages: {figures.count}, {duration_in_words(figures.total_s)} in all, "
        f"the longest {duration_in_words(figures.longest_s)}."
    )
    yield from _reliability(figures, now)
    for outage in reversed(outages):
        yield outage_line(outage, now)


def outage_line(outage: Any, now: float) -> str:
    """`Outage 3, 2 h ago, lasted 5 min: connection refused; 12 jobs waited, 12 pushed in the recovery, 4 checks`."""
    began = _ago(outage.started_at, now)
    lasted = "still going on" if outage.duration_s is None else f"lasted {duration_in_words(outage.duration_s)}"
    jobs = f"{counted(outage.jobs_affected, 'job')} waited"
    after = f", {outage.jobs_pushed} pushed in the recovery" if outage.jobs_pushed else ""
    checks = counted(outage.probes, "check")
    return f"Outage {outage.id}, {began}, {lasted}: {outage.cause.rstrip('.')}; {jobs}{after}, {checks}"


def _reliability(figures: OutageFigures, now: float) -> Iterator[str]:
    parts = []
    if figures.mttr_s is not None:
        parts.append(f"back after {duration_in_words(figures.mttr_s)} on average")
    if figures.mtbf_s is not None:
        parts.append(f"{duration_in_words(figures.mtbf_s)} of service between two outages")
    if figures.availability is not None and figures.observed_since is not None:
        parts.append(f"available {figures.availability:.2%} of the time since {_ago(figures.observed_since, now)}")
    if parts:
        yield f"Plex was {'; '.join(parts)}." if parts[0].startswith("back") else f"{'; '.join(parts).capitalize()}."


def _ago(at: float, now: float) -> str:
    return f"{duration_in_words(now - at)} ago"
