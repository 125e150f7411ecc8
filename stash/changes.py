"""Stash's lists of what changed: the query for the next page of each, and what the answer says.

A page begins after a key of the page before, never at a number of rows: what is deleted or changed between two pages
would move the rows that follow, and some would be skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stash.errors import StashUnavailable
from stash.times import SAME_SECOND_S, SORT_MARGIN_S, epoch_of, text_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Changed(str, Enum):
    """What has an `updated_at` in Stash, and a list that can be searched by it."""

    SCENE = "scene"
    TAG = "tag"
    PERFORMER = "performer"
    STUDIO = "studio"
    GROUP = "group"
    FILE = "file"


ENTITIES = (Changed.TAG, Changed.PERFORMER, Changed.STUDIO, Changed.GROUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where the next page begins. `after_time`: Stash's text or a part of it; `limit`: rows on the page.

    Scenes come in the order of their ids, from the first above `after_id` on, the others in the order of their times.
    """

    after_time: str
    after_id: int = 0
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row of a list. The times are Stash's text; `path` and `oshash` are a file's."""

    id: int
    updated_at: str
    created_at: str = ""
    path: str = ""
    oshash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The last change in each list, as (id, Stash's text of the time). `asked_at`: epoch seconds.

    A list that is empty, or that this Stash fails to read, is absent.
    """

    asked_at: float
    rows: Mapping[Changed, tuple[int, str]]

    @property
    def is_fresh(self) -> bool:
        """Whether more may have changed within the same second since."""
        times = [epoch_of(text) for _, text in self.rows.values()]
        return any(at is None or self.asked_at - at < SAME_SECOND_S for at in times)


_COLUMNS = "id created_at updated_at"
# Of each list: the name of Stash's field, of its argument for criteria, and of the rows; what to ask of a row.
_LISTS: Mapping[Changed, tuple[str, str, str, str]] = MappingProxyType({
    Changed.SCENE: ("findScenes", "scene_filter", "scenes", _COLUMNS),
    Changed.TAG: ("findTags", "tag_filter", "tags", _COLUMNS),
    Changed.PERFORMER: ("findPerformers", "performer_filter", "performers", _COLUMNS),
    Changed.STUDIO: ("findStudios", "studio_filter", "studios", _COLUMNS),
    Changed.GROUP: ("findGroups", "group_filter", "groups", _COLUMNS),
    Changed.FILE: ("findFiles", "file_filter", "files", f'{_COLUMNS} path fingerprint(type: "oshash")'),
})  # fmt: skip
# Beside the time: the id as the key of scenes; only files that scenes have.
_MORE_CRITERIA: Mapping[Changed, str] = MappingProxyType({
    Changed.SCENE: ", id: {{value: {after_id:d}, modifier: GREATER_THAN}}",
    Changed.FILE: ", scene_count: {{value: 0, modifier: GREATER_THAN}}",
})  # fmt: skip


def changes_query(positions: Mapping[Changed, Position]) -> str:
    """One query for the next page of each list."""
    return "{ " + " ".join(_field(kind, position) for kind, position in positions.items()) + " }"


def parse_changes(kinds: Iterable[Changed], data: Mapping[str, Any]) -> dict[Changed, list[Change]]:
    """Read the answer to `changes_query`. Raises StashUnavailable for one of another shape."""
    return {kind: [_change(row) for row in rows_of(data.get(kind.value), _LISTS[kind][2])] for kind in kinds}


def newest_fields(kinds: Iterable[Changed], now: float) -> str:
    """The part of a query that asks for the last change in each list. What is dated in the future would hide others."""
    latest = json.dumps(text_at(now + SORT_MARGIN_S, 0.0))
    page = '{per_page: 1, sort: "updated_at", direction: DESC}'
    return " ".join(
        f"{kind.value}: {field}({argument}: {{updated_at: {{value: {latest}, modifier: LESS_THAN}}}}, filter: {page})"
        f" {{ {rows} {{ id updated_at }} }}"
        for kind in kinds
        for field, argument, rows, _ in (_LISTS[kind],)
    )


def parse_newest(kinds: Iterable[Changed], data: Mapping[str, Any], now: float) -> Newest:
    """Read the answer to `newest_fields`. Raises StashUnavailable for one of another shape."""
    rows = {kind: rows_of(data.get(kind.value), _LISTS[kind][2]) for kind in kinds}
    newest = {kind: (id_of(found[0]), str(found[0].get("updated_at", ""))) for kind, found in rows.items() if found}
    return Newest(asked_at=now, rows=newest)


def scenes_of_files_query(files: Sequence[Change]) -> str:
    """One query for the scene with each file's content, found by Stash's index of hashes."""
    return "{ " + " ".join(
        f"f{file.id:d}: findSceneByHash(input: {{oshash: {json.dumps(file.oshash)}}}) {{ id files {{ id }} }}"
        for file in files
    ) + " }"  # fmt: skip


def parse_scene_with_file(file: Change, data: Mapping[str, Any]) -> int | None:
    """The scene in the answer to `scenes_of_files_query`; None if it has another file with the same content."""
    scene = data.get(f"f{file.id:d}")
    if not isinstance(scene, Mapping):
        return None
    return id_of(scene) if file.id in [id_of(row) for row in rows_of(scene, "files")] else None


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
    field, argument, rows, columns = _LISTS[kind]
    criteria = f"updated_at: {{value: {json.dumps(position.after_time)}, modifier: GREATER_THAN}}"
    criteria += _MORE_CRITERIA.get(kind, "").format(after_id=position.after_id)
    order = "id" if kind is Changed.SCENE else "updated_at"
    page = f'{{per_page: {position.limit:d}, sort: "{order}", direction: ASC}}'
    return f"{kind.value}: {field}({argument}: {{{criteria}}}, filter: {page}) {{ {rows} {{ {columns} }} }}"


def _change(row: Mapping[str, Any]) -> Change:
    return Change(
        id=id_of(row),
        updated_at=str(row.get("updated_at", "")),
        created_at=str(row.get("created_at", "")),
        path=str(row.get("path", "")),
        oshash=str(row.get("fingerprint") or ""),
    )
