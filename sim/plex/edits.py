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

from sim.plex.model import FIELDS, LOCKABLE, TAG_ELEMENTS, Credit, Facts, Item
from sim.plex.quirks import TagOrder

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
    added: Mapping[str, tuple[Credit, ...]] = field(default_factory=dict)
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
    added = {name: _credits(by_index) for name, by_index in drafts.items() if name in TAG_ELEMENTS}
    return Edit(
        values={name: value for name, value in values.items() if name in FIELDS or name in {"addedAt", "userRating"}},
        locks={name: locked for name, locked in locks.items() if name in LOCKABLE},
        added={name: given for name, given in added.items() if given},
        removed={name: names for name, names in removed.items() if name in TAG_ELEMENTS},
    )


def _credits(by_index: Mapping[int, Mapping[str, str]]) -> tuple[Credit, ...]:
    drafts = [by_index[index] for index in sorted(by_index)]
    return tuple(
        Credit(name=draft["tag.tag"], thumb=draft.get("tag.thumb", ""), role=draft.get("tagging.text", ""))
        for draft in drafts
        if draft.get("tag.tag")
    )


def edited(item: Item, edit: Edit, tags: TagTable, now: int, order: TagOrder) -> Item:
    """Apply an edit to an item; `updatedAt` changes even if nothing else does."""
    return replace(
        item,
        facts=edited_facts(item.facts, edit, tags, item.section_key, order),
        locked=_locked(item.locked, edit),
        added_at=_whole(edit.values.get("addedAt", ""), item.added_at),
        updated_at=now,
    )


def edited_facts(facts: Facts, edit: Edit, tags: TagTable, section_key: int, order: TagOrder) -> Facts:
    """Replace fields, remove and add tags. A field without a lock parameter stays locked or unlocked."""
    fields = {**facts.fields, **{name: value for name, value in edit.values.items() if name in FIELDS}}
    fields["originallyAvailableAt"] = _whole_date(fields.get("originallyAvailableAt", ""))
    edited = replace(facts, fields={name: value for name, value in fields.items() if value})
    steps = (_without_removed, _with_added) if order is TagOrder.REMOVE_FIRST else (_with_added, _without_removed)
    for step in steps:
        edited = step(edited, edit, tags, section_key)
    return edited


def _without_removed(facts: Facts, edit: Edit, tags: TagTable, section_key: int) -> Facts:
    """Remove tags from the item, along with what it says about these people: role and tagKey."""
    by_kind, roles, tag_keys = dict(facts.tags), dict(facts.roles), dict(facts.tag_keys)
    for kind, names in edit.removed.items():
        gone = {tag.id for name in names if (tag := tags.find(kind, section_key, name))}
        by_kind[kind] = tuple(tag_id for tag_id in by_kind.get(kind, ()) if tag_id not in gone)
        for tag_id in gone:
            roles.pop(tag_id, None)
            tag_keys.pop(tag_id, None)
    return replace(facts, tags=by_kind, roles=roles, tag_keys=tag_keys)


def _with_added(facts: Facts, edit: Edit, tags: TagTable, section_key: int) -> Facts:
    """Append tags; one that is already there keeps its place, and its role unless a new one is given."""
    by_kind, roles, tag_keys = dict(facts.tags), dict(facts.roles), dict(facts.tag_keys)
    for kind, added in edit.added.items():
        ids = list(by_kind.get(kind, ()))
        for credit in added:
            tag = tags.named(kind, section_key, credit.name)
            if tag.id not in ids:
                ids.append(tag.id)
            if credit.thumb:
                tags.set_thumb(tag.id, credit.thumb)
            if credit.role:
                roles[tag.id] = credit.role
            if credit.tag_key:
                tag_keys[tag.id] = credit.tag_key
        by_kind[kind] = tuple(ids)
    return replace(facts, tags=by_kind, roles=roles, tag_keys=tag_keys)


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
            tag_keys=_kept_tag_keys(item, kept),
        ),
        selected={kind: key for kind, key in item.selected.items() if locks[kind] in item.locked},
        updated_at=now,
    )


def _kept_tag_keys(item: Item, kept: Iterable[str]) -> dict[int, str]:
    """The agent's tagKeys, but the item's own for tags of locked kinds."""
    locked = {tag_id for kind in kept for tag_id in item.facts.tags.get(kind, ())}
    agent = {tag_id: key for tag_id, key in item.agent.tag_keys.items() if tag_id not in locked}
    return {**agent, **{tag_id: key for tag_id, key in item.facts.tag_keys.items() if tag_id in locked}}


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


def rating_of(text: str) -> float | None:
    """0 to 10; a negative number, or none, means no rating."""
    try:
        rating = float(text)
    except ValueError:
        return None
    return min(rating, 10.0) if rating >= 0 else None
