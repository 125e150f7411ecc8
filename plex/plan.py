"""Plans the edit of one item: what to send, its rating, and what PlexSync owns afterwards. Pure.

For each field, three values are compared: Plex's, Stash's, and the one that PlexSync put into Plex (the base).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plex.altered import NOTHING_ALTERED, Alterations, as_sent, is_among, still_altered
from plex.edit import LONGEST_TEXT_BYTES
from plex.fields import LISTS, Field, Value, Values, clean_value, clean_values, names_in, text_of, values_of
from plex.intents import resolve_intents
from plex.steps import FieldEdit, keys_of, pictures_alone, steps_of, without
from plex.text import SUMMARY_BYTES, clean_text, cut_to_encoded, loose_form, name_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plex.edit import Change
    from plex.model import PlexItem, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Former:
    """What stood in a field before PlexSync first wrote it, as Plex showed it, and whether the field was locked.

    `from_stash`: what of it Stash had too, where the field was locked: an earlier installation, or another tool that
    copies from Stash, put it there. So it goes when Stash no longer has it; an undo gives it back. `roles`: of actors
    who may go, what they lose by that.
    """

    value: Value
    is_locked: bool
    from_stash: tuple[str, ...] = ()
    roles: tuple[Role, ...] = ()

    @property
    def own(self) -> Value:
        """What the field returns to when nothing is wanted there any more."""
        if isinstance(self.value, str):
            return "" if self.from_stash else self.value
        return without(self.value, self.from_stash)


FormerValues = Mapping[Field, Former]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What PlexSync has put into an item for one scene.

    `pushed`: the values stored after the last successful push. `intents`: the values of later pushes whose result is
    unknown, oldest first: each may have arrived in Plex or not. `former`: of those fields that this version was the
    first to write; nothing is known of the others.
    """

    pushed: Values
    intents: tuple[Values, ...] = ()
    former: FormerValues = field(default_factory=dict)


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
    step. `former`: of all fields of which it is known, to be stored with them. `pushed`: replaces `Owned` afterwards,
    together with `former` of its fields, even if there was nothing to send. `changes`: old and new value of each field
    that changes.

    `altered`: replaces the alterations afterwards. `sent`: texts and names that Plex should show afterwards and did not
    show before. `resent`: those that had been pushed before; unless a person removed them, Plex alters them.
    """

    steps: tuple[tuple[Change, ...], ...] = field(repr=False)
    rating: str | None
    intents: tuple[Values, ...]
    pushed: Values
    changes: Mapping[Field, tuple[Value, Value]]
    former: FormerValues = field(default_factory=dict)
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
class _Decision(FieldEdit):
    """What becomes of one field. `base`: what PlexSync owns then, None for nothing."""

    base: Value | None


def plan(
    current: PlexItem, wanted: Wanted, owned: Owned, *, keep_plex_edits: bool, altered: Alterations = NOTHING_ALTERED
) -> Plan:
    """The edit that makes `current` show what is `wanted`.

    Planning again after applying it gives an empty plan. A value that PlexSync does not own is never emptied, a name
    that it did not put into a list is never removed. A field that Stash no longer has a value for returns to what stood
    there before, if that is known. With `keep_plex_edits`, a field or name that a person changed in Plex since the last
    push stays as it is. A value that Plex is known to alter counts as shown, see altered.py.
    """
    values, shown = clean_values(wanted.values), values_of(current)
    in_plex = as_sent(shown, values, altered)
    base = resolve_intents(in_plex, owned)
    if values.get(Field.TITLE) == "" and _takes_file_stem(current, owned, base):
        values[Field.TITLE] = clean_value(Field.TITLE, wanted.file_stem)
    values |= _cut_values(values, in_plex, wanted.text_bytes)
    former = {name: _cut_former(each, wanted.text_bytes) for name, each in owned.former.items()}
    decisions = {
        name: _decide(name, current, in_plex, values, base, keep=keep_plex_edits, former=former.get(name))
        for name in Field
        if name in values
    }
    changed = {name: each.new for name, each in decisions.items() if each.new is not None}
    pushed = _owned_after(base, decisions)
    sent = _sent(in_plex, changed, pushed)
    return Plan(
        steps=_steps(current, in_plex, decisions, wanted, owned),
        rating=text_of(changed[Field.RATING]) if Field.RATING in changed else None,
        intents=_intents(changed, pushed, {name: each.moved for name, each in decisions.items() if each.moved}),
        pushed=pushed,
        former=_former_values(current, pushed, owned),
        changes={name: (shown[name], value) for name, value in changed.items()},
        altered=still_altered(altered, shown, pushed),
        sent=sent,
        resent=_resent(sent, base),
    )


def _takes_file_stem(current: PlexItem, owned: Owned, base: Values) -> bool:
    """Whether the file's stem replaces an empty title: where Plex has none, and where PlexSync's own is withdrawn."""
    if not base.get(Field.TITLE):
        return not current.title
    former = owned.former.get(Field.TITLE)
    return former is None or not former.own


def _cut_former(former: Former, text_bytes: int) -> Former:
    """As long as this server takes it."""
    cut = cut_to_encoded(former.value, text_bytes) if isinstance(former.value, str) else former.value
    return former if cut == former.value else replace(former, value=cut)


def _owned_after(base: Values, decisions: Mapping[Field, _Decision]) -> dict[Field, Value]:
    undecided = {name: value for name, value in base.items() if name not in decisions}
    return undecided | {name: decision.base for name, decision in decisions.items() if decision.base is not None}


def _former_values(current: PlexItem, pushed: Values, owned: Owned) -> dict[Field, Former]:
    """Adds what stands in the fields that PlexSync owns from now on and did not own before.

    It owns a value that was there already too: whatever Stash has later replaces it. What is known stays, since by now
    the field may show PlexSync's own value.
    """
    shown = values_of(current)
    before = {*owned.pushed, *(name for intent in owned.intents for name in intent)}
    new = {name: _former_value(name, current, shown[name], pushed[name]) for name in pushed.keys() - before}
    return {**new, **owned.former}


def _former_value(name: Field, current: PlexItem, shown: Value, pushed: Value) -> Former:
    is_locked = name.value in current.locked
    roles = current.roles if name is Field.ACTORS else ()
    by_agent = [role.name for role in roles if role.tag_key]  # who would lose the link to their page
    common = [each for each in without(names_in(shown), by_agent) if each and is_among(name, each, pushed)]
    # Ratings have no lock, and Plex itself gives none.
    from_stash = tuple(common) if is_locked or name is Field.RATING else ()
    losable = tuple(role for role in roles if (role.text or role.thumb) and name_key(role.name) in keys_of(from_stash))
    return Former(value=shown, is_locked=is_locked, from_stash=from_stash, roles=losable)


def _sent(in_plex: Values, changed: Values, pushed: Values) -> dict[Field, tuple[str, ...]]:
    """What PlexSync adds and owns afterwards; a value that only returns is Plex's own."""
    added = {
        name: without(names_in(value), names_in(in_plex[name])) if name in LISTS else names_in(value)
        for name, value in changed.items()
        if name in pushed
    }
    return {name: values for name, values in added.items() if values}


def _resent(sent: Mapping[Field, tuple[str, ...]], base: Values) -> dict[Field, tuple[str, ...]]:
    """What of `sent` PlexSync owned already, so that it was sent before."""
    owned = {name: base.get(name, ()) for name in sent}
    found = {name: tuple(each for each in sent[name] if is_among(name, each, owned[name])) for name in sent}
    return {name: values for name, values in found.items() if values}


def _intents(changed: Values, pushed: Values, moved: Mapping[Field, tuple[str, ...]]) -> tuple[Values, ...]:
    """The states that Plex may be found in: after the first step, where names are moved, and after all of it.

    A name that a person removed from a list in Plex stays in the intent: PlexSync did not remove it. Of a list that is
    withdrawn, PlexSync owns nothing then.
    """
    final = {name: pushed.get(name, () if name in LISTS else value) for name, value in changed.items()}
    if not moved:
        return (final,) if final else ()
    between = {name: without(names_in(final[name]), moved[name]) if name in moved else final[name] for name in final}
    return between, final


def _cut_values(values: Values, in_plex: Values, text_bytes: int) -> dict[Field, Value]:
    """The texts that are too long for this server, cut; one that Plex already shows whole stays whole."""
    texts = {name: value for name, value in values.items() if isinstance(value, str) and value != in_plex[name]}
    return {name: cut_to_encoded(value, text_bytes) for name, value in texts.items()}


def _decide(
    name: Field, current: PlexItem, shown: Values, in_stash: Values, base: Values, *, keep: bool, former: Former | None
) -> _Decision:
    """`shown`: the values in Plex, altered ones as they were sent. `keep`: keep a person's edits in Plex."""
    in_plex, is_locked = shown[name], name.value in current.locked
    if former and name in base and not in_stash[name]:
        return _withdraw(name, in_plex, base[name], former, keep=keep, is_locked=is_locked)
    if name in LISTS:
        linked = {name_key(role.name) for role in current.roles if role.tag_key}
        there_before = keys_of(names_in(former.own)) if former else frozenset[str]()
        fixed = linked | keys_of(names_in(former.value)) if former else linked
        return _decide_names(
            names_in(in_plex),
            names_in(in_stash[name]),
            base.get(name),
            keep=keep,
            there_before=there_before,
            fixed=frozenset(fixed) if name is Field.ACTORS else None,
        )
    before = base.get(name)
    return _decide_text(
        text_of(in_plex),
        text_of(in_stash[name]),
        None if before is None else text_of(before),
        # Ratings have no lock, and only a person sets one.
        is_manual=is_locked or name is Field.RATING,
        keep=keep,
    )


def _withdraw(
    name: Field, in_plex: Value, base: Value, former: Former, *, keep: bool, is_locked: bool
) -> _Decision:
    """Nothing is wanted in place of PlexSync's value: what stood there before returns, and is PlexSync's no more."""
    if name in LISTS:
        stays = without(names_in(in_plex), without(names_in(base), names_in(former.own)))
        is_edited = keys_of(stays) != keys_of(names_in(former.own))
        is_shown = len(stays) == len(names_in(in_plex))
        lock = is_locked if is_edited else former.is_locked
        return _Decision(new=None if is_shown else stays, base=None, is_locked=lock)
    is_ours = loose_form(text_of(in_plex)) == loose_form(text_of(base))
    has_returned = not is_ours and loose_form(text_of(in_plex)) == loose_form(text_of(former.own))
    if keep and not is_ours and not has_returned:
        return _Decision(new=None, base=base)
    is_shown = has_returned or in_plex == former.own
    return _Decision(new=None if is_shown else former.own, base=None, is_locked=former.is_locked)


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
    in_plex: tuple[str, ...],
    in_stash: tuple[str, ...],
    base: Value | None,
    *,
    keep: bool,
    there_before: frozenset[str],
    fixed: frozenset[str] | None,
) -> _Decision:
    """`there_before`: keys of names that PlexSync did not put there, though it may own them since Stash has them too.

    `fixed`: for a list whose order matters, keys of names that are never moved; None where the order is Plex's.
    """
    shown, wanted, owned = keys_of(in_plex), keys_of(in_stash), keys_of(names_in(base or ()))
    ours = owned - there_before
    # Names that a person removed: those that PlexSync removed are no longer in the base.
    removed = owned - shown if keep else frozenset[str]()
    added = [name for name in in_stash if name_key(name) not in shown | removed]
    stays = [name for name in in_plex if name_key(name) in wanted or name_key(name) not in ours]
    moved: tuple[str, ...] = ()
    # An order is sent only once: if Plex keeps its own order, it would otherwise be sent at every push.
    was_sent = base is not None and _in_order(names_in(base)) == _in_order(in_stash)
    if fixed is not None and not was_sent:
        spelled = {name_key(name): name for name in stays if name_key(name) in ours - fixed}
        moved = _names_to_move(spelled, added, in_stash)
    rest = without(stays, moved)
    last = [name for name in in_stash if name_key(name) in keys_of((*added, *moved))]
    target = (*rest, *last)
    is_shown = not moved and keys_of(target) == shown
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


def _in_order(names: Iterable[str]) -> list[str]:
    return [name_key(name) for name in names]


def _steps(
    item: PlexItem, in_plex: Values, decisions: Mapping[Field, _Decision], wanted: Wanted, owned: Owned
) -> tuple[tuple[Change, ...], ...]:
    actors = decisions.get(Field.ACTORS)
    alone = pictures_alone(item, actors.new, actors.moved, wanted.pictures) if actors else []
    first, *others = steps_of(with_former_roles(item, owned), in_plex, decisions, wanted.pictures) or ((),)
    return tuple(step for step in ((*first, *alone), *others) if step)


def with_former_roles(item: PlexItem, owned: Owned) -> PlexItem:
    """The item with the roles of actors who are gone: whoever of them is added again gets back what they lost."""
    former = owned.former.get(Field.ACTORS)
    return replace(item, roles=(*former.roles, *item.roles)) if former and former.roles else item
