"""Values that Plex shows otherwise than they were sent: dates a day off, names in another case. Pure.

Fixed point: a value that was sent and is shown in another form is not sent again. While Plex shows this form, the item
counts as showing the value: there is nothing to send and no gap, and the form is no edit of a person. That ends when
one of the sides changes, the value in Stash or the form in Plex.

Only what was read right after an edit is proof of an alteration: later, a person may have edited the item.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from plex.fields import LISTS, Field, names_in, text_of, values_of
from plex.text import loose_form, name_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.fields import Value, Values
    from plex.model import PlexItem

# By field and value sent (a text, or one name of a list), what Plex shows instead. A text has one form. A name has the
# form in which the list shows it; if it is not known which one that is, all names that PlexSync did not put there.
Alterations = Mapping[Field, Mapping[str, tuple[str, ...]]]
NOTHING_ALTERED: Final[Alterations] = MappingProxyType({})


def as_sent(in_plex: Values, in_stash: Values, altered: Alterations) -> dict[Field, Value]:
    """The values in Plex, with each altered one as it was sent. A form that Stash has itself is no altered value."""
    values = dict(in_plex)
    for field, forms in altered.items():
        shown, wanted = in_plex[field], in_stash.get(field, "")
        if field in LISTS:
            values[field] = _names_as_sent(names_in(shown), _keys(names_in(wanted)), forms)
        elif shown != wanted:
            values[field] = next((value for value, (form, *_) in forms.items() if form == shown), shown)
    return values


def _names_as_sent(
    shown: tuple[str, ...], wanted: frozenset[str], forms: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """An altered name stands in the place of its form or, if it is not known which one that is, at the end."""
    names, keys = list(shown), _keys(shown)
    for name, instead in forms.items():
        if name_key(name) in keys or not _keys(instead) <= keys:
            continue
        form = instead[0] if len(instead) == 1 and _spelling(name) == _spelling(instead[0]) else ""
        places = [at for at, each in enumerate(names) if form and name_key(each) == name_key(form)]
        place = places[0] if places and name_key(form) not in wanted else len(names)
        names[place : place + 1] = [name]
    return tuple(names)


def still_altered(altered: Alterations, in_plex: Values, pushed: Values) -> dict[Field, dict[str, tuple[str, ...]]]:
    """Those alterations that concern values which PlexSync owns and which Plex does not show as they were sent."""
    kept = {
        field: {
            value: instead
            for value, instead in forms.items()
            if is_among(field, value, pushed.get(field, ())) and not is_among(field, value, in_plex[field])
        }
        for field, forms in altered.items()
    }
    return {field: forms for field, forms in kept.items() if forms}


def find_alterations(
    sent: Mapping[Field, Iterable[str]], pushed: Values, item: PlexItem
) -> dict[Field, dict[str, tuple[str, ...]]]:
    """What of `sent` the item does not show. It was read right after the edit. `pushed`: what PlexSync owns in it."""
    in_plex = values_of(item)
    found = {
        field: {
            value: _shown_instead(field, value, in_plex[field], pushed.get(field, ()))
            for value in values
            if not is_among(field, value, in_plex[field])
        }
        for field, values in sent.items()
    }
    return {field: forms for field, forms in found.items() if forms}


def merge_alterations(older: Alterations, newer: Alterations) -> dict[Field, dict[str, tuple[str, ...]]]:
    """Both; where both know a value, what the newer one says."""
    return {field: {**older.get(field, {}), **newer.get(field, {})} for field in {**older, **newer}}


def is_among(field: Field, value: str, values: Value) -> bool:
    """Whether this text, or this name of a list, is one of the values, case and white space as Plex sees them."""
    if field in LISTS:
        return name_key(value) in _keys(names_in(values))
    return loose_form(value) == loose_form(text_of(values))


def _shown_instead(field: Field, value: str, in_plex: Value, pushed: Value) -> tuple[str, ...]:
    if field not in LISTS:
        return (text_of(in_plex),)
    others = tuple(name for name in names_in(in_plex) if name_key(name) not in _keys(names_in(pushed)))
    others = tuple(dict.fromkeys(others))
    forms = tuple(name for name in others if _spelling(name) == _spelling(value))
    return forms if len(forms) == 1 else others


def _spelling(name: str) -> str:
    """Equal for names that differ in nothing but case, accents, blanks and punctuation."""
    letters = "".join(sign for sign in unicodedata.normalize("NFKD", name.casefold()) if sign.isalnum())
    return letters or name


def _keys(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name_key(name) for name in names)
