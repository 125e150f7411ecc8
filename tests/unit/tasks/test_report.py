from __future__ import annotations

import logging

import pytest

from outages.notices import Notice
from status.report import MAX_CHARACTERS, MAX_LINES
from tasks.report import ProgressLog, report_lines
from tests.support.clocks import VirtualClock


def texts(headline: str, count: int) -> list[str]:
    return [line.text for line in report_lines(headline, [f"detail {number}" for number in range(1, count + 1)])]


def test_the_headline_comes_last_and_the_first_detail_before_it() -> None:
    assert texts("headline", 3) == ["detail 3", "detail 2", "detail 1", "headline"]
    assert texts("headline", 0) == ["headline"]


@pytest.mark.parametrize("count", [13, 14, 15, 16, 500])
def test_a_report_has_at_most_fifteen_lines_and_says_how_many_it_leaves_out(count: int) -> None:
    lines = texts("headline", count)
    assert len(lines) == min(count + 1, MAX_LINES)
    if count >= MAX_LINES:
        assert lines[0] == f"{count - 13} lines more: the answer of this task has all of it."
        assert lines[1] == "detail 13"


def test_levels_are_kept_and_long_lines_cut() -> None:
    error = Notice(level=logging.ERROR, text="wrong")
    assert report_lines(error, [error, "x" * 10_000]) == [
        Notice(level=logging.INFO, text="x" * MAX_CHARACTERS + "…"),
        error,
        error,
    ]


def test_progress_fills_no_log_page(caplog: pytest.LogCaptureFixture) -> None:
    clock, log = VirtualClock(), logging.getLogger("a test of progress")
    log.setLevel(logging.INFO)
    progress = ProgressLog(clock, log)
    for _ in range(3 * 3600):
        progress.note(lambda: "so far")
        clock.sleep(1)
    assert len(caplog.messages) == 5
