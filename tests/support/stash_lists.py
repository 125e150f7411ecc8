"""The lists of changes as Stash pages them, for fakes of its client."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stash.changes import Change, Changed, Position


def page_of(
    rows: Mapping[Changed, list[Change]], positions: Mapping[Changed, Position]
) -> dict[Changed, list[Change]]:
    """The next page of each list. Times are compared as text."""
    found = {}
    for kind, position in positions.items():
        later = [row for row in rows.get(kind, []) if row.updated_at > position.after_time]
        ordered = sorted((row for row in later if row.id > position.after_id), key=lambda row: row.id)
        found[kind] = ordered[: position.limit]
    return found
