"""Stash's times: text in whole seconds, with a UTC offset that changes with daylight saving time."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone

# Stash sorts and compares its times as text, which misplaces those with another offset, but by less than a day.
SORT_MARGIN_S = 86_400.0
# Stash's times are whole seconds, so a second change within the same second has the same text.
SAME_SECOND_S = 2.0
_SHAPE = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,]\d+)?(?P<offset>[Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def epoch_of(text: str) -> float | None:
    """Whole epoch seconds; None if the text is not a time with an offset."""
    parsed = _parse(text)
    try:
        return parsed.timestamp() if parsed else None
    except (ValueError, OverflowError):
        return None


def offset_of(text: str) -> float | None:
    """The UTC offset in seconds; None if the text is not a time with an offset."""
    parsed = _parse(text)
    offset = parsed.utcoffset() if parsed else None
    return None if offset is None else offset.total_seconds()


def text_before(at: float) -> str:
    """A text that Stash's order puts before each time from `at` (epoch seconds) on, whatever its offset."""
    return "" if math.isinf(at) else text_at(at - SORT_MARGIN_S, 0.0)


def text_at(at: float, offset_s: float) -> str:
    """The beginning that all texts of this time (epoch seconds) have in common, written with this UTC offset."""
    if at + offset_s <= 0:
        return ""
    return datetime.fromtimestamp(at + offset_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def proves_no_change(text: str, read_at: float) -> bool:
    """Whether what was read at `read_at` (epoch seconds) is unchanged as long as its time is still this text.

    Not if that was in the second of the change, or close to it: another change may have followed.
    """
    changed_at = epoch_of(text)
    return changed_at is None or read_at - changed_at >= SAME_SECOND_S


def _parse(text: str) -> datetime | None:
    match = _SHAPE.fullmatch(text)
    if match is None:
        return None
    offset = "+00:00" if match["offset"] in "Zz" else match["offset"]
    try:
        return datetime.fromisoformat(f"{match['date']}T{match['time']}{offset}")
    except ValueError:
        return None
