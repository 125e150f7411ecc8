"""Stash's times: text in whole seconds, with a UTC offset that changes with daylight saving time."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone

# Stash sorts and compares its times as text, which misplaces those with another offset, but by less than a day.
SORT_MARGIN_S = 86_400.0
_SHAPE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,]\d+)?(?P<offset>[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def epoch_of(text: str) -> float | None:
    """Whole epoch seconds; None if the text is not a time with an offset."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    offset = "+00:00" if match["offset"] in "Zz" else match["offset"]
    try:
        return datetime.fromisoformat(f"{match['date']}T{match['time']}{offset}").timestamp()
    except (ValueError, OverflowError):
        return None


def text_before(at: float) -> str:
    """A text that Stash's order puts before each time from `at` (epoch seconds) on, whatever its offset."""
    if at - SORT_MARGIN_S <= 0 or math.isinf(at):
        return ""
    return datetime.fromtimestamp(at - SORT_MARGIN_S, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
