"""Scenes that a person has PlexSync ignore: a judgement in the ledger, which the next one replaces.

A dead letter stays where it is meanwhile, and tells what the scene was before.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.ledger import Ledger

_ALL = "SELECT scene_id FROM scene WHERE verdict = 'ignored'"
_AMONG = "SELECT scene_id FROM scene WHERE verdict = 'ignored' AND scene_id IN (SELECT value FROM json_each(:ids))"
# Judged now: else catch-up would bring a scene back that was judged in the second of its last edit.
_IGNORE = """
UPDATE scene SET verdict = 'ignored', settled_at = :now
WHERE scene_id IN (SELECT value FROM json_each(:ids)) AND verdict IN ('missing', 'dead')
"""
_LETTERS = "SELECT scene_id FROM dead_letter WHERE scene_id IN (SELECT value FROM json_each(:ids))"
_STOP = """
UPDATE scene SET verdict = CASE WHEN scene_id IN (SELECT scene_id FROM dead_letter) THEN 'dead' ELSE 'missing' END
WHERE scene_id IN (SELECT value FROM json_each(:ids)) AND verdict = 'ignored'
"""


class IgnoredScenes:
    """Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def ids(self) -> list[int]:
        """All of them."""
        with self._ledger.reading() as database:
            return [scene_id for (scene_id,) in database.execute(_ALL)]

    def ignore(self, scene_ids: Iterable[int], *, now: float) -> list[int]:
        """Ignore those of the scenes that are missing or dead; return which of the scenes are ignored now."""
        ids = json.dumps(list(scene_ids))
        with self._ledger.transaction() as database:
            database.execute(_IGNORE, {"ids": ids, "now": now})
            rows = database.execute(_AMONG, {"ids": ids}).fetchall()
        return [scene_id for (scene_id,) in rows]

    def without_letter(self, scene_ids: Iterable[int]) -> list[int]:
        """Those of the scenes that were missing before they were ignored."""
        ids = list(scene_ids)
        with self._ledger.reading() as database:
            dead = {scene_id for (scene_id,) in database.execute(_LETTERS, {"ids": json.dumps(ids)})}
        return [scene_id for scene_id in ids if scene_id not in dead]

    def stop(self, scene_ids: Iterable[int]) -> None:
        """Judge them as before: dead if they have a dead letter, else missing."""
        with self._ledger.transaction() as database:
            database.execute(_STOP, {"ids": json.dumps(list(scene_ids))})
