"""Durations, counts and scenes in words, for log lines, status and reports alike."""

from __future__ import annotations

import re

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
_SHOWN_AS_A_SECOND_S = 0.95
_UNITS = (("d", _DAY_S), ("h", _HOUR_S), ("min", _MINUTE_S), ("s", 1))
_LONGEST_TITLE = 200
# Characters that break a log line, garble a terminal or change the text direction. Emoji joiners are not among them.
_UNSAFE_IN_A_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def duration_in_words(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`: the two largest units, rounded. Negative: `0 s`."""
    if 0 < seconds < _SHOWN_AS_A_SECOND_S:
        return f"{max(seconds, 0.1):.1f} s"
    whole = _rounded(max(0.0, seconds))
    for position, (name, size) in enumerate(_UNITS[:-1]):
        if whole >= size:
            smaller_name, smaller_size = _UNITS[position + 1]
            rest = whole % size // smaller_size
            return f"{whole // size} {name}" + (f" {rest} {smaller_name}" if rest else "")
    return f"{whole} s"


def counted(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`, `3 tries`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun[:-1]}ies" if noun.endswith("y") else f"{count} {noun}s"


def named(title: str, scene_id: int) -> str:
    """`"Title" (scene 12)` on one line and not too long, whatever the title contains; `scene 12` without a title."""
    title = _UNSAFE_IN_A_LINE.sub(" ", title[: 2 * _LONGEST_TITLE]).strip()
    title = title if len(title) <= _LONGEST_TITLE else f"{title[:_LONGEST_TITLE]}…"
    return f'"{title}" (scene {scene_id})' if title else f"scene {scene_id}"


def as_list_entry(name: str) -> str:
    """The name as a setting that is a list takes it: in double quotes if it holds a comma, quotes or outer blanks."""
    is_plain = name == name.strip() and not set(name) & {",", '"'}
    return name if is_plain else '"' + name.replace('"', '""') + '"'


def sentence(text: str) -> str:
    """`text` with a full stop, unless it already ends like a sentence."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _rounded(seconds: float) -> int:
    """Rounded to the smaller of the two units that are shown: whole seconds, minutes or hours."""
    for unit, limit in ((1, _HOUR_S), (_MINUTE_S, _DAY_S)):
        if round(seconds / unit) * unit < limit:
            return round(seconds / unit) * unit
    return round(seconds / _HOUR_S) * _HOUR_S
