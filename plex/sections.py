"""Which libraries of a server are meant by the setting plex_library. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plex.model import Section

MOVIE = "movie"


def choose_sections(found: Iterable[Section], names: Sequence[str]) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """The movie libraries of these names in any case (all when there are no names), and the names without one."""
    movies = [section for section in found if section.type == MOVIE]
    if not names:
        return tuple(movies), ()
    wanted = {name.strip().casefold() for name in names}
    titles = {section.title.strip().casefold() for section in movies}
    chosen = tuple(section for section in movies if section.title.strip().casefold() in wanted)
    return chosen, tuple(name for name in names if name.strip().casefold() not in titles)


def words_for_missing(found: Iterable[Section], missing: Sequence[str]) -> str:
    """The message for libraries that are not there, naming those that are."""
    names = ", ".join(section.title for section in found if section.type == MOVIE) or "none"
    what = f"no movie library named {' or '.join(missing)}" if missing else "no movie library"
    return f"Plex has {what}; its movie libraries: {names}. Correct plex_library, or check what the token may see."
