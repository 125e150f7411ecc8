"""In-memory Plex libraries for the finder, and look-ups in them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from plex.errors import LibraryGone, PlexServerDown
from plex.libraries import Libraries
from plex.model import LeanItem, PartFile, Section
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plex.find import Finder
    from plex.match import File, Match

NOW = SetClock().now()


def lean(rating_key: int, *paths: str, section: int = 1, updated_at: int = 5, size: int = 1) -> LeanItem:
    parts = tuple(PartFile(path=path, size=size) for path in paths)
    return LeanItem(
        rating_key=rating_key, section_key=section, title="", parts=parts, updated_at=updated_at, added_at=0
    )


class Library:
    """A SearchClient over items in memory; counts its requests. `silent`: the sections that answer no search."""

    def __init__(self, *items: LeanItem, filters: bool = True, folder: str = "") -> None:
        self.items = list(items)
        self.locations: tuple[str, ...] = (folder,) if folder else ()
        self.filters = self.narrows = filters
        self.silent: set[int] = set()
        self.requests = Counter[str]()
        self.breaks_after: int | None = None
        self.is_blind = False
        self.answered_at: int | None = None
        self.keys: tuple[int, ...] = (1, 2)
        self.libraries = Libraries(self._all_sections, (), SetClock())

    def hides_paths(self) -> bool:
        return self.is_blind

    def sections(self) -> tuple[Section, ...]:
        return self.libraries.current()

    def _all_sections(self) -> tuple[Section, ...]:
        return tuple(Section(key=key, title=str(key), type="movie", locations=self.locations) for key in self.keys)

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None:
        self.requests["file"] += 1
        found = [item for item in self._of(section) if any(file_name in part.path for part in item.parts)]
        return tuple(found) if self.filters and section.key not in self.silent else None

    def find_by_path(self, section: Section, path: str) -> tuple[LeanItem, ...] | None:
        self.requests["path"] += 1
        found = [item for item in self._of(section) if any(path in part.path for part in item.parts)]
        return tuple(found) if self.narrows and section.key not in self.silent else None

    def sweep(self, section: Section, *, page_size: int = 1000) -> Iterator[LeanItem]:
        assert page_size
        self.requests["sweep"] += 1
        yield from self._listed(section)

    def changes(self, section: Section, *, since: int | None = None, page_size: int = 0) -> Iterator[LeanItem]:  # noqa: ARG002
        self.requests["refresh"] += 1
        yield from (item for item in self._listed(section) if since is None or item.updated_at >= since)

    def _listed(self, section: Section) -> Iterator[LeanItem]:
        items = sorted(self._of(section), key=lambda item: item.updated_at, reverse=True)
        for count, item in enumerate(items):
            if count + 1 == self.breaks_after:
                raise PlexServerDown("gone")
            yield item

    def _of(self, section: Section) -> list[LeanItem]:
        if section.key not in self.keys:
            self.libraries.reread()
            raise LibraryGone(section.title)
        return [item for item in self.items if item.section_key == section.key]


def keys(matches: tuple[Match, ...]) -> list[int]:
    return [match.item.rating_key for match in matches]


def look_up(finder: Finder, *files: File) -> list[int]:
    return keys(finder.find(files, since=NOW))
