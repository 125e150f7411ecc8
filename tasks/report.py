"""Reports and progress in Stash's log, made for its page: that keeps 30 lines and shows the newest first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.clock import Countdown
from outages.notices import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from local.clock import Clock
    from tasks.answers import FieldValue

MAX_LINES = 15
MAX_CHARACTERS, VALUE_CHARACTERS = 600, 80
# Stash shows a progress bar too, so lines get rarer: after 5 s, 35 s, 4 min, 22 min, 2 h.
FIRST_PROGRESS_S, RARER = 5.0, 6.0


def report_lines(headline: str | Notice, details: Iterable[str | Notice]) -> list[Notice]:
    """The lines in the order in which they are logged: the page shows the headline on top, then the first detail.

    A line without a level is information. The order in which a page that is open receives lines of one moment is not
    certain, so each has to be complete in itself.
    """
    shown = list(details)
    if len(shown) >= MAX_LINES:
        rest = len(shown) - (MAX_LINES - 2)
        shown = [*shown[: MAX_LINES - 2], f"{rest} lines more: the answer of this task has all of it."]
    return [_cut(line if isinstance(line, Notice) else Notice(level=logging.INFO, text=line))
            for line in (*reversed(shown), headline)]  # fmt: skip


def log_report(log: logging.Logger, headline: str | Notice, details: Iterable[str | Notice] = ()) -> None:
    """Log a report: its headline last."""
    for line in report_lines(headline, details):
        log.log(line.level, "%s", line.text)


def value_in_words(value: FieldValue) -> str:
    """A field's value for a line of a preview, cut if it is long."""
    text = f'"{value}"' if isinstance(value, str) and value else ", ".join(value)
    text = " ".join(text.split())
    return (text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}…") or "nothing"


def _cut(line: Notice) -> Notice:
    if len(line.text) <= MAX_CHARACTERS:
        return line
    return Notice(level=line.level, text=f"{line.text[:MAX_CHARACTERS]}…")


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
