"""Reads what queue and ledger know of single scenes, for the page. As fast as `store.reader`."""

from __future__ import annotations

import json

from local.data_directory import LEDGER, QUEUE
from store.reader import DUE_AT, OPEN, Reader, times

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

    # Scene id, title, path, error text, attempts, and in epoch seconds the last failure and the next try.
    SceneRow = tuple[int, str, str, str, int, float | None, float | None]

_BY_VERDICT = "SELECT verdict, COUNT(*), MAX(settled_at) FROM scene GROUP BY verdict"
_IN_PROGRESS = "SELECT json_extract(data, '$.scene_id') FROM ack_queue_default WHERE status = 2 ORDER BY 1 LIMIT 20"
_VERDICT = "SELECT verdict, settled_at FROM scene WHERE scene_id = ?"
_SERVER = "SELECT name FROM server ORDER BY used_at DESC LIMIT 1"
_ITEMS = f"""
SELECT rating_key, pushed_at FROM owned WHERE scene_id = ? AND server = COALESCE(({_SERVER}), '') ORDER BY rating_key
"""  # noqa: S608 - our own names
_JOB = f"""
SELECT status = 2, json_extract(data, '$.attempts'),
       CASE WHEN json_extract(data, '$.not_before') > :now THEN {DUE_AT} END,
       json_extract(data, '$.error_class'), json_extract(data, '$.error_text')
FROM ack_queue_default WHERE status < 5 AND json_extract(data, '$.scene_id') = :scene_id LIMIT 1
"""  # noqa: S608 - our own names
_LETTER = f"""
SELECT error_class, error_text, attempts, failed_last_at FROM dead_letter WHERE scene_id = ? AND {OPEN}
"""  # noqa: S608 - our own names
_DEAD = f"""
SELECT scene_id, title, path, error_text, attempts, failed_last_at, NULL FROM dead_letter
WHERE error_class = :error_class AND {OPEN} ORDER BY failed_last_at DESC LIMIT :limit OFFSET :offset
"""  # noqa: S608 - our own names
# The texts are read only of those that are shown.
WAITING = f"""
SELECT json_extract(data, '$.scene_id'), '', '', json_extract(data, '$.error_text'), json_extract(data, '$.attempts'),
       json_extract(data, '$.failed_at'), {DUE_AT} FROM ack_queue_default
WHERE _id IN (
    SELECT _id FROM ack_queue_default
    WHERE json_extract(data, '$.not_before') > 0 AND json_extract(data, '$.not_before') > :now
        AND json_extract(data, '$.error_class') = :error_class AND +status < 2
    ORDER BY json_extract(data, '$.not_before') LIMIT :limit OFFSET :offset)
ORDER BY 7
"""  # noqa: S608 - our own names
_MISSING = """
SELECT scene_id, '', '', '', 0, settled_at, NULL FROM scene WHERE verdict = 'missing'
ORDER BY settled_at DESC LIMIT :limit OFFSET :offset
"""


_IGNORED = """
SELECT scene.scene_id, COALESCE(title, ''), COALESCE(path, ''), COALESCE(error_text, ''), COALESCE(attempts, 0),
       failed_last_at, NULL FROM scene LEFT JOIN dead_letter USING (scene_id) WHERE verdict = 'ignored'
ORDER BY settled_at DESC LIMIT :limit OFFSET :offset
"""
_DEAD_AMONG = f"""
SELECT scene_id FROM dead_letter WHERE scene_id IN (SELECT value FROM json_each(?)) AND {OPEN} ORDER BY scene_id
"""  # noqa: S608 - our own names
_MISSING_AMONG = """
SELECT scene_id FROM scene WHERE scene_id IN (SELECT value FROM json_each(?)) AND verdict = 'missing' ORDER BY scene_id
"""
_BY_GROUP: Final[Mapping[str, tuple[str, str]]] = {
    "dead": (LEDGER, _DEAD), "waiting": (QUEUE, WAITING), "missing": (LEDGER, _MISSING), "ignored": (LEDGER, _IGNORED),
}  # fmt: skip


class ScenesReader(Reader):
    """The queries of the page. What is not known is missing from the answer, or empty."""

    def scenes_by_verdict(self) -> Mapping[str, tuple[int, float]]:
        """By the last judgement: how many scenes, and when the last one was judged (epoch seconds)."""
        return {verdict: (count, at) for verdict, count, at in self.rows(LEDGER, _BY_VERDICT)}

    def scenes_in_progress(self) -> list[int]:
        """The ids of the scenes that are being pushed, the first twenty."""
        return [scene_id for (scene_id,) in self.rows(QUEUE, _IN_PROGRESS)]

    def scenes_in_need(
        self, group: str, error_class: str, *, limit: int, offset: int, now: float
    ) -> Sequence[SceneRow]:
        """Return the scenes of a group: the latest failures first, of waiting ones those that are due first.

        `limit` -1: all of them.
        """
        name, query = _BY_GROUP[group]
        return self.rows(name, query, {**times(now), "error_class": error_class, "limit": limit, "offset": offset})

    def ids_of_group(self, group: str, error_class: str, now: float) -> list[int]:
        """The ids of all scenes of a group."""
        return [row[0] for row in self.scenes_in_need(group, error_class, limit=-1, offset=0, now=now)]

    def dead_among(self, scene_ids: Sequence[int]) -> list[int]:
        """Those of the scenes that have a dead letter."""
        return [scene_id for (scene_id,) in self.rows(LEDGER, _DEAD_AMONG, (json.dumps(scene_ids),))]

    def missing_among(self, scene_ids: Sequence[int]) -> list[int]:
        """Those of the scenes that Plex does not have."""
        return [scene_id for (scene_id,) in self.rows(LEDGER, _MISSING_AMONG, (json.dumps(scene_ids),))]

    def verdict_of(self, scene_id: int) -> tuple[str | None, float | None]:
        """How the scene was judged last, and when."""
        rows = self.rows(LEDGER, _VERDICT, (scene_id,))
        return (rows[0][0], rows[0][1]) if rows else (None, None)

    def server(self) -> str | None:
        """The machineIdentifier of the Plex server in use."""
        rows = self.rows(LEDGER, _SERVER)
        return str(rows[0][0]) if rows else None

    def items_of(self, scene_id: int) -> Sequence[tuple[int, float]]:
        """Return (rating key, epoch seconds of the last push) of the items in Plex that the scene has."""
        return self.rows(LEDGER, _ITEMS, (scene_id,))

    def job_of(self, scene_id: int, now: float) -> tuple[int, int, float | None, str, str] | None:
        """Whether its job is in progress, its attempts, when it is due, error class and text; None without a job."""
        rows = self.rows(QUEUE, _JOB, {**times(now), "scene_id": scene_id})
        return rows[0] if rows else None

    def letter_of(self, scene_id: int) -> tuple[str, str, int, float] | None:
        """Error class, error text, attempts and last failure of its dead letter."""
        rows = self.rows(LEDGER, _LETTER, (scene_id,))
        return rows[0] if rows else None
