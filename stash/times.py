"""Stash's times: text with an offset that follows the clock's changes, whole seconds."""

from __future__ import annotations

import re
from datetime import datetime

# Stash sorts its times as text, which puts those with another offset out of order; no offset is as long as a day.
SORT_MARGIN_S = 86_400.0
_SHAPE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,]\d+)?(?P<offset>[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def epoch_of(text: str) -> float | None:
    """Epoch seconds, without fractions; None for what is no time with an offset."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    offset = "+00:00" if match["offset"] in "Zz" else match["offset"]
    try:
        return datetime.fromisoformat(f"{match['date']}T{match['time']}{offset}").timestamp()
    except (ValueError, OverflowError):
        return None
