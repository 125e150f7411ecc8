"""Stash's lists of what changed: the query for the next page of each, and what the answer says.

A page begins after a key of the page before, never at a number of rows: what is deleted or changed between two pages
would move the rows that follow, and some would be skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from stash.errors import StashUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable


class Changed(str, Enum):
    """What has an `updated_at` in Stash, and a list that can be searched by it."""

    SCENE = "scene"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the next page begins. `after_time`: Stash's text or a part of it; `limit`: rows on the page.

    Scenes come in the order of their ids, from the first above `after_id` on.
    """

    after_time: str
    after_id: int = 0
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of a list. `updated_at`: Stash's text."""

    id: int
    updated_at: str


def changes_query(positions: Mapping[Changed, Position]) -> str:
    """One query for the next page of each list."""
    return "{ " + " ".join(_field(kind, position) for kind, position in positions.items()) + " }"


def parse_changes(kinds: Iterable[Changed], data: Mapping[str, Any]) -> dict[Changed, list[Change]]:
    """Read the answer to `changes_query`. Raises StashUnavailable for one of another shape."""
    return {kind: [_change(row) for row in rows_of(data.get(kind.value), f"{kind.value}s")] for kind in kinds}


def rows_of(found: object, name: str) -> list[Mapping[str, Any]]:
    """The rows of one of Stash's lists. Raises StashUnavailable if it is none."""
    rows = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise StashUnavailable(f"Stash's list of {name} is not a list")
    return rows


def id_of(row: Mapping[str, Any]) -> int:
    """The row's id. Raises StashUnavailable if it has none."""
    value = str(row.get("id"))
    if not value.isdigit():
        raise StashUnavailable(f"Stash lists a row with the id {value[:20]!r}")
    return int(value)


def _field(kind: Changed, position: Position) -> str:
    time = f"updated_at: {{value: {json.dumps(position.after_time)}, modifier: GREATER_THAN}}"
    after = f"id: {{value: {position.after_id:d}, modifier: GREATER_THAN}}"
    page = f'filter: {{per_page: {position.limit:d}, sort: "id", direction: ASC}}'
    return f"{kind.value}: findScenes(scene_filter: {{{after}, {time}}}, {page}) {{ scenes {{ id updated_at }} }}"


def _change(row: Mapping[str, Any]) -> Change:
    return Change(id=id_of(row), updated_at=str(row.get("updated_at", "")))
