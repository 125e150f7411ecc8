from __future__ import annotations

import pytest

from outages.figures import OutageFigures
from outages.history import Outage, OutageHistory
from status.outage_lines import summary_lines

NOW = 1_000_000.0


def lines_of(*outages: Outage, observed_since: float | None = NOW - 86400) -> list[str]:
    history = OutageHistory(observed_since=observed_since, outages=outages)
    return list(summary_lines(outages, OutageFigures(history, history.outages, NOW), NOW))


def test_no_outage_takes_one_line() -> None:
    assert lines_of() == ["Outages: none on record since 1 d ago."]
    assert lines_of(observed_since=None) == ["Outages: none on record."]


def test_outages_are_listed_newest_first_with_times_in_words() -> None:
    first = Outage(id=1, started_at=NOW - 7200, ended_at=NOW - 7140, duration_s=60.0, cause="refused.", jobs_affected=1)
    second = Outage(
        id=2, started_at=NOW - 600, ended_at=NOW - 300, duration_s=300.0, cause="time-out", probes=9,
        jobs_affected=12, jobs_pushed=11,
    )  # fmt: skip
    assert lines_of(first, second) == [
        "Outages: 2, 6 min in all, the longest 5 min.",
        (
            "Plex was back after 3 min on average; 11 h 57 min of service between two outages; "
            "available 99.58% of the time since 1 d ago."
        ),
        "Outage 2, 10 min ago, lasted 5 min: time-out; 12 jobs waited, 11 pushed in the recovery, 9 checks",
        "Outage 1, 2 h ago, lasted 1 min: refused; 1 job waited, 0 checks",
    ]


@pytest.mark.parametrize("ended", [None])
def test_an_ongoing_outage_is_reported_as_ongoing(ended: None) -> None:
    outage = Outage(id=3, started_at=NOW - 60, ended_at=ended, duration_s=ended, cause="refused")
    assert "still going on" in lines_of(outage)[-1]
