"""The lists of changes as Stash pages them, for fakes of its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stash.changes import Changed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stash.changes import Change, Position


def page_of(
    rows: Mapping[Changed, list[Change]], positions: Mapping[Changed, Position]
) -> dict[Changed, list[Change]]:
    """The next page of each list. Times are compared as text."""
    found = {}
    for kind, position in positions.items():
        later = [row for row in rows.get(kind, []) if row.updated_at > position.after_time]
        if kind is Changed.SCENE:
            later = sorted((row for row in later if row.id > position.after_id), key=lambda row: row.id)
        else:
            later = sorted(later, key=lambda row: row.updated_at)
        found[kind] = later[: position.limit]
    return found
