"""Selects the libraries named in the setting plex_library. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plex.model import Section

MOVIE = "movie"


def choose_sections(found: Iterable[Section], names: Sequence[str]) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The movie libraries with these names, and the names that no movie library has. Case is ignored.

    Without names: all movie libraries.
    """
    movies = [section for section in found if section.type == MOVIE]
    if not names:
        return tuple(movies), ()
    wanted = {name.strip().casefold() for name in names}
    titles = {section.title.strip().casefold() for section in movies}
    chosen = tuple(section for section in movies if section.title.strip().casefold() in wanted)
    return chosen, tuple(name for name in names if name.strip().casefold() not in titles)


def describe_missing(found: Iterable[Section], missing: Sequence[str]) -> str:
    """The message for missing libraries; it also names the existing ones."""
    names = ", ".join(section.title for section in found if section.type == MOVIE) or "none"
    what = f"no movie library named {' or '.join(missing)}" if missing else "no movie library"
    return f"Plex has {what}; its movie libraries: {names}. Correct plex_library, or check what the token may see."
