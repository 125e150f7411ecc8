"""Plans the edit of one item: the parameters of its PUT, its rating, and what PlexSync owns afterwards. Pure.

For each field, three values are compared: Plex's, Stash's, and the one that PlexSync put into Plex (the base).
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
    """The fields that are pushed, by their names in Plex's parameters and locks."""

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

Value = str | tuple[str, ...]  # a tuple of names for a list field; "" and () are empty
Values = Mapping[Field, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What PlexSync has put into an item for one scene.

    `pushed`: the values stored after the last successful push. `intents`: the values of later pushes whose result is
    unknown, oldest first: each may have arrived in Plex or not.
    """

    pushed: Values
    intents: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The values of a scene in Stash. A field that is absent from `values` is left alone.

    `file_stem`: replaces an empty title, but only where Plex has none or one that PlexSync put there.
    `pictures`: for an actor's name (as in `values`) the address from which Plex can fetch a picture.
    """

    values: Values
    file_stem: str
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send to Plex, and what to store.

    `parameters`: of the PUT, not yet escaped, except for names to remove, which Plex unescapes twice. `rating`: for
    `/:/rate`; "" removes it, None leaves it as it is. `intent`: to be stored before sending. `pushed`: replaces `Owned`
    afterwards, even if there was nothing to send. `changes`: old and new value of each field that changes.
    `reorders`: one request removes names and adds them again; check the result with `restore_parameters`.
    """

    parameters: tuple[tuple[str, str], ...] = field(repr=False)
    rating: str | None
    intent: Values
    pushed: Values
    changes: Mapping[Field, tuple[Value, Value]]
    reorders: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no field differs; pictures of actors may."""
        return not self.changes

    @property
    def sends(self) -> bool:
        """Whether there is anything to send, pictures of actors included."""
        return bool(self.parameters) or self.rating is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """`new`: the whole value to set, None to leave it. `base`: what PlexSync owns then, None for nothing."""

    new: Value | None
    base: Value | None


def plan(current: PlexItem, wanted: Wanted, owned: Owned, *, keep_plex_edits: bool) -> Plan:
    """The edit that makes `current` show what is `wanted`.

    Planning again after applying it gives an empty plan. A value that PlexSync does not own is never emptied, a name
    that it does not own is never removed from a list. With `keep_plex_edits`, a field or name that a person changed in
    Plex since the last push stays as it is.
    """
    in_plex = values_of(current)
    base = resolve_intents(in_plex, owned)
    values = clean_values(wanted.values)
    if values.get(Field.TITLE) == "" and (base.get(Field.TITLE) or not current.title):
        values[Field.TITLE] = _clean(Field.TITLE, wanted.file_stem)
    decisions = {
        name: _decide(name, in_plex, values, base, is_locked=name.value in current.locked, keep=keep_plex_edits)
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
        # A name that a person removed from a list in Plex stays in the intent: PlexSync did not remove it.
        intent={name: pushed[name] for name in changed},
        pushed=pushed,
        changes={name: (in_plex[name], value) for name, value in changed.items()},
        reorders=Field.ACTORS in changed and _needs_reordering(current.actors, _names(changed[Field.ACTORS])),
    )


def restore_parameters(current: PlexItem, done: Plan, pictures: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Parameters that restore actors which `done` lost; () if none are missing.

    A Plex that adds names before it removes others loses those that one request removes and adds again. `current`: the
    item as read after `done` was sent.
    """
    target = _names(done.changes[Field.ACTORS][1])
    if _keys(target) <= _keys(current.actors):
        return ()
    return _parameters(current, {Field.ACTORS: target}, pictures)


def values_of(item: PlexItem) -> dict[Field, Value]:
    """The item's values as they are in Plex."""
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
    """The values cleaned as plex/text.py does."""
    return {name: _clean(name, value) for name, value in values.items()}


def resolve_intents(in_plex: Values, owned: Owned) -> dict[Field, Value]:
    """What PlexSync owns in an item with the values `in_plex`: an intent that they do not show did not arrive."""
    pushed, intents = clean_values(owned.pushed), [clean_values(intent) for intent in owned.intents]
    bases: dict[Field, Value | None] = {}
    for name in {*pushed, *(name for intent in intents for name in intent)}:
        tried = tuple(intent[name] for intent in intents if name in intent)
        resolved = _resolve_names if name in LISTS else _resolve_text
        bases[name] = resolved(in_plex[name], pushed.get(name), tried)
    return {name: value for name in Field if (value := bases.get(name)) is not None}


def _resolve_text(in_plex: Value, pushed: Value | None, intents: tuple[Value, ...]) -> str | None:
    """The newest owned value that Plex shows, exactly or except for white space; else the value last pushed."""
    ours = [_text(value) for value in (*reversed(intents), *(() if pushed is None else (pushed,)))]
    exact = [value for value in ours if value == in_plex]
    loose = [value for value in ours if loose_form(value) == loose_form(_text(in_plex))]
    return next(iter(exact + loose), None if pushed is None else _text(pushed))


def _resolve_names(in_plex: Value, pushed: Value | None, intents: tuple[Value, ...]) -> tuple[str, ...]:
    """The names of any intent that Plex shows, and the names pushed.

    A pushed name that Plex does not show is left out if an intent may have removed it.
    """
    shown = _keys(_names(in_plex))
    tried = [_keys(_names(value)) for value in intents]
    sure = [
        name
        for name in _names(pushed or ())
        if name_key(name) in shown or all(name_key(name) in keys for keys in tried)
    ]
    arrived = [name for value in intents for name in _names(value) if name_key(name) in shown]
    return clean_names([*sure, *arrived])


def _decide(
    name: Field, in_plex: Values, in_stash: Values, base: Values, *, is_locked: bool, keep: bool
) -> _Decision:
    """`keep`: keep a person's edits in Plex."""
    if name in LISTS:
        shown, wanted = _names(in_plex[name]), _names(in_stash[name])
        return _decide_names(shown, wanted, base.get(name), keep=keep, is_ordered=name is Field.ACTORS)
    before = base.get(name)
    return _decide_text(
        _text(in_plex[name]),
        _text(in_stash[name]),
        None if before is None else _text(before),
        # Ratings have no lock, and only a person gives one.
        is_manual=is_locked or name is Field.RATING,
        keep=keep,
    )


def _decide_text(in_plex: str, in_stash: str, base: str | None, *, is_manual: bool, keep: bool) -> _Decision:
    """`is_manual`: whether a value in Plex that PlexSync never pushed was entered by a person."""
    if _is_shown(in_plex, in_stash, base):
        return _Decision(new=None, base=in_stash if in_stash or base is not None else None)
    if not in_stash and not base:
        return _Decision(new=None, base=base)  # the first push empties nothing
    edited = bool(in_plex) and is_manual if base is None else loose_form(in_plex) != loose_form(base)
    if keep and edited:
        return _Decision(new=None, base=base)
    return _Decision(new=in_stash, base=in_stash)


def _is_shown(in_plex: str, in_stash: str, base: str | None) -> bool:
    """Whether Plex shows the value of Stash. Plex may lose line ends and tabs.

    A text that differs in nothing else counts as shown once it has been pushed: it is sent at most once too often, not
    at every push.
    """
    if loose_form(in_plex) != loose_form(in_stash):
        return False
    return in_stash == base or clean_text(in_plex, SUMMARY_BYTES) == in_stash


def _decide_names(
    in_plex: tuple[str, ...], in_stash: tuple[str, ...], base: Value | None, *, keep: bool, is_ordered: bool
) -> _Decision:
    shown, wanted, ours = _keys(in_plex), _keys(in_stash), _keys(_names(base or ()))
    spelled = {name_key(name): name for name in in_plex}
    # Names that a person removed: those that PlexSync removed are no longer in the base.
    removed = ours - shown if keep else frozenset[str]()
    added = [spelled.get(name_key(name), name) for name in in_stash if name_key(name) not in removed]
    by_hand = [name for name in in_plex if name_key(name) not in wanted | ours]
    target = (*added, *by_hand)
    is_shown = _keys(target) == shown
    # An order is sent once, since a Plex that keeps its own order would otherwise get it at every push.
    was_sent = base is not None and _in_order(_names(base)) == _in_order(in_stash)
    if is_shown and is_ordered and not was_sent:
        is_shown = not _needs_reordering(in_plex, tuple(added))
    return _Decision(
        new=None if is_shown else target,
        base=in_stash if in_stash or base is not None else None,
    )


def _needs_reordering(in_plex: tuple[str, ...], target: tuple[str, ...]) -> bool:
    """Whether adding the missing names at the end would not give the order of `target`."""
    order = _in_order(target)
    kept = [key for key in _in_order(in_plex) if key in order]
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
    in_plex = values_of(item)
    for name, value in changed.items():
        if name is Field.RATING:
            continue
        if name in LISTS:
            sent += _tag_parameters(name, _names(in_plex[name]), _names(value), is_ordered=name is Field.ACTORS)
        else:
            sent.append((f"{name.value}.value", _text(value)))
        if name is Field.ACTORS:
            sent += _role_parameters(item, _names(value), pictures)
        if name is not Field.COLLECTIONS:  # Plex itself locks this field, permanently, whatever is sent
            sent.append((f"{name.value}.locked", "1"))
    return tuple(sent)


def _tag_parameters(
    name: Field, in_plex: tuple[str, ...], target: tuple[str, ...], *, is_ordered: bool
) -> Iterable[tuple[str, str]]:
    """The whole list in its order, which is right whether Plex adds it to the old list or replaces that.

    To correct the order, one request removes names and adds them again. That works if Plex removes before it adds;
    otherwise `restore_parameters` repairs the result.
    """
    kept = frozenset[str]() if is_ordered and _needs_reordering(in_plex, target) else _keys(target)
    gone = [tag for tag in in_plex if name_key(tag) not in kept]
    if gone:
        # Plex splits at commas. So commas within a name are escaped here, and again in the request, as in
        # python-plexapi (EditTagsMixin).
        yield f"{name.value}[].tag.tag-", ",".join(quote(tag, safe="") for tag in gone)
    for index, tag in enumerate(target):
        yield f"{name.value}[{index}].tag.tag", tag


def _lack_pictures(item: PlexItem, pictures: Mapping[str, str]) -> bool:
    pictured = _keys(clean_line(name, NAME_BYTES) for name in pictures)
    return any(not role.thumb and name_key(role.name) in pictured for role in item.roles)


def _role_parameters(item: PlexItem, target: tuple[str, ...], pictures: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """The parts played, which Plex loses if a name is sent again without them, and pictures.

    Pictures go to actors who have none, or who lose theirs because they are removed and added again.
    """
    roles = {name_key(role.name): role for role in item.roles}
    by_key = {name_key(clean_line(name, NAME_BYTES)): address for name, address in pictures.items()}
    are_removed = _needs_reordering(item.actors, target)
    for index, actor in enumerate(target):
        role, picture = roles.get(name_key(actor)), by_key.get(name_key(actor))
        if role and role.text:
            yield f"{Field.ACTORS.value}[{index}].tagging.text", role.text
        if role and role.thumb:
            picture = role.thumb if are_removed and role.thumb.startswith("http") else None
        if picture:
            yield f"{Field.ACTORS.value}[{index}].tag.thumb", picture


def _keys(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name_key(name) for name in names)


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _names(value: Value) -> tuple[str, ...]:
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)
