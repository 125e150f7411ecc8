"""Finds out which values Plex shows otherwise than they were sent, so that they are not sent again and again.

A value that was pushed, and that Plex does not show, is sent once more, since a person may have changed it. The item is
read right after that: what Plex still shows otherwise, it alters. Where edits made in Plex are kept, nothing would ever
be sent again, and an altered value would count as a person's edit; so there, the first edits are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.words import named
from plex.altered import find_alterations, merge_alterations

if TYPE_CHECKING:
    import logging

    from plex.altered import Alterations
    from plex.client import PlexClient
    from plex.fields import Field
    from plex.plan import Plan
    from stash.scene import Scene
    from store.altered import AlterationStore


class AlteredValues:
    """What one Plex server alters. Raises PlexError and LocalStorage."""

    def __init__(self, *, plex: PlexClient, store: AlterationStore, keep_plex_edits: bool, log: logging.Logger) -> None:
        self._plex = plex
        self._store = store
        self._keep_plex_edits = keep_plex_edits
        self._log = log
        self._shown_as_sent: set[Field] = set()  # by the first edit that was looked at

    def of(self, rating_key: int) -> Alterations:
        """What Plex alters of the item's values."""
        return self._store.of(rating_key)

    def update(self, scene: Scene, rating_key: int, edit: Plan, before: Alterations) -> None:
        """Store what Plex alters of the item's values now that the edit was sent. `before`: what was stored."""
        altered = edit.altered
        if self._is_in_doubt(edit):
            item = self._plex.read_items([rating_key]).get(rating_key)
            sent = edit.sent if self._keep_plex_edits else edit.resent
            found = find_alterations(sent, edit.pushed, item) if item else {}
            self._shown_as_sent |= sent.keys() - found.keys()
            self._report(scene, found)
            altered = merge_alterations(altered, found)
        if altered != before:
            self._store.replace(rating_key, altered)

    def _is_in_doubt(self, edit: Plan) -> bool:
        return bool(edit.resent or (self._keep_plex_edits and edit.sent.keys() - self._shown_as_sent))

    def _report(self, scene: Scene, found: Alterations) -> None:
        """Said once for each field, as long as any item has an altered value in it."""
        for field in found.keys() - self._store.fields():
            value, instead = next(iter(found[field].items()))
            self._log.warning(
                "Plex alters %s of %s: it shows %r as %r. Such a value is not sent again, for any scene, until it "
                "changes in Stash or in Plex.",
                field.value, named(scene.title, scene.id), value, ", ".join(instead),
            )  # fmt: skip
