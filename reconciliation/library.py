"""The part of Plex that a run is about: all configured libraries, or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.paths import is_inside
from reconciliation.errors import RunRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plex.match import PathRules
    from plex.model import Section
    from push.locate import Target
    from reconciliation.cache import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """`sections`: those it is about; `is_all`: whether they are all that are configured; `rules`: for Stash's paths."""

    sections: tuple[Section, ...]
    is_all: bool
    rules: PathRules

    @property
    def keys(self) -> frozenset[int]:
        """The keys of its sections."""
        return frozenset(section.key for section in self.sections)

    def has_item(self, seen: Seen) -> bool:
        """Whether the item is in it."""
        return seen.section_key in self.keys

    def has(self, target: Target, items: Sequence[Seen]) -> bool:
        """Whether the scene belongs to it: by its items in Plex, or, where Plex has none, by its files' folder."""
        if self.is_all:
            return True
        if items:
            return any(self.has_item(seen) for seen in items)
        paths = [self.rules.map(path) for path, _size in target.files]
        folders = [folder for section in self.sections for folder in section.locations]
        return any(is_inside(path, folder) for path in paths for folder in folders)


def choose_library(configured: tuple[Section, ...], name: str, rules: PathRules) -> Library:
    """The library of this name, in any case; all for "". Raises RunRefused."""
    wanted = name.strip().casefold()
    chosen = tuple(section for section in configured if wanted in ("", section.title.strip().casefold()))
    if not chosen:
        names = ", ".join(section.title for section in configured)
        raise RunRefused(
            f"Plex has no library {name[:80]!r} among those that PlexSync may use: {names}. Correct the argument, or "
            "plex_library in the settings."
        )
    return Library(sections=chosen, is_all=len(chosen) == len(configured), rules=rules)
