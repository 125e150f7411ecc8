"""Outage Summary Report: the last outages, and how reliable Plex has been."""

from __future__ import annotations

from outages.figures import OutageFigures
from status import files
from status.look import OUTAGES_SHOWN, Refused, all_outages, as_entry
from status.outage_lines import summary_lines
from status.report import INFO, report_lines

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import OutageSummaryAnswer
    from status.look import Asked


def outage_summary(asked: Asked) -> OutageSummaryAnswer:
    """Outage Summary Report. Raises Refused if the history cannot be read. Waits for nobody."""
    problems: list[str] = []
    circuit, history = (read(asked.directory, problems) for read in (files.read_circuit, files.read_history))
    if problems:
        raise Refused(problems[0])
    kept = all_outages(history.outages, circuit.outage)
    listed, figures = kept[-OUTAGES_SHOWN:], OutageFigures(history, kept, asked.now)
    headline, *details = summary_lines(listed, figures, asked.now)
    asked.log += report_lines((INFO, headline), [(INFO, line) for line in details])
    return {
        "outages": [
            {**as_entry(outage), "probes": outage.probes, "jobs_pushed": outage.jobs_pushed} for outage in listed
        ],
        "count": figures.count,
        "total_s": figures.total_s,
        "longest_s": figures.longest_s,
        "mttr_s": figures.mttr_s,
        "mtbf_s": figures.mtbf_s,
        "availability": figures.availability,
        "observed_since": figures.observed_since,
    }
