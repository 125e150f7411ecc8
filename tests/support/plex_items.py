"""Plex items for tests of plans, and the effect of a plan on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from plex.model import PlexItem

if TYPE_CHECKING:
    from plex.plan import Plan

NAMES = {
    "title": "title",
    "summary": "summary",
    "originallyAvailableAt": "date",
    "studio": "studio",
    "director": "directors",
    "actor": "actors",
    "genre": "genres",
    "collection": "collections",
}


def an_item(**values: Any) -> PlexItem:
    empty = PlexItem(
        rating_key=7,
        section_key=1,
        title="clip 001",
        summary="",
        date="",
        studio="",
        rating="",
        directors=(),
        actors=(),
        genres=(),
        collections=(),
        locked=frozenset(),
        parts=(),
        updated_at=0,
        thumb="",
        art="",
    )
    return replace(empty, **values)


def folded(name: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def with_tags(here: tuple[str, ...], added: list[str], gone: list[str], *, adds: bool) -> tuple[str, ...]:
    names = {folded(name): name for name in here} if adds or not added else {}
    for name in gone:
        names.pop(folded(name), None)
    for name in added:
        names.setdefault(folded(name), name)
    return tuple(names.values())


def applied(item: PlexItem, plan: Plan, *, adds: bool = True, loses_line_ends: bool = False) -> PlexItem:
    """The item after the plan. `adds`: Plex adds the tags sent to the existing ones instead of replacing them."""
    values: dict[str, Any] = {}
    added: dict[str, list[str]] = {}
    gone: dict[str, list[str]] = {}
    locked = set(item.locked)
    for key, value in plan.parameters:
        name = key.split(".")[0].split("[")[0]
        if key.endswith(".locked"):
            locked.add(name)
        elif key.endswith(".value"):
            values[NAMES[name]] = " ".join(value.split()) if loses_line_ends else value
        elif key.endswith(".tag.tag-"):
            gone[name] = [unquote(part) for part in value.split(",")]
        elif key.endswith(".tag.tag"):
            added.setdefault(name, []).append(value)
    for name in added.keys() | gone.keys():
        here = getattr(item, NAMES[name])
        values[NAMES[name]] = with_tags(here, added.get(name, []), gone.get(name, []), adds=adds)
    if plan.rating is not None:
        values["rating"] = plan.rating and f"{float(plan.rating):.1f}"
    return replace(item, **values, locked=frozenset(locked))
