"""Which Plex items hold a scene's files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plex.errors import NotInPlex
from plex.paths import base_name, map_path, normal_form

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from plex.model import LeanItem, Section

# One look-up makes the server compare every path of the section (tens of milliseconds), one page of a sweep makes it
# write 1,000 items (about a second): from some 30 look-ups on, sweeping a library of usual size is cheaper.
SWEEP_FROM = 30


class Listings(Protocol):
    """What the finder asks of a PlexClient."""

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102 - see PlexClient

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None: ...  # noqa: D102

    def sweep(self, section: Section, *, since: int | None = None) -> Iterator[LeanItem]: ...  # noqa: D102


class _Index:
    """The paths of one section's items, as of its newest change."""

    def __init__(self) -> None:
        self._by_path: dict[str, dict[int, LeanItem]] = {}
        self._paths: dict[int, list[str]] = {}
        self.newest: int | None = None  # epoch seconds by Plex's clock

    def take(self, items: Iterable[LeanItem]) -> None:
        newest = self.newest or 0
        for item in items:
            self.drop(item.rating_key)
            self._paths[item.rating_key] = [normal_form(part.path) for part in item.parts]
            for path in self._paths[item.rating_key]:
                self._by_path.setdefault(path, {})[item.rating_key] = item
            newest = max(newest, item.updated_at, item.added_at)
        self.newest = newest  # only now: the newest come first, and a refresh may break off

    def drop(self, rating_key: int) -> None:
        for path in self._paths.pop(rating_key, ()):
            self._by_path[path].pop(rating_key, None)

    def holding(self, path: str) -> tuple[LeanItem, ...]:
        return tuple(self._by_path.get(path, {}).values())


class Finder:
    """Finds items by the full path of a file, in all configured libraries.

    What a sweep found is remembered until it is forgotten; what was not found never is.
    `rules`: (Stash's prefix, Plex's prefix), the first that fits wins.
    """

    def __init__(self, client: Listings, rules: Sequence[tuple[str, str]] = ()) -> None:
        self._client = client
        self._rules = tuple(rules)
        self._indexes: dict[int, _Index] = {}  # by section key, of those swept

    def prefetch(self, count: int) -> None:
        """Say that about `count` scenes are wanted soon; from SWEEP_FROM on, the libraries are read once as a whole."""
        if count >= SWEEP_FROM:
            for section in self._client.sections():
                if section.key not in self._indexes:
                    self._sweep(section)

    def known(self, paths: Sequence[tuple[str, int]]) -> tuple[int, ...]:
        """The rating keys that the last sweep saw for these files, without asking Plex. None known says nothing."""
        keys = [normal_form(map_path(path, self._rules)) for path, _size in paths]
        indexes = self._indexes.values()
        return tuple({item.rating_key: None for index in indexes for key in keys for item in index.holding(key)})

    def find(self, paths: Sequence[tuple[str, int]]) -> tuple[LeanItem, ...]:
        """Every item that holds one of the files: (path as Stash sees it, size in bytes). Raises NotInPlex for none."""
        mapped = [map_path(path, self._rules) for path, _size in paths]
        items: dict[int, LeanItem] = {}
        for section in self._client.sections():
            for path in mapped:
                items |= {item.rating_key: item for item in self._find_in(section, path)}
        if not items:
            raise NotInPlex(mapped)
        return tuple(items.values())

    def forget(self, rating_key: int) -> None:
        """An item is gone or has other files now: the next look-up asks Plex."""
        for index in self._indexes.values():
            index.drop(rating_key)

    def _find_in(self, section: Section, path: str) -> Iterable[LeanItem]:
        key = normal_form(path)
        index = self._indexes.get(section.key)
        if index and (known := index.holding(key)):
            return known
        candidates = self._client.find_by_name(section, base_name(path))
        if candidates is None:
            return self._sweep(section).holding(key)
        return [item for item in candidates if any(normal_form(part.path) == key for part in item.parts)]

    def _sweep(self, section: Section) -> _Index:
        """All of it the first time, then what changed since: on a server without a filter each miss comes here."""
        index = self._indexes.get(section.key) or _Index()
        index.take(self._client.sweep(section, since=index.newest))
        self._indexes[section.key] = index
        return index
