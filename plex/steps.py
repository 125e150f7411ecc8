"""Turns the new values of an item's fields into the changes that are sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.edit import AddName, RemoveName, SetLock, SetText
from plex.fields import LISTS, Field, names_in, text_of, values_of
from plex.text import NAME_BYTES, clean_line, name_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.edit import Change
    from plex.fields import Value, Values
    from plex.model import PlexItem, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldEdit:
    """What is to be done with one field.

    `new`: the whole value that Plex shows afterwards, None to leave it. `moved`: names of a list that are removed first
    and added again in a second step, to be in order. `is_locked`: the field's lock afterwards; None: it is locked if it
    is written.
    """

    new: Value | None
    moved: tuple[str, ...] = ()
    is_locked: bool | None = None


def steps_of(
    item: PlexItem, in_plex: Values, edits: Mapping[Field, FieldEdit], pictures: Mapping[str, str]
) -> tuple[tuple[Change, ...], ...]:
    """First everything set or removed, and new names; then moved names, with the new names of the same list.

    `in_plex`: the item's values, altered ones as they were sent. `pictures`: see Wanted. The lock of collections alone
    comes last, since Plex locks them itself with every edit of the list. The rating is no part of an edit.
    """
    first: list[Change] = []
    second: list[Change] = []
    for name, edit in edits.items():
        if name is Field.RATING:
            continue
        if edit.new is None:
            lock = _lock_alone(item, name, edit)
            (second if name is Field.COLLECTIONS else first).extend(lock)
        elif name in LISTS:
            removed, added = _list_changes(item, in_plex, name, edit, pictures)
            first += removed
            (second if edit.moved else first).extend(added)
            if name is Field.COLLECTIONS and edit.is_locked is False:
                second.append(SetLock(field=name, is_locked=False))
        else:
            first.append(SetText(field=name, value=text_of(edit.new), is_locked=edit.is_locked is not False))
    return tuple(tuple(step) for step in (first, second) if step)


def _lock_alone(item: PlexItem, name: Field, edit: FieldEdit) -> list[SetLock]:
    if edit.is_locked is None or (name.value in item.locked) == edit.is_locked:
        return []
    return [SetLock(field=name, is_locked=edit.is_locked)]


def _list_changes(
    item: PlexItem, in_plex: Values, name: Field, edit: FieldEdit, pictures: Mapping[str, str]
) -> tuple[list[Change], list[Change]]:
    """Removals and additions. A removed name that Plex shows in another form is removed in both: it is not known which
    of the two Plex has stored.
    """
    is_locked = edit.is_locked is not False
    before, after, as_shown = names_in(in_plex[name]), names_in(edit.new or ()), values_of(item)
    removed = (*without(before, after), *edit.moved)
    forms = [form for form, each in zip(names_in(as_shown[name]), before, strict=False) if each in removed]
    gone = [RemoveName(field=name, name=each, is_locked=is_locked) for each in dict.fromkeys((*removed, *forms))]
    added = [each for each in after if name_key(each) not in keys_of(without(before, edit.moved))]
    return list(gone), list(_additions(name, added, item.roles, pictures, is_locked=is_locked))


def _additions(
    name: Field, names: Sequence[str], roles: Sequence[Role], pictures: Mapping[str, str], *, is_locked: bool
) -> list[AddName]:
    """Actors are added with the part they played, and with a picture if the person has none of their own."""
    if name is not Field.ACTORS:
        return [AddName(field=name, name=each, is_locked=is_locked) for each in names]
    played = {name_key(role.name): role for role in roles}
    by_key = {name_key(clean_line(each, NAME_BYTES)): address for each, address in pictures.items()}
    added = []
    for each in names:
        role, thumb = played.get(name_key(each)), by_key.get(name_key(each), "")
        if role and role.thumb:  # it belongs to the person, and is lost only if Plex has no more than its address
            thumb = role.thumb if role.thumb.startswith("http") else ""
        text = role.text if role else ""
        added.append(AddName(field=name, name=each, text=text, thumb=thumb, is_locked=is_locked))
    return added


def pictures_alone(
    item: PlexItem, changed: Value | None, moved: tuple[str, ...], pictures: Mapping[str, str]
) -> list[AddName]:
    """Stash's actors who keep their place in the list but have no picture are added again, with one."""
    pictured = keys_of(clean_line(name, NAME_BYTES) for name in pictures)
    staying = keys_of(without(item.actors if changed is None else names_in(changed), moved))
    lacking = [
        role.name
        for role in item.roles
        if not role.thumb and not role.tag_key and name_key(role.name) in pictured & staying
    ]
    return _additions(Field.ACTORS, lacking, item.roles, pictures, is_locked=True)


def keys_of(names: Iterable[str]) -> frozenset[str]:
    """Equal keys are one tag in Plex."""
    return frozenset(name_key(name) for name in names)


def without(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """The names that are not among the others."""
    keys = keys_of(others)
    return tuple(name for name in names if name_key(name) not in keys)
