"""Finds out which of PlexSync's values an item holds, where the result of an edit is not known. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plex.fields import LISTS, Field, Value, Values, clean_values, names_in, text_of
from plex.steps import keys_of
from plex.text import clean_names, loose_form, name_key

if TYPE_CHECKING:
    from plex.plan import Owned


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
    shown = keys_of(names_in(in_plex))
    tried = [keys_of(names_in(value)) for value in intents]
    sure = [
        name
        for name in names_in(pushed or ())
        if name_key(name) in shown or all(name_key(name) in keys for keys in tried)
    ]
    arrived = [name for value in intents for name in names_in(value) if name_key(name) in shown]
    found = clean_names([*sure, *arrived])
    newest = names_in(intents[-1]) if intents else ()
    # Names that were not there before are proof; an order alone may have been sent or not.
    has_arrived = keys_of(newest) == keys_of(found) and bool(keys_of(newest) - keys_of(names_in(pushed or ())))
    return clean_names(newest) if has_arrived else found
