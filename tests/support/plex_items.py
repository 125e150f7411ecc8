"""Plex items for tests of plans, and the effect of a plan on them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from plex.edit import LONGEST_LINE_BYTES, pack, parameters_of
from plex.model import PlexItem, Role

if TYPE_CHECKING:
    from plex.edit import Parameters
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


def with_tags(here: tuple[str, ...], added: list[str], gone: list[str], *, adds_first: bool) -> tuple[str, ...]:
    names = {folded(name): name for name in here}
    if adds_first:
        names |= {folded(name): name for name in added if folded(name) not in names}
    for name in gone:
        names.pop(folded(name), None)
    if not adds_first:
        names |= {folded(name): name for name in added if folded(name) not in names}
    return tuple(names.values())


def sent_by(plan: Plan) -> Parameters:
    """The parameters of all PUTs of the plan, one after the other."""
    return tuple(parameter for step in plan.steps for parameter in parameters_of(step))


def applied(item: PlexItem, plan: Plan, *, adds_first: bool = False, loses_line_ends: bool = False) -> PlexItem:
    """The item after the plan. `adds_first`: whether Plex adds the names of a request before it removes others."""
    for step in plan.steps:
        for part in pack(step, LONGEST_LINE_BYTES):
            item = after_put(item, parameters_of(part), adds_first=adds_first, loses_line_ends=loses_line_ends)
    if plan.rating is not None:
        item = replace(item, rating=plan.rating and f"{float(plan.rating):.1f}")
    return item


def after_put(
    item: PlexItem, parameters: Parameters, *, adds_first: bool = False, loses_line_ends: bool = False
) -> PlexItem:
    values: dict[str, Any] = {}
    added: dict[str, list[str]] = {}
    gone: dict[str, list[str]] = {}
    locks: dict[str, bool] = {}
    for key, value in parameters:
        name = key.split(".")[0].split("[")[0]
        if key.endswith(".locked"):
            locks[name] = value == "1"
        elif key.endswith(".value"):
            values[NAMES[name]] = " ".join(value.split()) if loses_line_ends else value
        elif key.endswith(".tag.tag-"):
            gone[name] = [unquote(part) for part in value.split(",")]
        elif key.endswith(".tag.tag"):
            added.setdefault(name, []).append(value)
    if "collection" in added.keys() | gone.keys():
        locks["collection"] = True  # by Plex itself
    for name in added.keys() | gone.keys():
        here = getattr(item, NAMES[name])
        values[NAMES[name]] = with_tags(here, added.get(name, []), gone.get(name, []), adds_first=adds_first)
    if "actors" in values:
        roles = {folded(role.name): role for role in item.roles}
        new = Role(name="", text="", thumb="")
        values["roles"] = tuple(replace(roles.get(folded(name), new), name=name) for name in values["actors"])
    locked = {name for name in {*item.locked, *locks} if locks.get(name, True)}
    return replace(item, **values, locked=frozenset(locked))
