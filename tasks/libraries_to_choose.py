"""The libraries of Plex, for somebody who chooses those that PlexSync uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.clock import Stopwatch
from local.words import as_list_entry
from plex.errors import PlexError
from plex.sections import MOVIE, OTHER_TYPE, contents_of, sections_named
from tasks.setup_answers import LibraryToChoose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from plex.health import Health
    from plex.model import Section
    from stash.settings import Settings
    from tasks.context import Context

# Then no further library's items are counted. Unscaled.
LONG_S = 5.0
UNKNOWN_NAME = "Plex has no movie library of this name."


def libraries_to_choose(context: Context, settings: Settings, health: Health) -> tuple[LibraryToChoose, ...]:
    """Those that can be used first, and last the names in the setting that mean none. Several of one name are one."""
    movies = [section for section in health.found if section.type == MOVIE]
    chosen = {section.title for name in settings.plex_library for section in sections_named(name, movies)}
    counts = _counts(context, settings, movies)
    usable = [
        _library(title, "movies", counts.get(title), is_chosen=title in chosen)
        for title in dict.fromkeys(section.title for section in movies)
    ]
    others = [
        _library(section.title, contents_of(section), None, reason=OTHER_TYPE)
        for section in health.found
        if section.type != MOVIE
    ]
    unknown = [_library(name, "", None, is_chosen=True, reason=UNKNOWN_NAME) for name in health.libraries_missing]
    return (*usable, *others, *unknown)


def _library(
    name: str, contents: str, items: int | None, *, is_chosen: bool = False, reason: str = ""
) -> LibraryToChoose:
    return LibraryToChoose(
        name=name, entry=as_list_entry(name), contents=contents, items=items, is_chosen=is_chosen, reason=reason
    )


def _counts(context: Context, settings: Settings, sections: Iterable[Section]) -> Mapping[str, int]:
    """The numbers of items by title, as far as Plex says them in time."""
    from plex.client import PlexClient  # noqa: PLC0415 - needs packages
    from push.plex_link import plex_connection  # noqa: PLC0415 - as above

    counts, took = dict[str, int](), Stopwatch(context.clock)
    took.start()
    plex = PlexClient(plex_connection(settings, context.directory), clock=context.clock)
    try:
        for section in sections:
            if took.passed_s > LONG_S:
                break
            count = plex.count_items(section)
            if count is not None:
                counts[section.title] = counts.get(section.title, 0) + count
    except PlexError:
        pass  # it was well a moment ago: the next look shows what is wrong
    finally:
        plex.close()
    return counts
