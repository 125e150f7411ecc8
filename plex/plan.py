"""Decide what one item needs: its one PUT, its rating, and what is PlexSync's afterwards. Pure.

For each field three values meet: what Plex has, what Stash wants, and what PlexSync put there (the base).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import quote

from plex.text import (
    NAME_BYTES,
    SUMMARY_BYTES,
    TITLE_BYTES,
    clean_line,
    clean_names,
    clean_rating,
    clean_text,
    loose_form,
    name_key,
    whole_date,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.model import PlexItem


class Field(str, Enum):
    """What is pushed, by Plex's names, which are also those of its locks."""

    TITLE = "title"
    SUMMARY = "summary"
    DATE = "originallyAvailableAt"
    STUDIO = "studio"
    RATING = "userRating"
    DIRECTORS = "director"
    ACTORS = "actor"
    GENRES = "genre"
    COLLECTIONS = "collection"


LISTS = frozenset({Field.DIRECTORS, Field.ACTORS, Field.GENRES, Field.COLLECTIONS})

Value = str | tuple[str, ...]  # of a list its names; "" and () are empty
Values = Mapping[Field, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What PlexSync put into this item.

    `pushed`: stored after a success. `intents`: what was about to be sent since then, oldest first, with no result
    known: each may have arrived or not.
    """

    pushed: Values
    intents: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What Stash has. A field that is absent from `values` is left alone.

    `file_stem`: stands in for an empty title, but only where PlexSync's own title stood.
    `pictures`: an actor's name (as in `values`) to the address from which Plex fetches a picture.
    """

    values: Values
    file_stem: str
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send, and what to store.

    `parameters`: of the PUT, unescaped but for the names to remove, which Plex unescapes twice. `rating`: for
    `/:/rate`, "" removes it, None leaves it. `intent`: to be stored before anything is sent. `pushed`: to be stored
    in place of `Owned` afterwards (also when there is nothing to send). `changes`: old and new value of what is sent.
    `reorders`: names are taken off and put back in one request; look afterwards, see `lost_names`.
    """

    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    rating: str | None
    intent: Values
    pushed: Values
    changes: Mapping[Field, tuple[Value, Value]]
    reorders: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether Plex already has all that it shall have, but perhaps for pictures of actors."""
        return not self.changes

    @property
    def sends(self) -> bool:
        """Whether there is anything to send."""
        return bool(self.parameters) or self.rating is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """`new`: the whole value to establish, None: leave it. `base`: what is PlexSync's then, None: nothing."""

    new: Value | None
    base: Value | None


def plan(current: PlexItem, wanted: Wanted, owned: Owned, *, keep_plex_edits: bool) -> Plan:
    """What brings `current` to `wanted`.

    Applied and planned again it is empty. Nothing that was not PlexSync's is emptied or taken off a list. With
    `keep_plex_edits` a field or name that a person changed in Plex since the last push stays as it is.
    """
    here = values_of(current)
    base = resolve_intents(here, owned)
    values = clean_values(wanted.values)
    if values.get(Field.TITLE) == "" and (base.get(Field.TITLE) or not current.title):
        values[Field.TITLE] = _clean(Field.TITLE, wanted.file_stem)
    decisions = {
        name: _decide(name, here, values, base, is_locked=name.value in current.locked, keep=keep_plex_edits)
        for name in Field
        if name in values
    }
    changed = {name: decision.new for name, decision in decisions.items() if decision.new is not None}
    pushed = {name: value for name, value in base.items() if name not in decisions} | {
        name: decision.base for name, decision in decisions.items() if decision.base is not None
    }
    rating = changed.get(Field.RATING)
    sent = changed
    if Field.ACTORS in values and Field.ACTORS not in changed and _lack_pictures(current, wanted.pictures):
        sent = {**changed, Field.ACTORS: current.actors}
    return Plan(
        parameters=_parameters(current, sent, wanted.pictures),
        rating=None if rating is None else _text(rating),
        # A name withheld from a list stays part of the intent: its absence from Plex is a person's doing, not ours.
        intent={name: pushed[name] for name in changed},
        pushed=pushed,
        changes={name: (here[name], value) for name, value in changed.items()},
        reorders=Field.ACTORS in changed and _needs_reordering(current.actors, _names(changed[Field.ACTORS])),
    )


def lost_names(current: PlexItem, done: Plan, pictures: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Parameters that put back what a Plex that adds before it takes off has lost in `done`; () when all is there."""
    target = _names(done.changes[Field.ACTORS][1])
    if _keys(target) <= _keys(current.actors):
        return ()
    return _parameters(current, {Field.ACTORS: target}, pictures)


def values_of(item: PlexItem) -> dict[Field, Value]:
    """What Plex has, as it has it."""
    return {
        Field.TITLE: item.title,
        Field.SUMMARY: item.summary,
        Field.DATE: item.date,
        Field.STUDIO: item.studio,
        Field.RATING: clean_rating(item.rating),
        Field.DIRECTORS: item.directors,
        Field.ACTORS: item.actors,
        Field.GENRES: item.genres,
        Field.COLLECTIONS: item.collections,
    }


def clean_values(values: Values) -> dict[Field, Value]:
    """What Stash has, as Plex can take it."""
    return {name: _clean(name, value) for name, value in values.items()}


def resolve_intents(here: Values, owned: Owned) -> dict[Field, Value]:
    """What is PlexSync's in the item as it now is: each intent either shows in it or did not arrive."""
    pushed, intents = clean_values(owned.pushed), [clean_values(intent) for intent in owned.intents]
    bases: dict[Field, Value | None] = {}
    for name in {*pushed, *(name for intent in intents for name in intent)}:
        tried = tuple(intent[name] for intent in intents if name in intent)
        resolved = _resolve_names if name in LISTS else _resolve_text
        bases[name] = resolved(here[name], pushed.get(name), tried)
    return {name: value for name in Field if (value := bases.get(name)) is not None}


def _resolve_text(here: Value, pushed: Value | None, intents: tuple[Value, ...]) -> str | None:
    """The newest owned value that Plex shows, exactly or but for white space; else what had been pushed for certain."""
    ours = [_text(value) for value in (*reversed(intents), *(() if pushed is None else (pushed,)))]
    exact = [value for value in ours if value == here]
    loose = [value for value in ours if loose_form(value) == loose_form(_text(here))]
    return next(iter(exact + loose), None if pushed is None else _text(pushed))


def _resolve_names(here: Value, pushed: Value | None, intents: tuple[Value, ...]) -> tuple[str, ...]:
    """Names of any intent that Plex shows, and names pushed, unless an intent without them explains their absence."""
    shown = _keys(_names(here))
    tried = [_keys(_names(value)) for value in intents]
    sure = [
        name
        for name in _names(pushed or ())
        if name_key(name) in shown or all(name_key(name) in keys for keys in tried)
    ]
    arrived = [name for value in intents for name in _names(value) if name_key(name) in shown]
    return clean_names([*sure, *arrived])


def _decide(name: Field, here: Values, values: Values, base: Values, *, is_locked: bool, keep: bool) -> _Decision:
    if name in LISTS:
        is_ordered = name is Field.ACTORS
        return _decide_names(_names(here[name]), _names(values[name]), base.get(name), keep=keep, is_ordered=is_ordered)
    before = base.get(name)
    return _decide_text(
        _text(here[name]),
        _text(values[name]),
        None if before is None else _text(before),
        # Ratings have no lock, and nobody but a person gives one.
        is_persons_own=is_locked or name is Field.RATING,
        keep=keep,
    )


def _decide_text(here: str, value: str, base: str | None, *, is_persons_own: bool, keep: bool) -> _Decision:
    """`is_persons_own`: whether a value that PlexSync never pushed must come from a person."""
    if _is_shown(here, value, base):
        return _Decision(new=None, base=value if value or base is not None else None)
    if not value and not base:
        return _Decision(new=None, base=base)  # the first push never empties
    edited = bool(here) and is_persons_own if base is None else loose_form(here) != loose_form(base)
    if keep and edited:
        return _Decision(new=None, base=base)
    return _Decision(new=value, base=value)


def _is_shown(here: str, value: str, base: str | None) -> bool:
    """Whether Plex shows `value`. Line ends and tabs may get lost, so what was pushed need not come back whole.

    The first time, such a text is sent once more than needed; it is never sent for ever.
    """
    if loose_form(here) != loose_form(value):
        return False
    return value == base or clean_text(here, SUMMARY_BYTES) == value


def _decide_names(
    here: tuple[str, ...], value: tuple[str, ...], base: Value | None, *, keep: bool, is_ordered: bool
) -> _Decision:
    shown, wanted, ours = _keys(here), _keys(value), _keys(_names(base or ()))
    spelled = {name_key(name): name for name in here}
    taken_off = ours - shown if keep else frozenset[str]()  # by a person: what PlexSync removes leaves its base
    added = [spelled.get(name_key(name), name) for name in value if name_key(name) not in taken_off]
    by_hand = [name for name in here if name_key(name) not in wanted | ours]
    target = (*added, *by_hand)
    is_shown = _keys(target) == shown
    # An order is sent once: a Plex that keeps its own would be sent it for ever.
    was_sent = base is not None and _in_order(_names(base)) == _in_order(value)
    if is_shown and is_ordered and not was_sent:
        is_shown = not _needs_reordering(here, tuple(added))
    return _Decision(
        new=None if is_shown else target,
        base=value if value or base is not None else None,
    )


def _needs_reordering(here: tuple[str, ...], target: tuple[str, ...]) -> bool:
    """Whether the names of `target` would stand in another order if those that are missing were added at the end."""
    order = _in_order(target)
    kept = [key for key in _in_order(here) if key in order]
    return [*kept, *(key for key in order if key not in kept)] != order


def _in_order(names: Iterable[str]) -> list[str]:
    return [name_key(name) for name in names]


def _clean(name: Field, value: Value) -> Value:
    if name in LISTS:
        return clean_names(_names(value))
    text = _text(value)
    if name is Field.SUMMARY:
        return clean_text(text, SUMMARY_BYTES)
    if name is Field.DATE:
        return whole_date(text)
    if name is Field.RATING:
        return clean_rating(text)
    return clean_line(text, TITLE_BYTES if name is Field.TITLE else NAME_BYTES)


def _parameters(
    item: PlexItem, changed: Mapping[Field, Value], pictures: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    sent: list[tuple[str, str]] = []
    here = values_of(item)
    for name, value in changed.items():
        if name is Field.RATING:
            continue
        if name in LISTS:
            sent += _tag_parameters(name, _names(here[name]), _names(value), is_ordered=name is Field.ACTORS)
        else:
            sent.append((f"{name.value}.value", _text(value)))
        if name is Field.ACTORS:
            sent += _role_parameters(item, _names(value), pictures)
        if name is not Field.COLLECTIONS:  # Plex locks that one by itself, for ever, whatever is asked
            sent.append((f"{name.value}.locked", "1"))
    return tuple(sent)


def _tag_parameters(
    name: Field, here: tuple[str, ...], target: tuple[str, ...], *, is_ordered: bool
) -> Iterable[tuple[str, str]]:
    """The whole list in its order: right whether Plex adds to what is there or replaces it.

    Names that would stand in a wrong order are taken off too, to be added again by the same request: right where Plex
    takes off before it adds; for where it does not there is `lost_names`.
    """
    kept = frozenset[str]() if is_ordered and _needs_reordering(here, target) else _keys(target)
    gone = [tag for tag in here if name_key(tag) not in kept]
    if gone:
        # Plex splits at commas, so those within a name are escaped here, and once more in the request (python-plexapi
        # does the same, in EditTagsMixin).
        yield f"{name.value}[].tag.tag-", ",".join(quote(tag, safe="") for tag in gone)
    for index, tag in enumerate(target):
        yield f"{name.value}[{index}].tag.tag", tag


def _lack_pictures(item: PlexItem, pictures: Mapping[str, str]) -> bool:
    pictured = _keys(clean_line(name, NAME_BYTES) for name in pictures)
    return any(not role.thumb and name_key(role.name) in pictured for role in item.roles)


def _role_parameters(item: PlexItem, target: tuple[str, ...], pictures: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Parts played, lest sending the name again loses them; pictures for those who have none, or may lose theirs."""
    roles = {name_key(role.name): role for role in item.roles}
    by_key = {name_key(clean_line(name, NAME_BYTES)): address for name, address in pictures.items()}
    are_taken_off = _needs_reordering(item.actors, target)
    for index, actor in enumerate(target):
        role, picture = roles.get(name_key(actor)), by_key.get(name_key(actor))
        if role and role.text:
            yield f"{Field.ACTORS.value}[{index}].tagging.text", role.text
        if role and role.thumb:
            picture = role.thumb if are_taken_off and role.thumb.startswith("http") else None
        if picture:
            yield f"{Field.ACTORS.value}[{index}].tag.thumb", picture


def _keys(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name_key(name) for name in names)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _names(value: Value) -> tuple[str, ...]:
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)
