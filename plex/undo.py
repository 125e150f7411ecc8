"""Plans what gives an item back as it was before PlexSync. Pure.

Nothing has to be stored before it is sent: a value that is what stood there before counts as given back, so what is
planned for an item that was given back half is the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plex.altered import as_sent
from plex.edit import LONGEST_TEXT_BYTES, SetLock
from plex.fields import LISTS, Field, names_in, text_of, values_of
from plex.intents import resolve_intents
from plex.paths import file_stem
from plex.plan import Former, with_former_roles
from plex.steps import FieldEdit, keys_of, steps_of, without
from plex.text import cut_to_encoded, loose_form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plex.altered import Alterations
    from plex.edit import Change
    from plex.fields import Value
    from plex.model import PlexItem
    from plex.plan import Owned


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo:
    """What gives an item back.

    `changes`: to be sent in one PUT. `unlocks_collections`: by another PUT, since Plex locks them with every edit of
    them. `rating`: for `/:/rate`; "" removes it, None leaves it as it is. `returned`: the value in Plex, and the one
    that it becomes. `unlocked`: the fields whose lock is removed. `kept`: fields that a person changed since PlexSync
    wrote them, with what stays there.
    """

    changes: tuple[Change, ...] = field(repr=False)
    unlocks_collections: bool
    rating: str | None
    returned: Mapping[Field, tuple[Value, Value]]
    unlocked: tuple[Field, ...]
    kept: Mapping[Field, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Return(FieldEdit):
    """What becomes of one field. `kept`: what a person made of it; None: nobody changed it."""

    kept: Value | None = None


def plan_undo(item: PlexItem, owned: Owned, altered: Alterations, *, text_bytes: int = LONGEST_TEXT_BYTES) -> Undo:
    """Give every field that PlexSync owns what stood there before, and its lock.

    Where that is not known, PlexSync's value and the lock leave, so that Plex itself fills the field at its next
    refresh. What a person changed since stays, with its lock. `text_bytes`: see Wanted.
    """
    shown = values_of(item)
    in_plex = as_sent(shown, {}, altered)
    base = resolve_intents(in_plex, owned)
    # Stash no longer has what these fields had from it.
    withdrawn = {name: () if name in LISTS else "" for name, each in owned.former.items() if each.from_stash}
    base = {**withdrawn, **base}
    returns = {
        name: (_return_names if name in LISTS else _return_text)(
            item, name, in_plex[name], base[name], _cut(owned.former.get(name), text_bytes)
        )
        for name in Field
        if name in base
    }
    changed = {name: each.new for name, each in returns.items() if each.new is not None}
    steps = steps_of(with_former_roles(item, owned), in_plex, returns, {})
    unlocked = tuple(name for name, each in returns.items() if each.is_locked is False and _is_locked(item, name, each))
    return Undo(
        changes=tuple(change for step in steps for change in step if not _is_lock_of_collections(change)),
        unlocks_collections=Field.COLLECTIONS in unlocked,
        rating=text_of(changed[Field.RATING]) if Field.RATING in changed else None,
        returned={name: (shown[name], value) for name, value in changed.items() if shown[name] != value},
        unlocked=unlocked,
        kept={name: each.kept for name, each in returns.items() if each.kept is not None},
    )


def _return_text(item: PlexItem, name: Field, in_plex: Value, base: Value, former: Former | None) -> _Return:
    before = former or Former(value=_title_of_file(item) if name is Field.TITLE else "", is_locked=False)
    is_ours = loose_form(text_of(in_plex)) == loose_form(text_of(base))
    has_returned = loose_form(text_of(in_plex)) == loose_form(text_of(before.value))
    # A field that is given back without knowing what stood there is unlocked: with a lock, a person has emptied it.
    if not is_ours and not (has_returned and (former or name.value not in item.locked)):
        return _Return(new=None, kept=in_plex)
    lock = None if name is Field.RATING else before.is_locked  # PlexSync never locks ratings
    return _Return(new=before.value if is_ours and in_plex != before.value else None, is_locked=lock)


def _return_names(item: PlexItem, name: Field, in_plex: Value, base: Value, former: Former | None) -> _Return:
    before = names_in(former.value) if former else ()
    stays = without(names_in(in_plex), without(names_in(base), before))
    # Names that left because Stash no longer had them. Those that a person removed are still owned.
    lost = without(former.from_stash, (*names_in(in_plex), *names_in(base))) if former else ()
    new = None if len(stays) == len(names_in(in_plex)) and not lost else (*stays, *lost)
    stays = (*stays, *lost)
    if former and keys_of(stays) != keys_of(before):
        return _Return(new=new, is_locked=name.value in item.locked, kept=stays)
    return _Return(new=new, is_locked=former.is_locked if former else False)


def _title_of_file(item: PlexItem) -> str:
    """As Plex names an item of which it knows no more; the title that is there if the token sees no paths."""
    return file_stem(item.parts[0].path) if item.parts else item.title


def _cut(former: Former | None, text_bytes: int) -> Former | None:
    if former is None or not isinstance(former.value, str):
        return former
    return replace(former, value=cut_to_encoded(former.value, text_bytes))


def _is_locked(item: PlexItem, name: Field, edit: FieldEdit) -> bool:
    """Whether the field is locked, or is going to be by its edit."""
    return name.value in item.locked or (name is Field.COLLECTIONS and edit.new is not None)


def _is_lock_of_collections(change: Change) -> bool:
    return isinstance(change, SetLock) and change.field is Field.COLLECTIONS
