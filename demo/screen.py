"""The output of the demonstration: plain lines of text, on a terminal or not."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.plex.simulator import ItemView

WIDTH = 100
BAR = 40
REPORT_INDENT = 18  # as far as the texts of View Queue Status are indented


class Screen:
    """Headings are bold on a terminal, unless NO_COLOR is set; there are no other control codes."""

    def __init__(self) -> None:
        self._is_plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.name == "nt"

    def head(self, text: str) -> None:
        """Write a heading."""
        _write(f"\n{text}" if self._is_plain else f"\n\033[1m{text}\033[0m")

    def say(self, text: str, *, mark: str = "") -> None:
        """Write a paragraph; `mark` says where it happens."""
        start = f"  {mark:8} | " if mark else ""
        _write(_wrapped(text, start, len(start)))

    def quote(self, line: str) -> None:
        """Write a line of a report, which begins with the name of what it tells."""
        name, colon, _ = line.partition(":")
        _write(_wrapped(line, "  ", REPORT_INDENT if colon and " " not in name.strip() else 4))

    def compare(self, before: ItemView, after: ItemView) -> None:
        """Write what has changed in a Plex item, field by field."""
        new = _shown(after)
        changed = [(name, value) for name, value in _shown(before).items() if value != new[name]]
        rows = [_wrapped(new[name], f"  {name:10}{value:34}", 46) for name, value in changed]
        _write("\n".join(["", f"  {'':10}{'before in Plex':34}now in Plex", *rows, ""]))

    def bar(self, seconds: float, done: int, whole: int) -> None:
        """Write how far the drain has come."""
        full = BAR * done // whole
        _write(f"  {seconds:5.1f} s  [{'#' * full}{'.' * (BAR - full)}]  {done} of {whole} in Plex")


def _wrapped(text: str, start: str, indent: int) -> str:
    """Addresses and paths stay whole, and so do the blanks of a table."""
    return textwrap.fill(
        text, WIDTH, initial_indent=start, subsequent_indent=" " * indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _shown(item: ItemView) -> dict[str, str]:
    """The fields that the demonstration changes, as text."""
    fields = {
        "title": item.title,
        "summary": item.summary,
        "date": item.originally_available_at,
        "studio": item.studio,
        "rating": "" if item.user_rating is None else f"{item.user_rating:g} of 10",
        "actors": ", ".join(item.actors),
        "genres": ", ".join(item.genres),
    }
    return {name: value or "-" for name, value in fields.items()}
