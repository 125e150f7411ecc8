"""The fields of a Plex item that are pushed: what an item has in them, and what Plex can take. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from plex.text import (
    NAME_BYTES,
    SUMMARY_BYTES,
    TITLE_BYTES,
    clean_line,
    clean_names,
    clean_rating,
    clean_text,
    whole_date,
)

if TYPE_CHECKING:
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


BY_NAME: Final[Mapping[str, Field]] = {field.value: field for field in Field}
LISTS = frozenset({Field.DIRECTORS, Field.ACTORS, Field.GENRES, Field.COLLECTIONS})

Value = str | tuple[str, ...]  # a tuple of names for a list field; "" and () are empty
Values = Mapping[Field, Value]


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
    return {name: clean_value(name, value) for name, value in values.items()}


def clean_value(name: Field, value: Value) -> Value:
    """The value as Plex can take it: see plex/text.py."""
    if name in LISTS:
        return clean_names(names_in(value))
    text = text_of(value)
    if name is Field.SUMMARY:
        return clean_text(text, SUMMARY_BYTES)
    if name is Field.DATE:
        return whole_date(text)
    if name is Field.RATING:
        return clean_rating(text)
    return clean_line(text, TITLE_BYTES if name is Field.TITLE else NAME_BYTES)


def text_of(value: Value) -> str:
    """A text field's value; the names of a list, separated by commas."""
    return value if isinstance(value, str) else ", ".join(value)


def names_in(value: Value) -> tuple[str, ...]:
    """A list field's names; a text as the only one."""
    return ((value,) if value else ()) if isinstance(value, str) else tuple(value)

