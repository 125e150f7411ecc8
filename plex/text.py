"""Cleans values for Plex: text without characters that break XML or HTTP, whole dates, ratings of 0 to 10.

Cleaning is idempotent; otherwise a value read back from Plex would differ from Stash's again at every push.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

# Plex documents no limits. With these, one field fits into a request line of 64 KiB, a common limit of servers (a UTF-8
# byte takes up to three bytes there). They are far beyond what people write.
TITLE_BYTES = 1_000
SUMMARY_BYTES = 16_000
NAME_BYTES = 500

# Of one character, in UTF-8 and percent-encoded.
_MOST_BYTES, _MOST_ENCODED_BYTES = 4, 12
_LINE_ENDS = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
# The characters that XML 1.0 forbids, and the C1 controls, which it allows but which are invisible. Joiners and bidi
# marks stay: emoji and right-to-left scripts need them.
_FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_ASCII_CAPITALS = re.compile("[A-Z]+")
_PARTIAL_DATE = re.compile(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?(?:[T ].*)?", re.ASCII | re.DOTALL)
_MAX_RATING = 10.0


def clean_text(text: str, limit: int) -> str:
    """Text of several lines, cut between characters to at most `limit` bytes of UTF-8."""
    if text.isprintable() and len(text) * _MOST_BYTES <= limit:  # nearly always, and cheaper
        return text.strip()
    lines = _LINE_ENDS.sub("\n", _FORBIDDEN.sub("", text))
    return lines.strip().encode()[:limit].decode(errors="ignore").rstrip()


def clean_line(text: str, limit: int) -> str:
    """Text on one line, each run of white space replaced by one blank, cut to at most `limit` bytes of UTF-8."""
    allowed = text if text.isprintable() else _FORBIDDEN.sub("", text)
    return clean_text(" ".join(allowed.split()), limit)


def cut_to_encoded(text: str, limit: int) -> str:
    """`text`, or as many of its words as fit into `limit` bytes when percent-encoded; part of a word if need be."""
    if len(text) * _MOST_ENCODED_BYTES <= limit or len(quote(text, safe="")) <= limit:
        return text
    kept, used = 0, 0
    for character in text:
        used += len(quote(character, safe=""))
        if used > limit:
            break
        kept += 1
    cut = text[:kept]
    is_between_words = text[kept].isspace() or not cut
    end = max((index for index, character in enumerate(cut) if character.isspace()), default=0)
    return cut.rstrip() if is_between_words or not end else cut[:end].rstrip()


def name_key(name: str) -> str:
    """Equal for names that are one tag in Plex, which ignores the case of ASCII letters only."""
    if name.isascii():
        return name.lower()
    return _ASCII_CAPITALS.sub(lambda capitals: capitals[0].lower(), unicodedata.normalize("NFC", name))


def clean_names(names: Iterable[str]) -> tuple[str, ...]:
    """The names in their order, cleaned, without empty ones and without repeated tags (the first spelling stays)."""
    tags: dict[str, str] = {}
    for name in names:
        cleaned = clean_line(name, NAME_BYTES)
        if cleaned:
            tags.setdefault(name_key(cleaned), cleaned)
    return tuple(tags.values())


def loose_form(text: str) -> str:
    """Equal for texts that differ only in white space or Unicode form: an XML attribute may lose line ends and tabs."""
    return " ".join((text if text.isascii() else unicodedata.normalize("NFC", text)).split())


def whole_date(text: str) -> str:
    """`2004-03-01` for `2004-03`, since Plex accepts only whole dates; "" if the text is not a date."""
    match = _PARTIAL_DATE.fullmatch(text.strip())
    if match is None:
        return ""
    year, month, day = (int(part or 1) for part in match.groups())
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def clean_rating(text: str) -> str:
    """A rating on Plex's scale with at most one decimal: "8" for "8.0", "10" for more than 10, "" for no rating.

    0 is no rating, as in Plex, and neither is text that is not a number.
    """
    try:
        rating = float(text)
    except ValueError:
        return ""
    if not rating > 0:  # also false for NaN
        return ""
    shown = f"{min(rating, _MAX_RATING):.1f}".removesuffix(".0")
    return "" if shown == "0" else shown


def plex_rating(rating100: int | None) -> str:
    """Stash's rating on Plex's scale. 100 is best, but Stash also accepts 0, 101 and -5."""
    return "" if rating100 is None else clean_rating(str(rating100 / 10))
