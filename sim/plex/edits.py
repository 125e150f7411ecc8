"""Edits as Plex spells them in a query, and their effect on an item.

`title.value=A&title.locked=1`, `genre[0].tag.tag=A&genre[1].tag.tag=B` (adds), `genre[].tag.tag-=C,D%2CE` (removes),
`actor[0].tag.thumb=https://…`, `actor[0].tagging.text=role`.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from sim.plex.model import FIELDS, LOCKABLE, TAG_ELEMENTS, CastMember, Facts, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sim.plex.tags import TagTable

_PARAMETER = re.compile(
    r"(?P<name>[A-Za-z]+)(?:\[(?P<index>\d*)\])?\.(?P<what>value|locked|tag\.tag-?|tag\.thumb|tagging\.text)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """The content of one PUT; `added` is in the order of the indices, not of the query."""

    values: Mapping[str, str] = field(default_factory=dict)
    locks: Mapping[str, bool] = field(default_factory=dict)
    added: Mapping[str, tuple[CastMember, ...]] = field(default_factory=dict)
    removed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether the query contained no edit."""
        return not (self.values or self.locks or self.added or self.removed)


def parse_edit(query: Iterable[tuple[str, str]]) -> Edit:
    """Read the edit from a decoded query. Like Plex, it silently ignores unknown parameters."""
    values: dict[str, str] = {}
    locks: dict[str, bool] = {}
    removed: dict[str, tuple[str, ...]] = {}
    drafts: dict[str, dict[int, dict[str, str]]] = {}
    for key, value in query:
        match = _PARAMETER.fullmatch(key)
        if match is None:
            continue
        name, index, what = match["name"], match["index"], match["what"]
        if what == "value":
            values[name] = value
        elif what == "locked":
            locks[name] = value == "1"
        elif what == "tag.tag-":
            # The value is escaped a second time, so that a name may contain a comma: `A%2CB` is one name.
            removed[name] = tuple(unquote(part) for part in value.split(",") if part)
        elif index:
            drafts.setdefault(name, {}).setdefault(int(index), {})[what] = value
    added = {name: _roles(by_index) for name, by_index in drafts.items() if name in TAG_ELEMENTS}
    return Edit(
        values={name: value for name, value in values.items() if name in FIELDS or name in {"addedAt", "userRating"}},
        locks={name: locked for name, locked in locks.items() if name in LOCKABLE},
        added={name: roles for name, roles in added.items() if roles},
        removed={name: names for name, names in removed.items() if name in TAG_ELEMENTS},
    )


def _roles(by_index: Mapping[int, Mapping[str, str]]) -> tuple[CastMember, ...]:
    drafts = [by_index[index] for index in sorted(by_index)]
    return tuple(
        CastMember(name=draft["tag.tag"], thumb=draft.get("tag.thumb", ""), role=draft.get("tagging.text", ""))
        for draft in drafts
        if draft.get("tag.tag")
    )


def edited(item: Item, edit: Edit, tags: TagTable, now: int) -> Item:
    """Apply an edit to an item; `updatedAt` changes even if nothing else does."""
    return replace(
        item,
        facts=edited_facts(item.facts, edit, tags, item.section_key),
        locked=_locked(item.locked, edit),
        user_rating=_rating(edit.values["userRating"]) if "userRating" in edit.values else item.user_rating,
        added_at=_whole(edit.values.get("addedAt", ""), item.added_at),
        updated_at=now,
    )


def edited_facts(facts: Facts, edit: Edit, tags: TagTable, section_key: int) -> Facts:
    """Replace fields, remove and add tags. A field without a lock parameter stays locked or unlocked."""
    fields = {**facts.fields, **{name: value for name, value in edit.values.items() if name in FIELDS}}
    fields["originallyAvailableAt"] = _whole_date(fields.get("originallyAvailableAt", ""))
    by_kind, roles = dict(facts.tags), dict(facts.roles)
    for kind, names in edit.removed.items():
        gone = {tag.id for name in names if (tag := tags.find(kind, section_key, name))}
        by_kind[kind] = tuple(tag_id for tag_id in by_kind.get(kind, ()) if tag_id not in gone)
    for kind, added in edit.added.items():
        ids = list(by_kind.get(kind, ()))
        for role in added:
            tag = tags.named(kind, section_key, role.name)
            if tag.id not in ids:
                ids.append(tag.id)
            if role.thumb:
                tags.set_thumb(tag.id, role.thumb)
            if role.role:
                roles[tag.id] = role.role
        by_kind[kind] = tuple(ids)
    return Facts(fields={name: value for name, value in fields.items() if value}, tags=by_kind, roles=roles)


def _locked(locked: frozenset[str], edit: Edit) -> frozenset[str]:
    """Writing a collection membership locks `collection`, whatever `collection.locked` says."""
    on = {name for name, is_locked in edit.locks.items() if is_locked}
    off = edit.locks.keys() - on
    own = {"collection"} & (edit.added.keys() | edit.removed.keys())
    return (locked - off) | on | own


def refreshed(item: Item, now: int) -> Item:
    """Apply a visit of Plex's agent: every unlocked field and tag goes back to the agent's value, an unlocked poster to
    the agent's own. Labels, ratings and uploads stay.
    """
    kept = item.locked | {"label"}
    fields = {name: _source(item, name, kept).fields.get(name, "") for name in FIELDS}
    tags = {kind: _source(item, kind, kept).tags.get(kind, ()) for kind in TAG_ELEMENTS}
    locks = {"posters": "thumb", "arts": "art"}
    return replace(
        item,
        facts=Facts(
            fields={name: value for name, value in fields.items() if value},
            tags=tags,
            roles=_source(item, "actor", kept).roles,
        ),
        selected={kind: key for kind, key in item.selected.items() if locks[kind] in item.locked},
        updated_at=now,
    )


def _source(item: Item, name: str, kept: frozenset[str]) -> Facts:
    return item.facts if name in kept else item.agent


def _whole_date(text: str) -> str:
    """Plex keeps whole dates only; `2004` or `soon` become nothing."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d.*", text, re.ASCII):
        return ""
    try:
        return dt.date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else default


def _rating(text: str) -> float | None:
    """0 to 10; a negative number, or none, means no rating."""
    try:
        rating = float(text)
    except ValueError:
        return None
    return min(rating, 10.0) if rating >= 0 else None
