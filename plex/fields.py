"""The fields of a Plex item that are pushed, and the values they can have."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


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
