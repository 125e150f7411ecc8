"""Plans the edit of one item: what to send, its rating, and what PlexSync owns afterwards. Pure.

For each field, three values are compared: Plex's, Stash's, and the one that PlexSync put into Plex (the base).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plex.altered import NOTHING_ALTERED, Alterations, as_sent, is_among, still_altered
from plex.edit import LONGEST_TEXT_BYTES, AddName, Change, RemoveName, SetText
from plex.fields import LISTS, Field, Value, Values, clean_value, clean_values, names_in, text_of, values_of
from plex.text import (
    NAME_BYTES,
    SUMMARY_BYTES,
    clean_line,
    clean_names,
    clean_text,
    cut_to_encoded,
    loose_form,
    name_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.model import PlexItem, Role


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

    `file_stem`: replaces an empty title, but only where Plex has none or one that PlexSync put there. `pictures`: by
    actor's name (as in `values`), the address from which Plex can fetch a picture. `text_bytes`: how long a text may be
    for this server, percent-encoded; a longer one is cut at a word, and the cut text is what is wanted.
    """

    values: Values
    file_stem: str
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)
    text_bytes: int = LONGEST_TEXT_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to send to Plex, and what to store.

    `steps`: what to send, one after the other; a step may be divided over several PUTs (see plex/edit.py). `rating`:
    for `/:/rate`; "" removes it, None leaves it as it is. `intents`: to be stored before sending, the state after each
    step. `pushed`: replaces `Owned` afterwards, even if there was nothing to send. `changes`: old and new value of each
    field that changes.

    `altered`: replaces the alterations afterwards. `sent`: texts and names that Plex should show afterwards and did not
    show before. `resent`: those that had been pushed before; unless a person removed them, Plex alters them.
    """

    steps: tuple[tuple[Change, ...], ...] = field(repr=False)
    rating: str | None
    intents: tuple[Values, ...]
    pushed: Values
    changes: Mapping[Field, tuple[Value, Value]]
    altered: Alterations = field(default_factory=dict)
    sent: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)
    resent: Mapping[Field, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether no field differs; pictures of actors may."""
        return not self.changes

    @property
    def sends(self) -> bool:
        """Whether there is anything to send, pictures of actors included."""
        return bool(self.steps) or self.rating is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Decision:
    """What becomes of one field.

    `new`: the whole value that Plex shows afterwards, None to leave it. `base`: what PlexSync owns then, None for
    nothing. `moved`: names of a list that are removed first and added again in a second step, to be in order.
    """

    new: Value | None
    base: Value | None
    moved: tuple[str, ...] = ()


def plan(
    current: PlexItem,
    wanted: Wanted,
    owned: Owned,
    *,
    keep_plex_edits: bool,
    altered: Alterations = NOTHING_ALTERED,
) -> Plan:
    """The edit that makes `current` show what is `wanted`.

    Planning again after applying it gives an empty plan. A value that PlexSync does not own is never emptied, a name
    that it does not own is never removed from a list. With `keep_plex_edits`, a field or name that a person changed in
    Plex since the last push stays as it is. A value that Plex is known to alter counts as shown, see altered.py.
    """
    values, shown = clean_values(wanted.values), values_of(current)
    in_plex = as_sent(shown, values, altered)
    base = resolve_intents(in_plex, owned)
    if values.get(Field.TITLE) == "" and (base.get(Field.TITLE) or not current.title):
        values[Field.TITLE] = clean_value(Field.TITLE, wanted.file_stem)
    values |= _cut_values(values, in_plex, wanted.text_bytes)
    decisions = {
        name: _decide(name, current, in_plex, values, base, keep=keep_plex_edits) for name in Field if name in values
    }
    changed = {name: decision.new for name, decision in decisions.items() if decision.new is not None}
    pushed = {name: value for name, value in base.items() if name not in decisions} | {
        name: decision.base for name, decision in decisions.items() if decision.base is not None
    }
    moved = {name: decision.moved for name, decision in decisions.items() if decision.moved}
    rating = changed.get(Field.RATING)
    sent = _sent(in_plex, changed)
    return Plan(
        steps=_steps(current, in_plex, changed, moved, wanted),
        rating=None if rating is None else text_of(rating),
        intents=_intents(changed, pushed, moved),
        pushed=pushed,
        changes={name: (shown[name], value) for name, value in changed.items()},
        altered=still_altered(altered, shown, pushed),
        sent=sent,
        resent=_resent(sent, base),
    )


def _sent(in_plex: Values, changed: Values) -> dict[Field, tuple[str, ...]]:
    added = {
        name: _without(names_in(value), names_in(in_plex[name])) if name in LISTS else names_in(value)
        for name, value in changed.items()
    }
    return {name: values for name, values in added.items() if values}


def _resent(sent: Mapping[Field, tuple[str, ...]], base: Values) -> dict[Field, tuple[str, ...]]:
    """What of `sent` PlexSync owned already, so that it was sent before."""
    owned = {name: base.get(name, ()) for name in sent}
    found = {name: tuple(each for each in sent[name] if is_among(name, each, owned[name])) for name in sent}
    return {name: values for name, values in found.items() if values}


def _intents(changed: Values, pushed: Values, moved: Mapping[Field, tuple[str, ...]]) -> tuple[Values, ...]:
    """The states that Plex may be found in: after the first step, where names are moved, and after all of it.

    A name that a person removed from a list in Plex stays in the intent: PlexSync did not remove it.
    """
    final = {name: pushed[name] for name in changed}
    if not moved:
        return (final,) if final else ()
    between = {name: _without(names_in(final[name]), moved[name]) if name in moved else final[name] for name in final}
    return between, final


def _cut_values(values: Values, in_plex: Values, text_bytes: int) -> dict[Field, Value]:
    """The texts that are too long for this server, cut; one that Plex already shows whole stays whole."""
    texts = {name: value for name, value in values.items() if isinstance(value, str) and value != in_plex[name]}
    return {name: cut_to_encoded(value, text_bytes) for name, value in texts.items()}


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
    ours = [text_of(value) for value in (*reversed(intents), *(() if pushed is None else (pushed,)))]
    exact = [value for value in ours if value == in_plex]
    loose = [value for value in ours if loose_form(value) == loose_form(text_of(in_plex))]
    return next(iter(exact + loose), None if pushed is None else text_of(pushed))


def _resolve_names(in_plex: Value, pushed: Value | None, intents: tuple[Value, ...]) -> tuple[str, ...]:
    """The names of any intent that Plex shows, and the names pushed.

    A pushed name that Plex does not show is left out if an intent may have removed it. The names are in the order of
    the newest intent, if it has arrived: that order need not be sent again.
    """
    shown = _keys(names_in(in_plex))
    tried = [_keys(names_in(value)) for value in intents]
    sure = [
        name
        for name in names_in(pushed or ())
        if name_key(name) in shown or all(name_key(name) in keys for keys in tried)
    ]
    arrived = [name for value in intents for name in names_in(value) if name_key(name) in shown]
    found = clean_names([*sure, *arrived])
    newest = names_in(intents[-1]) if intents else ()
    # Names that were not there before are proof; an order alone may have been sent or not.
    has_arrived = _keys(newest) == _keys(found) and bool(_keys(newest) - _keys(names_in(pushed or ())))
    return clean_names(newest) if has_arrived else found


def _decide(
    name: Field, current: PlexItem, shown: Values, in_stash: Values, base: Values, *, keep: bool
) -> _Decision:
    """`shown`: the values in Plex, altered ones as they were sent. `keep`: keep a person's edits in Plex."""
    in_plex = shown[name]
    if name in LISTS:
        linked = {name_key(role.name) for role in current.roles if role.tag_key}
        fixed = frozenset(linked) if name is Field.ACTORS else None
        return _decide_names(names_in(in_plex), names_in(in_stash[name]), base.get(name), keep=keep, fixed=fixed)
    before = base.get(name)
    return _decide_text(
        text_of(in_plex),
        text_of(in_stash[name]),
        None if before is None else text_of(before),
        # Ratings have no lock, and only a person sets one.
        is_manual=name.value in current.locked or name is Field.RATING,
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

    A text that differs in nothing else counts as shown once it has been pushed: it is sent at most one extra time, not
    at every push.
    """
    if loose_form(in_plex) != loose_form(in_stash):
        return False
    return in_stash == base or clean_text(in_plex, SUMMARY_BYTES) == in_stash


def _decide_names(
    in_plex: tuple[str, ...], in_stash: tuple[str, ...], base: Value | None, *, keep: bool, fixed: frozenset[str] | None
) -> _Decision:
    """`fixed`: for a list whose order matters, keys of names that are never moved; None where the order is Plex's."""
    shown, wanted, ours = _keys(in_plex), _keys(in_stash), _keys(names_in(base or ()))
    # Names that a person removed: those that PlexSync removed are no longer in the base.
    removed = ours - shown if keep else frozenset[str]()
    added = [name for name in in_stash if name_key(name) not in shown | removed]
    stays = [name for name in in_plex if name_key(name) in wanted or name_key(name) not in ours]
    moved: tuple[str, ...] = ()
    # An order is sent only once: if Plex keeps its own order, it would otherwise be sent at every push.
    was_sent = base is not None and _in_order(names_in(base)) == _in_order(in_stash)
    if fixed is not None and not was_sent:
        spelled = {name_key(name): name for name in stays if name_key(name) in ours - fixed}
        moved = _names_to_move(spelled, added, in_stash)
    rest = _without(stays, moved)
    last = [name for name in in_stash if name_key(name) in _keys((*added, *moved))]
    target = (*rest, *last)
    is_shown = not moved and _keys(target) == shown
    return _Decision(
        new=None if is_shown else target, base=in_stash if in_stash or base is not None else None, moved=moved
    )


def _names_to_move(spelled: Mapping[str, str], added: Sequence[str], in_stash: Sequence[str]) -> tuple[str, ...]:
    """The names to remove and add again, so that PlexSync's names follow the others' names, in Stash's order.

    `spelled`: PlexSync's names in the list, in the list's order, by key. Those before the first one out of order stay.
    """
    now = [*spelled, *(name_key(name) for name in added)]
    wanted = [key for key in _in_order(in_stash) if key in now]
    now = [key for key in now if key in wanted]
    in_place = next((index for index, pair in enumerate(zip(now, wanted, strict=True)) if pair[0] != pair[1]), len(now))
    return tuple(spelled[key] for key in wanted[in_place:] if key in spelled)


def _without(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    keys = _keys(others)
    return tuple(name for name in names if name_key(name) not in keys)


def _in_order(names: Iterable[str]) -> list[str]:
    return [name_key(name) for name in names]


def _steps(
    item: PlexItem, in_plex: Values, changed: Values, moved: Mapping[Field, tuple[str, ...]], wanted: Wanted
) -> tuple[tuple[Change, ...], ...]:
    """First everything set or removed, and new names; then moved names, with the new names of the same list.

    A removed name that Plex shows in another form is removed in both: it is not known which of the two Plex has stored.
    """
    first: list[Change] = []
    second: list[Change] = []
    as_shown = values_of(item)
    for name, value in changed.items():
        if name is Field.RATING:
            continue
        if name not in LISTS:
            first.append(SetText(field=name, value=text_of(value)))
            continue
        before, after = names_in(in_plex[name]), names_in(value)
        removed = (*_without(before, after), *moved.get(name, ()))
        forms = [form for form, each in zip(names_in(as_shown[name]), before, strict=False) if each in removed]
        first += [RemoveName(field=name, name=each) for each in dict.fromkeys((*removed, *forms))]
        added = [each for each in after if name_key(each) not in _keys(_without(before, moved.get(name, ())))]
        (second if name in moved else first).extend(_additions(name, added, item.roles, wanted.pictures))
    first += _pictures_alone(item, changed.get(Field.ACTORS), moved.get(Field.ACTORS, ()), wanted)
    return tuple(tuple(step) for step in (first, second) if step)


def _additions(
    name: Field, names: Sequence[str], roles: Sequence[Role], pictures: Mapping[str, str]
) -> list[AddName]:
    """Actors are added with the part they played, and with a picture if the person has none of their own."""
    if name is not Field.ACTORS:
        return [AddName(field=name, name=each) for each in names]
    played = {name_key(role.name): role for role in roles}
    by_key = {name_key(clean_line(each, NAME_BYTES)): address for each, address in pictures.items()}
    added = []
    for each in names:
        role, thumb = played.get(name_key(each)), by_key.get(name_key(each), "")
        if role and role.thumb:  # it belongs to the person, and is lost only if Plex has no more than its address
            thumb = role.thumb if role.thumb.startswith("http") else ""
        added.append(AddName(field=name, name=each, text=role.text if role else "", thumb=thumb))
    return added


def _pictures_alone(
    item: PlexItem, changed: Value | None, moved: tuple[str, ...], wanted: Wanted
) -> list[AddName]:
    """Stash's actors who keep their place in the list but have no picture are added again, with one."""
    if Field.ACTORS not in wanted.values:
        return []
    pictured = _keys(clean_line(name, NAME_BYTES) for name in wanted.pictures)
    staying = _keys(_without(item.actors if changed is None else names_in(changed), moved))
    lacking = [
        role.name
        for role in item.roles
        if not role.thumb and not role.tag_key and name_key(role.name) in pictured & staying
    ]
    return _additions(Field.ACTORS, lacking, item.roles, wanted.pictures)


def _keys(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name_key(name) for name in names)
