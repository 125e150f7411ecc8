"""Decides which scene a Plex item belongs to, for example when Plex holds two files as versions of one movie.

The item belongs to the scene of its first file; if Stash has no such scene, to the first scene that was pushed to it.
Without this rule the scenes would keep overwriting each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plex.match import is_full_path
from plex.plan import Owned

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence

    from plex.match import File, PathRules
    from plex.model import PlexItem
    from store.ledger import Ledger

_OWNER_WARNED_OF = "SELECT owner FROM left_to WHERE scene_id = ? AND rating_key = ?"


class SharedItems:
    """Decides, from the owners in the ledger, which scene may write to an item. Raises LocalStorage."""

    def __init__(self, ledger: Ledger, log: logging.Logger) -> None:
        self._ledger = ledger
        self._log = log

    def claim(
        self, scene_id: int, files: Sequence[File], items: Sequence[PlexItem], rules: PathRules
    ) -> list[PlexItem]:
        """The items that the scene with these files may write to; from now on they belong to it alone."""
        return [item for item in items if self._claim_one(scene_id, files, item, rules)]

    def preview_claim(self, scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules) -> Owned | None:
        """What the scene would own in the item after a claim; None if the item belongs to another scene."""
        return owned_after_claim(self._ledger.owners(item.rating_key), scene_id, files, item, rules)

    def _claim_one(self, scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules) -> bool:
        owners = self._ledger.owners(item.rating_key)
        others = [other for other in owners if other != scene_id]
        owned = owned_after_claim(owners, scene_id, files, item, rules)
        if owned is None:
            self._warn_once(scene_id, item.rating_key, owner=min(others))
            return False
        for other in others:
            self._warn_once(other, item.rating_key, owner=scene_id)
        if others:
            self._ledger.hand_over(item.rating_key, scene_id, owned)
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


def owned_after_claim(
    owners: Mapping[int, Owned], scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules
) -> Owned | None:
    """What the scene owns in the item once it has claimed it; None if one of `owners` keeps the item. Pure."""
    own = owners.get(scene_id)
    others = {other: owned for other, owned in owners.items() if other != scene_id}
    if not others:
        return own or Owned(pushed={})
    if own is None and not has_first_file(files, item, rules):
        return None
    return merge_owned(own, others)


def has_first_file(files: Sequence[File], item: PlexItem, rules: PathRules) -> bool:
    """Whether one of these files is the item's first, by full path. A weaker match never takes an item from a scene."""
    return any(is_full_path(file, part, rules) for part in item.parts[:1] for file in files)


def merge_owned(own: Owned | None, others: Mapping[int, Owned]) -> Owned:
    """What a scene owns in an item that it takes over: PlexSync may change or remove what it wrote for the others."""
    own = own or Owned(pushed={}, intents=())
    theirs = [values for other in others.values() for values in (other.pushed, *other.intents)]
    added = [values for values in theirs if values and values not in own.intents]
    return Owned(pushed=own.pushed, intents=(*own.intents, *added))
