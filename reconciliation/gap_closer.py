"""Closes gaps through the queue, so that retries, the circuit breaker, the rate limit and dead letters apply."""

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


class GapCloser:
    """Queues findings under one set of settings. Raises LocalStorage."""

    def __init__(
        self, *, pusher: Pusher, queue: JobQueue, ledger: Ledger, clock: Clock
    ) -> None:
        self._pusher = pusher
        self._queue = queue
        self._ledger = ledger
        self._clock = clock

    def close(self, findings: Sequence[Finding]) -> GapCounts:
        """Queue the gaps that a push can close and count them by type. Everything is on disk when this returns.

        A missing scene is queued only if Plex may be asked to scan for it.
        """
        gaps = [finding.gap for finding in findings if finding.gap]
        closable = [gap.scene_id for gap in gaps if gap.type is not GapType.MISSING]
        missing = [each.target for each in findings if each.gap and each.gap.type is GapType.MISSING]
        asks_scan = self._pusher.settings.scan_plex and not self._pusher.settings.ignore_missing
        self._ledger.clear_fingerprints(closable)
        self._queue_jobs([*closable, *(target.scene.id for target in missing if asks_scan)])
        for target in missing:
            self._note_missing(target)
        counts = GapCounts(missing=len(missing) if asks_scan else 0)
        for gap in gaps:
            if gap.type is not GapType.MISSING:
                counts = counts.incremented(gap.type)
        return counts

    def _queue_jobs(self, scene_ids: Sequence[int]) -> None:
        """A job that is backing off after a failure keeps its time; one that waits for its file in Plex is due at once.

        Either job reads the item when it runs, because the ledger no longer trusts the last push.
        """
        now = self._clock.now()
        waiting = {scene_id: self._queue.fields_job(scene_id) for scene_id in scene_ids}
        self._queue.add_all(
            new_job(scene_id, Reason.RECONCILE, now)
            for scene_id, job in waiting.items()
            if job is None or job.missing_since
        )

    def _note_missing(self, target: Target) -> None:
        """Schedule no retry: the scene is queued as soon as one of its files is seen in Plex."""
        if self._queue.fields_job(target.scene.id) is not None:
            return
        self._pusher.finder.await_files(target.scene.id, target.files)
        if target.record is None or target.record.judgement not in (Judgement.MISSING, Judgement.DEAD):
            self._ledger.store_judgement(target.scene, Judgement.MISSING, now=self._clock.now())
