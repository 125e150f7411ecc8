"""Parsers of single settings. Each raises BadValue, which says what is allowed, never what to do instead."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN_CHARACTERS = 80
LONGEST_SCOPE_DAYS = 3650

_HOST = re.compile(r"[\w.~-]+|[0-9a-fA-F:.]+(?:%[\w.~-]+)?")
_WEB_PAGE = re.compile(r"(?<!/)/web(/.*)?$", re.DOTALL)  # what the browser shows once Plex's own page is open
_TOKEN = re.compile(r"[!-~]+")  # what fits into an HTTP header
_DAYS = re.compile(r"([0-9]{1,4})d")
_ABSOLUTE = re.compile(r"/|\\\\|[A-Za-z]:[\\/]")
_ON = frozenset({"true", "on", "yes", "1"})
_OFF = frozenset({"", "false", "off", "no", "0"})


class BadValue(ValueError):  # noqa: N818 - what the message is about
    """`allowed` completes "allowed is …"; `shown` stands in for a value that must not be shown as it is."""

    def __init__(self, allowed: str, *, shown: str = "") -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.shown = shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """Files that Stash finds under `stash`, Plex finds under `plex`; both are prefixes of whole components."""

    stash: str
    plex: str


def show(value: object) -> str:
    """The value for a message: one line, quoted when it is text, cut when it is long."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > SHOWN_CHARACTERS:
        text = f"{text[:SHOWN_CHARACTERS]}…"
    return repr(text)


def is_unset(value: object) -> bool:
    """Whether Stash's page shows the setting as empty."""
    return value is None or (isinstance(value, str) and not value.strip())


def parse_switch(value: object) -> bool:
    """Stash stores true and false; a configuration edited by hand may hold words or 0 and 1."""
    word = "" if value is None else str(value).strip().lower()
    if word not in _ON | _OFF:
        raise BadValue("on or off")
    return word in _ON


def parse_number(value: object, *, least: float, most: float, whole: bool) -> float:
    """The number, or 0 for an unset one, which means the default."""
    allowed = f"{'a whole number' if whole else 'a number'} from {least:g} to {most:g}, or 0 for the default"
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
    """Text without blanks around it; a number stands for its digits (a library may be called 4)."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise BadValue("text")
    return str(value).strip()


def parse_url(value: object) -> str:
    """`http://host:port`, perhaps with a path, without the slash at its end."""
    text = parse_text(value)
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_url(text) from None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise _bad_url(text)
    if "@" in parts.netloc or "?" in text or "#" in text or re.search(r"[\s\\\x00-\x1f]", text):
        raise _bad_url(text)
    return text.rstrip("/")


def parse_plex_url(value: object) -> str:
    """As `parse_url`; the address of Plex's own page (`…/web/index.html#!/…`) is taken for its server's."""
    return parse_url(_WEB_PAGE.sub("", parse_text(value)))


def _bad_url(text: str) -> BadValue:
    """People paste addresses with tokens and passwords, so only what cannot be one is shown."""
    bare = re.sub(r"//.*@", "//[hidden]@", re.split(r"[?#]", text)[0], flags=re.DOTALL)
    allowed = "an address like http://192.168.1.10:32400, beginning with http:// or https://, without user name and ?"
    return BadValue(allowed, shown=show(bare))


def parse_token(value: object) -> str:
    """The token; a bad one is never shown."""
    if not isinstance(value, (str, int)) or not _TOKEN.fullmatch(str(value).strip()) or isinstance(value, bool):
        raise BadValue("an X-Plex-Token of letters, digits and signs, no blanks or line ends", shown="[hidden]")
    return str(value).strip()


def parse_list(value: object) -> tuple[str, ...]:
    """Names between commas, each once, in their order."""
    names = (name.strip() for name in parse_text(value).split(","))
    return tuple(dict.fromkeys(name for name in names if name))


def parse_path_map(value: object) -> tuple[tuple[PathRule, ...], tuple[str, ...]]:
    """The rules in their order, and the texts between semicolons that are none."""
    rules, bad = [], []
    for text in parse_text(value).split(";"):
        sides = [side.strip() for side in text.split("=>")]
        if len(sides) == 2 and all(sides):  # noqa: PLR2004 - two sides of an arrow
            rules.append(PathRule(stash=sides[0], plex=sides[1]))
        elif text.strip():
            bad.append(text.strip())
    return tuple(rules), tuple(bad)


def parse_tls(value: object) -> str:
    """`verify`, `insecure` or a path; whether the file exists is found out when it is used."""
    text = parse_text(value)
    if text.lower() in {"verify", "insecure"}:
        return text.lower()
    if not _ABSOLUTE.match(text):  # tasks and the worker run in different folders
        raise BadValue("verify, insecure, or the full path of a file with the certificate authority")
    return text


def parse_word(value: object, words: Sequence[str]) -> str:
    """One of `words`, in any case."""
    text = parse_text(value).lower()
    if text not in words:
        raise BadValue(f"one of {', '.join(words)}")
    return text


def parse_scope(value: object) -> str:
    """`all`, `24h`, `7days` or `<N>d`, in any case."""
    text = parse_text(value).lower()
    days = _DAYS.fullmatch(text)
    if text in {"all", "24h", "7days"}:
        return text
    if days is None or not 1 <= int(days[1]) <= LONGEST_SCOPE_DAYS:
        raise BadValue(f"all, 24h, 7days, or a number of days from 1d to {LONGEST_SCOPE_DAYS}d")
    return f"{int(days[1])}d"
