"""The part of Plex that a run covers: all configured libraries, or one of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import as_list_entry
from plex.paths import is_inside
from plex.sections import sections_named
from reconciliation.errors import RunRefused
from stash.setting_values import unquoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plex.match import PathRules
    from plex.model import Section
    from push.locate import Target
    from reconciliation.cache import SweptItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """`is_all`: whether `sections` are all configured ones. `rules`: map Stash's paths to Plex's."""

    sections: tuple[Section, ...]
    is_all: bool
    rules: PathRules

    @property
    def keys(self) -> frozenset[int]:
        """Section keys."""
        return frozenset(section.key for section in self.sections)

    def has_item(self, item: SweptItem) -> bool:
        """Whether the item is in one of the sections."""
        return item.section_key in self.keys

    def has_scene(self, target: Target, items: Sequence[SweptItem]) -> bool:
        """Whether the scene belongs here: decided by its `items` in Plex or, if it has none, by its files' folders."""
        if self.is_all:
            return True
        if items:
            return any(self.has_item(item) for item in items)
        paths = [self.rules.map(path) for path, _size in target.files]
        folders = [folder for section in self.sections for folder in section.locations]
        return any(is_inside(path, folder) for path in paths for folder in folders)


def choose_library(configured: tuple[Section, ...], name: str, rules: PathRules) -> Library:
    """The library that this name means, in double quotes or not; all configured ones for "". Raises RunRefused."""
    chosen = configured
    if name.strip():
        chosen = sections_named(name, configured) or sections_named(unquoted(name), configured)
    if not chosen:
        names = ", ".join(as_list_entry(section.title) for section in configured)
        raise RunRefused(
            f"Plex has no library {name[:80]!r} among those that PlexSync may use: {names}. Correct the argument, or "
            '"Plex libraries" in the settings.'
        )
    return Library(sections=chosen, is_all=len(chosen) == len(configured), rules=rules)
