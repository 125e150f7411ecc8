"""Which items a listing contains, and in which order: Plex's filters and sorts.

A filter is a field with an operator that ends with the query's own `=`: `title=a` contains, `title==a` equals,
`title!=a`, `year>=2004` at least, `addedAt>>=1700000000` after, `addedAt<<=-30d` more than thirty days ago, `genre=12`
by tag id. A comma means "or", the same field twice means "and".
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from typing import TYPE_CHECKING

from sim.plex.model import TAG_ELEMENTS, ascii_fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sim.plex.model import Item

_FILTER = re.compile(r"(?:movie\.)?(?P<field>[A-Za-z]+)(?P<operator>[!<>=]*)")
_RELATIVE = re.compile(r"-(?P<count>\d+)(?P<unit>mon|[smhdwy])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mon": 2592000, "y": 31536000}

_TEXTS = ("title", "titleSort", "originalTitle", "studio", "summary", "tagline", "contentRating", "editionTitle")
_NUMBERS: Mapping[str, Callable[[Item], float | None]] = {
    "id": lambda item: item.rating_key,
    "year": lambda item: item.year,
    "addedAt": lambda item: item.added_at,
    "updatedAt": lambda item: item.updated_at,
    "lastRatedAt": lambda item: item.last_rated_at,
    "userRating": lambda item: item.user_rating,
    "originallyAvailableAt": lambda item: _epoch(item.facts.fields.get("originallyAvailableAt", "")),
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    ">": operator.ge,
    ">>": operator.gt,
    "<": operator.le,
    "<<": operator.lt,
}


def filtered(items: list[Item], query: Iterable[tuple[str, str]], now: int) -> list[Item]:
    """The items that pass every filter in the query, in the given order; unknown parameters filter nothing."""
    for predicate in _predicates(query, now):
        items = [item for item in items if predicate(item)]
    return items


def in_order(items: list[Item], sort: str) -> list[Item]:
    """Sort by `field:desc,field2`, then by title; an unknown field changes nothing."""
    for part in reversed([part for part in sort.split(",") if part]):
        name, _, direction = part.rpartition(".")[2].partition(":")
        if name in {"title", "titleSort"}:
            items = sorted(items, key=lambda item: item.sort_key, reverse=direction == "desc")
        elif name in _NUMBERS:
            number = _NUMBERS[name]
            items = sorted(items, key=lambda item: _or_lowest(number(item)), reverse=direction == "desc")
    return items


def _or_lowest(number: float | None) -> float:
    return float("-inf") if number is None else number


def _predicates(query: Iterable[tuple[str, str]], now: int) -> Iterable[Callable[[Item], bool]]:
    for key, value in query:
        match = _FILTER.fullmatch(key)
        if match is None:
            continue
        name, sign = match["field"], match["operator"]
        if value.startswith("=") and sign in {"", "!"}:
            sign, value = sign + "=", value[1:]  # noqa: PLW2901 - `title==A` is split at its first `=`
        # A comma in a value is always "or": Plex has no way to escape it here.
        values = [part for part in value.split(",") if part]
        if name == "file":
            yield _by_file(values)
        elif name in _TEXTS:
            yield _by_text(name, sign, values)
        elif name in _NUMBERS:
            yield _by_number(_NUMBERS[name], sign, [_number(part, now) for part in values])
        elif name in TAG_ELEMENTS:
            yield _by_tag(name, sign, frozenset(int(part) for part in values if part.isdigit()))


def _by_file(values: list[str]) -> Callable[[Item], bool]:
    """`file=`: part of any of the item's paths, in any case."""
    needles = [ascii_fold(value) for value in values]

    def predicate(item: Item) -> bool:
        return any(needle in path for path in item.files_folded for needle in needles)

    return predicate


def _by_text(name: str, sign: str, values: list[str]) -> Callable[[Item], bool]:
    wanted = [ascii_fold(value) for value in values]

    def fits(text: str) -> bool:
        if sign in {"=", "!="}:
            return text in wanted
        if sign == "<":
            return text.startswith(tuple(wanted))
        if sign == ">":
            return text.endswith(tuple(wanted))
        return any(part in text for part in wanted)

    def predicate(item: Item) -> bool:
        return fits(ascii_fold(item.facts.fields.get(name, ""))) != sign.startswith("!")

    return predicate


def _by_number(number: Callable[[Item], float | None], sign: str, values: list[float]) -> Callable[[Item], bool]:
    compare = _COMPARISONS[sign.removeprefix("!") if sign.removeprefix("!") in _COMPARISONS else ""]

    def predicate(item: Item) -> bool:
        own = number(item)
        return (own is not None and any(compare(own, value) for value in values)) != sign.startswith("!")

    return predicate


def _by_tag(kind: str, sign: str, ids: frozenset[int]) -> Callable[[Item], bool]:
    def predicate(item: Item) -> bool:
        return (not ids.isdisjoint(item.facts.tags.get(kind, ()))) != sign.startswith("!")

    return predicate


def _number(text: str, now: int) -> float:
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return now - int(relative["count"]) * _UNIT_S[relative["unit"]]
    try:
        return float(text)
    except ValueError:
        return _epoch(text) or 0.0


def _epoch(date: str) -> float | None:
    try:
        moment = dt.datetime.fromisoformat(date)
    except ValueError:
        return None
    return moment.replace(tzinfo=dt.timezone.utc).timestamp()
