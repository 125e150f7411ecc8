"""Read-only queries of queue, ledger and Plex index, for tasks. They need no installed packages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.data_directory import LEDGER, QUEUE
from store.altered import alterations_from
from store.items import OWNED, ItemRecord, owned_from
from store.reader import DUE_AT, Reader, times
from store.undo import ENTRIES, RUN, entry_from, run_from

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.altered import Alterations
    from store.undo import UndoneItem, UndoRun

# persist-queue's row status: 0 and 1 are ready, 2 is in progress, 5 and above are finished.
_UNSETTLED = f"""
SELECT json_extract(data, '$.scene_id'), {DUE_AT}, json_extract(data, '$.is_cover_left')
FROM ack_queue_default WHERE status < 5
"""  # noqa: S608 - our own names
_JUDGED = "SELECT scene_id, verdict, settled_at FROM scene WHERE settled_at >= ?"
_FINGERPRINTS = """
SELECT scene_id, fingerprint FROM scene WHERE scene_id IN (SELECT value FROM json_each(?))
    AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""
_PUSHED = "SELECT DISTINCT scene_id FROM owned WHERE scene_id IN (SELECT value FROM json_each(?))"
_IGNORED = "SELECT scene_id FROM scene WHERE scene_id IN (SELECT value FROM json_each(?)) AND verdict = 'ignored'"
_ITEM = f"""
{OWNED} WHERE rating_key = ? AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""  # noqa: S608 - our own names
_ALTERED = """
SELECT field, forms FROM altered
WHERE rating_key = ? AND server = COALESCE((SELECT name FROM server ORDER BY used_at DESC LIMIT 1), '')
"""
_LINE_BYTES = "SELECT line_bytes FROM server ORDER BY used_at DESC LIMIT 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Pending work. `due_at`: epoch seconds by scene id, 0 for now. `entities`: number of changed tags, studios etc.

    `covers_left`: the scenes of which only the cover is still to be pushed.
    """

    due_at: Mapping[int, float] = field(default_factory=dict)
    covers_left: frozenset[int] = frozenset()
    entities: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingJob:
    """A job that failed and is tried again at `due_at` (epoch seconds)."""

    scene_id: int
    error_class: str
    error_text: str
    due_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPushes:
    """What was last pushed: fingerprints by scene id, and the ids of scenes with a recorded item.

    `ignored`: those that a person has PlexSync ignore.
    """

    fingerprints: Mapping[int, str]
    pushed: frozenset[int]
    ignored: frozenset[int] = frozenset()


class Overview(Reader):
    """The queries of tasks, which need no speed."""

    def waiting_jobs(self, count: int, now: float) -> Sequence[WaitingJob]:
        """Return the first of the jobs that wait for another try, the next due one first."""
        return [
            WaitingJob(scene_id=scene_id, error_class=error_class, error_text=error_text, due_at=due_at)
            for scene_id, error_class, error_text, due_at in self.waiting_rows(count, now)
        ]

    def pending(self, now: float) -> Pending:
        """Return all pending work. Reads the inbox before the queue, so a job moving between them is not missed."""
        scenes, entities = self.in_inbox(now)
        rows = self.rows(QUEUE, _UNSETTLED, times(now))
        due_at = {scene_id: float(due or 0) for scene_id, due, _ in rows}
        covers_left = frozenset(scene_id for scene_id, _, is_cover_left in rows if is_cover_left)
        return Pending(
            due_at={**due_at, **dict.fromkeys(scenes, 0.0)}, covers_left=covers_left - scenes, entities=entities
        )

    def judged_since(self, at: float) -> Sequence[tuple[int, str, float]]:
        """Return (scene id, judgement, epoch seconds) of each scene judged at this time or later."""
        return self.rows(LEDGER, _JUDGED, (at,))

    def last_pushes(self, scene_ids: Iterable[int]) -> LastPushes:
        """Return what was last pushed for these scenes."""
        ids = (json.dumps(list(scene_ids)),)
        return LastPushes(
            fingerprints=dict(self.rows(LEDGER, _FINGERPRINTS, ids)),
            pushed=frozenset(scene_id for (scene_id,) in self.rows(LEDGER, _PUSHED, ids)),
            ignored=frozenset(scene_id for (scene_id,) in self.rows(LEDGER, _IGNORED, ids)),
        )

    def line_bytes(self) -> int | None:
        """The longest request line that the server in use is known to accept; None if it never refused one."""
        rows = self.rows(LEDGER, _LINE_BYTES)
        return rows[0][0] if rows else None

    def picture_obstacle(self, url: str) -> str:
        """Why Plex would get no picture of a performer from this address; "" if it would or that was never tried."""
        rows = self.rows(LEDGER, "SELECT obstacle FROM picture_address WHERE url = ?", (url,))
        return str(rows[0][0]) if rows else ""

    def item(self, rating_key: int) -> ItemRecord | None:
        """Return what PlexSync put into the item; None if it never wrote to it."""
        rows = self.rows(LEDGER, _ITEM, (rating_key,))
        return ItemRecord(owned=owned_from(*rows[0][1:]), scene_id=rows[0][0]) if rows else None

    def undo(self) -> UndoRun | None:
        """Return the undo under way."""
        rows = self.rows(LEDGER, RUN)
        return run_from(rows[0]) if rows else None

    def count_undone(self) -> int:
        """How many items that undo is done with."""
        return sum(count for (count,) in self.rows(LEDGER, "SELECT COUNT(*) FROM undone"))

    def undone(self) -> Sequence[UndoneItem]:
        """What it did with them."""
        return [entry_from(text) for (text,) in self.rows(LEDGER, ENTRIES)]

    def altered(self, rating_key: int) -> Alterations:
        """What Plex shows otherwise than it was sent to this item."""
        return alterations_from(self.rows(LEDGER, _ALTERED, (rating_key,)))
