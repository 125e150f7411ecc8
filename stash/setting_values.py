"""Parsers for single settings. Each raises BadValue, which says what is allowed, but not what is used instead."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_CHARACTERS = 80
LONGEST_SCOPE_DAYS = 3650

TOKEN_CHARACTERS = re.compile(r"[!-~]+")  # safe in an HTTP header
_DAYS = re.compile(r"([0-9]{1,4})d")
_ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:[\\/]")
# One entry of a list: in double quotes, where two of them stand for one; or else anything up to the next comma.
_ENTRY = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|$)|([^,]*)(?:,|$)')
_ON = frozenset({"true", "on", "yes", "1"})
_OFF = frozenset({"", "false", "off", "no", "0"})


class BadValue(ValueError):  # noqa: N818 - named for the value
    """`allowed` completes "it must be …"; `shown` replaces a value that must not appear in the message."""

    def __init__(self, allowed: str, *, shown: str = "") -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.shown = shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """Files below `stash` in Stash are below `plex` in Plex. Both are path prefixes of whole components."""

    stash: str
    plex: str


def show(value: object) -> str:
    """The value as it appears in a message: quoted, on one line, truncated to SHOWN_CHARACTERS."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[:SHOWN_CHARACTERS]}…"
    return repr(text)


def is_unset(value: object) -> bool:
    """Whether Stash's settings page shows the setting as empty."""
    return value is None or (isinstance(value, str) and not value.strip())


def parse_switch(value: object) -> bool:
    """Stash stores true and false; a configuration edited by hand may contain words, or 0 and 1."""
    word = "" if value is None else str(value).strip().lower()
    if word not in _ON | _OFF:
        raise BadValue("on or off")
    return word in _ON


def parse_number(value: object, *, least: float, most: float, whole: bool) -> float:
    """The number, or 0 for "use the default". Stash's page takes whole numbers only; scripts may set others."""
    allowed = f"a whole number from {max(1, least):g} to {most:g}, or 0 for the default"
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise BadValue(allowed)
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise BadValue(allowed) from error
    if number == 0:
        return 0.0
    if not math.isfinite(number) or not least <= number <= most or (whole and not number.is_integer()):
        raise BadValue(allowed)
    return number


def parse_text(value: object) -> str:
    """The text without surrounding whitespace. A number is converted: a library may be called 4."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadValue("text")
    return str(value).strip()


def parse_token(value: object) -> str:
    """The token. Raises BadValue without the value, which may be a token with a typo."""
    is_text = isinstance(value, (str, int)) and not isinstance(value, bool)
    if not is_text or not TOKEN_CHARACTERS.fullmatch(str(value).strip()):
        raise BadValue("an X-Plex-Token of letters, digits and signs, no spaces or line ends", shown="[hidden]")
    return str(value).strip()


def parse_list(value: object) -> tuple[str, ...]:
    """The comma-separated names in order, without duplicates.

    A name in double quotes may hold commas and keeps its outer blanks. Quotes that do not enclose a whole name are part
    of it.
    """
    found = (_name_of(entry) for entry in _ENTRY.finditer(parse_text(value)))
    return tuple(dict.fromkeys(name for name in found if name.strip()))


def unquoted(text: str) -> str:
    """The name in the double quotes that enclose the text; the text itself if none do."""
    entry = _ENTRY.fullmatch(text)
    return text if entry is None or entry[1] is None else _name_of(entry)


def _name_of(entry: re.Match[str]) -> str:
    quoted, plain = entry.groups()
    return str(plain).strip() if quoted is None else quoted.replace('""', '"')


def parse_path_map(value: object) -> tuple[tuple[PathRule, ...], tuple[str, ...]]:
    """The rules in order, and the parts between semicolons that are not valid rules."""
    rules, bad = [], []
    for text in parse_text(value).split(";"):
        sides = [side.strip() for side in text.split("=>")]
        if len(sides) == 2 and all(sides):  # noqa: PLR2004 - two sides of an arrow
            rules.append(PathRule(stash=sides[0], plex=sides[1]))
        elif text.strip():
            bad.append(text.strip())
    return tuple(rules), tuple(bad)


def parse_tls(value: object) -> str:
    """`verify`, `insecure` or an absolute path; whether the file exists is checked only when it is used."""
    text = parse_text(value)
    if text.lower() in {"verify", "insecure"}:
        return text.lower()
    if not _ABSOLUTE.match(text):  # tasks and the worker run in different working directories
        raise BadValue("verify, insecure, or the full path of a file with the certificate authority")
    return text


def parse_choice(value: object, choices: Sequence[str]) -> str:
    """One of `choices`, in lower case; case is ignored."""
    text = parse_text(value).lower()
    if text not in choices:
        raise BadValue(f"one of {', '.join(choices)}")
    return text


def parse_scope(value: object) -> str:
    """`all`, `24h`, `7days` or `<N>d`, in lower case; case is ignored."""
    text = parse_text(value).lower()
    days = _DAYS.fullmatch(text)
    if text in {"all", "24h", "7days"}:
        return text
    if days is None or not 1 <= int(days[1]) <= LONGEST_SCOPE_DAYS:
        raise BadValue(f"all, 24h, 7days, or a number of days from 1d to {LONGEST_SCOPE_DAYS}d")
    return f"{int(days[1])}d"
