"""Selects the libraries named in the setting plex_library. Pure.

Two libraries whose names differ at all are two: a name means the library that bears exactly this name. Case and blanks
are overlooked only if no library bears it and the name can mean no other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.words import as_list_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plex.model import Section

MOVIE = "movie"
_CONTENTS: Final = {MOVIE: "movies", "show": "TV shows", "artist": "music", "photo": "photos"}
OTHER_TYPE: Final = (
    "PlexSync needs a library of the type Movies or Other Videos; add one in Plex with the same folders."
)


def choose_sections(found: Iterable[Section], names: Sequence[str]) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The movie libraries with these names, and the names that mean none of them. Without names: all of them."""
    movies = [section for section in found if section.type == MOVIE]
    if not names:
        return tuple(movies), ()
    meant = {name: sections_named(name, movies) for name in names}
    keys = {section.key for sections in meant.values() for section in sections}
    return tuple(section for section in movies if section.key in keys), tuple(name for name in names if not meant[name])


def sections_named(name: str, sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections that the name means; none if several names differ from it in nothing but case and blanks."""
    alike = _sections_alike(name, sections)
    exact = tuple(section for section in alike if section.title == name)
    return exact or (alike if len({section.title for section in alike}) == 1 else ())


def _sections_alike(name: str, sections: Iterable[Section]) -> tuple[Section, ...]:
    return tuple(section for section in sections if _loose(section.title) == _loose(name))


def _loose(name: str) -> str:
    return " ".join(name.split()).casefold()


def contents_of(section: Section) -> str:
    """What a library holds, in words."""
    return _CONTENTS.get(section.type, section.type)


def describe_missing(found: Iterable[Section], missing: Sequence[str]) -> str:
    """The message for missing libraries; it also names the existing ones, and those of another type that were meant."""
    found = tuple(found)
    movies = [section for section in found if section.type == MOVIE]
    names = ", ".join(as_list_entry(section.title) for section in movies) or "none"
    several = " exactly, but several that differ in case or spaces"
    words = [as_list_entry(name) + (several if _sections_alike(name, movies) else "") for name in missing]
    what = f"no movie library named {' or '.join(words)}" if missing else "no movie library"
    others = _describe_other_types(found, missing)
    cure = 'Correct "Plex libraries", or check what the token may see.'
    return f"Plex has {what}; its movie libraries: {names}.{others} {cure}"


def _describe_other_types(found: Sequence[Section], missing: Sequence[str]) -> str:
    """What is wrong with libraries of another type that the missing names mean, or that Plex has instead."""
    others = tuple(section for section in found if section.type != MOVIE)
    meant = [section for name in missing for section in sections_named(name, others)] if missing else others
    if not meant:
        return ""
    words = [f"{as_list_entry(section.title)} holds {contents_of(section)}" for section in meant]
    return f" {', '.join(words)}: {OTHER_TYPE}"
