"""How a report is laid out for Stash's log page, which keeps 30 lines and shows the newest first."""

from __future__ import annotations

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterable

    # A level of `logging`, and a text.
    Line = tuple[int, str]

INFO, WARNING = 20, 30
MAX_LINES = 15
MAX_CHARACTERS = 600


def report_lines(headline: Line, details: Iterable[Line]) -> list[Line]:
    """The lines in the order in which they are logged: the page shows the headline on top, then the first detail.

    The order in which a page that is open receives lines of one moment is not certain, so each has to be complete in
    itself.
    """
    shown = list(details)
    if len(shown) >= MAX_LINES:
        rest = len(shown) - (MAX_LINES - 2)
        shown = [*shown[: MAX_LINES - 2], (INFO, f"{rest} lines more: the answer of this task has all of it.")]
    return [_cut(line) for line in (*reversed(shown), headline)]


def _cut(line: Line) -> Line:
    level, text = line
    return line if len(text) <= MAX_CHARACTERS else (level, f"{text[:MAX_CHARACTERS]}…")
