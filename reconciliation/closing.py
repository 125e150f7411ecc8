"""Closes gaps: by the same queue as everything else, so that retries, circuit, limiter and dead letters apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciliation.gaps import GapType
from reconciliation.state import GapCounts
from store.job import Reason, new_job
from store.judgement import Judgement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.clock import Clock
    from push.locate import Target
    from push.pusher import Pusher
    from reconciliation.compare import Finding
    from store.ledger import Ledger
    from store.queue import JobQueue



class Closing:
    """Queues findings under one pusher. Raises LocalStorage."""

    def __init__(
        self, *, pusher: Pusher, queue: JobQueue, ledger: Ledger, clock: Clock
    ) -> None:
        self._pusher = pusher
        self._queue = queue
        self._ledger = ledger
        self._clock = clock

    def close(self, findings: Sequence[Finding]) -> GapCounts:
        """Queue what can be closed; how many of each type. All is on disk on return."""
        gaps = [finding.gap for finding in findings if finding.gap]
        closable = [gap.scene_id for gap in gaps if gap.type is not GapType.MISSING]
        missing = [each.target for each in findings if each.gap and each.gap.type is GapType.MISSING]
        asks_scan = self._pusher.settings.scan_plex and not self._pusher.settings.ignore_missing
        self._ledger.clear_fingerprints(closable)
        self._add([*closable, *(target.scene.id for target in missing if asks_scan)])
        for target in missing:
            self._note_missing(target)
        counts = GapCounts(missing=len(missing) if asks_scan else 0)
        for gap in gaps:
            if gap.type is not GapType.MISSING:
                counts = counts.plus(gap.type)
        return counts

    def _add(self, scene_ids: Sequence[int]) -> None:
        """A job that waits to be tried again after failing keeps its turn; one that waits for Plex to have it does not.

        Either reads the item when it is due, since the ledger doubts.
        """
        now = self._clock.now()
        waiting = {scene_id: self._queue.job(scene_id) for scene_id in scene_ids}
        self._queue.add_all(
            new_job(scene_id, Reason.RECONCILE, now)
            for scene_id, job in waiting.items()
            if job is None or job.missing_since
        )

    def _note_missing(self, target: Target) -> None:
        """Nothing is tried, now or again: the first look at Plex that shows one of the files makes it dirty."""
        if self._queue.job(target.scene.id) is not None:
            return
        self._pusher.finder.await_files(target.scene.id, target.files)
        if target.record is None or target.record.judgement not in (Judgement.MISSING, Judgement.DEAD):
            self._ledger.store_judgement(target.scene, Judgement.MISSING, now=self._clock.now())
