"""Several scenes in one Plex item, for example when Plex holds two files as versions of one movie.

The item belongs to the scene of its first file; where Stash has no such scene, to the scene that was there first.
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

_SAID = "SELECT owner FROM left_to WHERE scene_id = ? AND rating_key = ?"


class SharedItems:
    """Which scene may write to which item: a view of the open ledger. Raises LocalStorage."""

    def __init__(self, ledger: Ledger, log: logging.Logger) -> None:
        self._ledger = ledger
        self._log = log

    def claim(
        self, scene_id: int, files: Sequence[File], items: Sequence[PlexItem], rules: PathRules
    ) -> list[PlexItem]:
        """The items that the scene with these files may write to; from then on they belong to it alone."""
        return [item for item in items if self._claim_one(scene_id, files, item, rules)]

    def owned_of(self, scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules) -> Owned | None:
        """What the scene would own in the item if it were pushed now; None where the item is left to another scene."""
        return owned_among(self._ledger.owners(item.rating_key), scene_id, files, item, rules)

    def _claim_one(self, scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules) -> bool:
        owners = self._ledger.owners(item.rating_key)
        others = [other for other in owners if other != scene_id]
        owned = owned_among(owners, scene_id, files, item, rules)
        if owned is None:
            self._tell_once(scene_id, item.rating_key, owner=min(others))
            return False
        for other in others:
            self._tell_once(other, item.rating_key, owner=scene_id)
        if others:
            self._ledger.hand_over(item.rating_key, scene_id, owned)
        return True

    def _tell_once(self, scene_id: int, rating_key: int, *, owner: int) -> None:
        row = (scene_id, rating_key, owner)
        with self._ledger.reading() as database:
            said = database.execute(_SAID, row[:2]).fetchone()
        if said == (owner,):
            return
        with self._ledger.transaction() as database:
            database.execute("INSERT OR REPLACE INTO left_to VALUES (?, ?, ?)", row)
        self._log.warning(
            "Plex holds files of the scenes %d and %d in one item (%d); it shows scene %d. Unless they were merged in "
            "Stash, split the item in Plex to have both.", owner, scene_id, rating_key, owner,
        )  # fmt: skip


def owned_among(
    owners: Mapping[int, Owned], scene_id: int, files: Sequence[File], item: PlexItem, rules: PathRules
) -> Owned | None:
    """What the scene owns in the item; None where the item is left to another of its `owners`. Pure."""
    own = owners.get(scene_id)
    others = {other: owned for other, owned in owners.items() if other != scene_id}
    if not others:
        return own or Owned(pushed={})
    if own is None and not is_first(files, item, rules):
        return None
    return taken_over(own, others)


def is_first(files: Sequence[File], item: PlexItem, rules: PathRules) -> bool:
    """Whether the item's first file is one of these, by full path: a weaker match takes nothing from another scene."""
    return any(is_full_path(file, part, rules) for part in item.parts[:1] for file in files)


def taken_over(own: Owned | None, others: Mapping[int, Owned]) -> Owned:
    """What a scene owns in an item that it takes over: what others wrote is PlexSync's to change or remove."""
    own = own or Owned(pushed={}, intents=())
    theirs = [values for other in others.values() for values in (other.pushed, *other.intents)]
    news = [values for values in theirs if values and values not in own.intents]
    return Owned(pushed=own.pushed, intents=(*own.intents, *news))
