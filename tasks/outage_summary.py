"""Outage Summary Report: the last outages, and how reliable Plex has been."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.storage import LocalStorage
from local.words import counted, duration_in_words
from outages.resilience import Resilience
from tasks.answers import OutageReportEntry, OutageSummaryAnswer
from tasks.context import TaskError
from tasks.report import log_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outages.history import Outage, OutageFigures
    from tasks.context import Context


def outage_summary(context: Context) -> OutageSummaryAnswer:
    """Outage Summary Report. Raises TaskError if the history cannot be read. Waits for nobody but a file's lock."""
    resilience = Resilience(context.directory, clock=context.clock, log=context.log)
    now = context.now
    resilience.refresh(now)
    try:
        outages, figures = resilience.outages(), resilience.figures(now)
    except LocalStorage as error:
        raise TaskError(str(error)) from error
    headline, *details = summary_lines(outages, figures, now)
    log_report(context.log, headline, details)
    return _answer(outages, figures)


def summary_lines(outages: tuple[Outage, ...], figures: OutageFigures, now: float) -> Iterator[str]:
    """The headline, then the details, newest outage first. `outages` are oldest first."""
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


def _answer(outages: tuple[Outage, ...], figures: OutageFigures) -> OutageSummaryAnswer:
    return OutageSummaryAnswer(
        outages=tuple(
            OutageReportEntry(
                id=outage.id,
                started_at=outage.started_at,
                ended_at=outage.ended_at,
                duration_s=outage.duration_s,
                jobs_affected=outage.jobs_affected,
                cause=outage.cause,
                probes=outage.probes,
                jobs_pushed=outage.jobs_pushed,
            )
            for outage in outages
        ),
        count=figures.count,
        total_s=figures.total_s,
        longest_s=figures.longest_s,
        mttr_s=figures.mttr_s,
        mtbf_s=figures.mtbf_s,
        availability=figures.availability,
        observed_since=figures.observed_since,
    )


def outage_line(outage: Outage, now: float) -> str:
    """`Outage 3, 2 h ago, lasted 5 min: connection refused; 12 jobs waited, 12 pushed in the recovery, 4 probes`."""
    began = _ago(outage.started_at, now)
    lasted = "still going on" if outage.duration_s is None else f"lasted {duration_in_words(outage.duration_s)}"
    jobs = f"{counted(outage.jobs_affected, 'job')} waited"
    after = f", {outage.jobs_pushed} pushed in the recovery" if outage.jobs_pushed else ""
    probes = counted(outage.probes, "probe")
    return f"Outage {outage.id}, {began}, {lasted}: {outage.cause.rstrip('.')}; {jobs}{after}, {probes}"


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
