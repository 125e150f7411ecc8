"""Decides which scene a Plex item belongs to, for example when Plex holds two files as versions of one movie.

The item belongs to the scene of its first file; if Stash has no such scene, to the scene that has it already, as long
as that scene exists and one of its files is in the item. Without this rule the scenes would overwrite each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plex.match import is_full_path
from plex.plan import Owned

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from plex.find import Finder
    from plex.match import File, PathRules
    from plex.model import PlexItem
    from stash.client import StashClient
    from store.items import ItemRecord, ItemStore
    from store.ledger import Ledger

_OWNER_WARNED_OF = "SELECT owner FROM left_to WHERE scene_id = ? AND rating_key = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A scene that wants to write to items.

    `files`: as Stash sees them; `rules` map them to Plex. `holds_scene`: see `scene_is_in`.
    """

    scene_id: int
    files: Sequence[File]
    rules: PathRules
    holds_scene: Callable[[int, PlexItem], bool]


class SharedItems:
    """Decides, from what the ledger knows, which scene may write to an item. Raises LocalStorage."""

    def __init__(self, ledger: Ledger, store: ItemStore, log: logging.Logger) -> None:
        self._ledger = ledger
        self._store = store
        self._log = log

    def claim(self, claim: Claim, items: Sequence[PlexItem]) -> list[PlexItem]:
        """The items that the scene may write to; from now on they belong to it alone."""
        return [item for item in items if self._claim_one(claim, item)]

    def preview_claim(self, claim: Claim, item: PlexItem) -> Owned | None:
        """What the scene would own in the item after the claim; None if the item belongs to another scene."""
        return owned_after_claim(self._store.record(item.rating_key), claim, item)

    def _claim_one(self, claim: Claim, item: PlexItem) -> bool:
        record = self._store.record(item.rating_key)
        if record is None or record.scene_id == claim.scene_id:
            return True
        before = record.scene_id
        if owned_after_claim(record, claim, item) is None:
            self._warn_once(claim.scene_id, item.rating_key, owner=before or 0)
            return False
        if before is not None and claim.holds_scene(before, item):
            self._warn_once(before, item.rating_key, owner=claim.scene_id)
        self._store.hand_over(item.rating_key, record, claim.scene_id)
        return True

    def _warn_once(self, scene_id: int, rating_key: int, *, owner: int) -> None:
        """Warn that the item shows `owner` and not the scene; again only if the owner changes."""
        row = (scene_id, rating_key, owner)
        with self._ledger.reading() as database:
            warned_of = database.execute(_OWNER_WARNED_OF, row[:2]).fetchone()
        if warned_of == (owner,):
            return
        with self._ledger.transaction() as database:
            database.execute("INSERT OR REPLACE INTO left_to VALUES (?, ?, ?)", row)
        self._log.warning(
            "Plex holds files of the scenes %d and %d in one item (%d); it shows scene %d. Unless they were merged in "
            "Stash, split the item in Plex to have both.", owner, scene_id, rating_key, owner,
        )  # fmt: skip


def owned_after_claim(record: ItemRecord | None, claim: Claim, item: PlexItem) -> Owned | None:
    """What the scene owns in the item once it has claimed it; None if the scene that has it keeps it.

    PlexSync may change and remove whatever it put there, for whichever scene.
    """
    if record is None:
        return Owned(pushed={})
    is_free = record.scene_id is None or record.scene_id == claim.scene_id
    if is_free or has_first_file(claim, item) or not claim.holds_scene(record.scene_id or 0, item):
        return record.owned
    return None


def scene_is_in(stash: StashClient, finder: Finder, scene_id: int, item: PlexItem) -> bool:
    """Whether the scene is in Stash and one of its files is in the item: ids are reused, and scenes deleted."""
    scene = stash.read_scenes([scene_id]).get(scene_id)
    files = [(file.path, file.size) for file in scene.files] if scene else []
    return bool(files) and finder.holds_one_of(item.parts, files)


def has_first_file(claim: Claim, item: PlexItem) -> bool:
    """Whether the item's first file is the scene's, by full path. A weaker match never takes an item from a scene."""
    return any(is_full_path(file, part, claim.rules) for part in item.parts[:1] for file in claim.files)
