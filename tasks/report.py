"""Reports and progress in Stash's log, made for its page: that keeps 30 lines and shows the newest first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.clock import Countdown
from outages.notices import Notice
from status import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.clock import Clock
    from tasks.answers import FieldValue

VALUE_CHARACTERS = 80
# Stash shows a progress bar too, so lines get rarer: after 5 s, 35 s, 4 min, 22 min, 2 h.
FIRST_PROGRESS_S, RARER = 5.0, 6.0


def report_lines(headline: str | Notice, details: Iterable[str | Notice]) -> list[Notice]:
    """The lines in the order in which they are logged. One without a level is information."""
    lines = report.report_lines(_line(headline), [_line(each) for each in details])
    return [Notice(level=level, text=text) for level, text in lines]


def log_report(log: logging.Logger, headline: str | Notice, details: Iterable[str | Notice] = ()) -> None:
    """Log a report: its headline last."""
    for line in report_lines(headline, details):
        log.log(line.level, "%s", line.text)


def value_in_words(value: FieldValue) -> str:
    """A field's value for a line of a preview, cut if it is long."""
    text = f'"{value}"' if isinstance(value, str) and value else ", ".join(value)
    text = " ".join(text.split())
    return (text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…") or "nothing"


def _line(line: str | Notice) -> tuple[int, str]:
    return (line.level, line.text) if isinstance(line, Notice) else (logging.INFO, line)


class ProgressLog:
    """Lines about how far a task has come."""

    def __init__(self, clock: Clock, log: logging.Logger) -> None:
        self._log = log
        self._until_next = Countdown(clock)
        self._wait_s = FIRST_PROGRESS_S
        self._until_next.start(self._wait_s)

    def note(self, text: Callable[[], str]) -> None:
        """Log the text if a line is due."""
        if self._until_next.is_over:
            self._wait_s *= RARER
            self._until_next.start(self._wait_s)
            self._log.info("%s", text())
