"""Takes jobs from the queue, has them attempted, and settles them: some are prepared while Plex answers the others."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import inbox
from local.clock import Stopwatch
from local.storage import LocalStorage
from outages.transitions import GateKind
from push.read_ahead import BATCH, ReadAhead
from push.verdicts import Outcome, Verdict
from push.writes import Overlap
from store.worker_file import PUSHING
from worker.attempt import Attempt
from worker.report import Report
from worker.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable

    from push.writes import Writer
    from stash.scene import Scene
    from store.job import Job
    from worker.parts import Parts
    from worker.stash_watch import StashWatch


@dataclass(frozen=True, slots=True, kw_only=True)
class _TakenJob:
    """A job that was taken. `generation`: of its scene, then. `ticket`: see Resilience."""

    job: Job
    generation: int
    ticket: int
    took: Stopwatch


class QueueDrain:
    """The only one to take jobs from the queue. Raises LocalStorage.

    Between two calls, as many jobs are under way as the writer wants. `on_settled` is called for each job.
    """

    def __init__(
        self, parts: Parts, *, stash: StashWatch, writer: Writer, on_settled: Callable[[], object]
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._queue = parts.queue
        self._resilience = parts.resilience
        self._stash = stash
        self._on_settled = on_settled
        self._report = Report(parts.log)
        self._settlement = Settlement(parts, self._report)
        self.read_ahead = ReadAhead(parts.queue, parts.clock)
        self._attempt = Attempt(
            read_ahead=self.read_ahead, stash=parts.stash, plex=parts.plex, probe=parts.probe, log=parts.log
        )
        self._writer = writer
        self._overlap: Overlap[_TakenJob, tuple[Outcome, Scene | None]] = Overlap(writer)
        # If a worker died during jobs, one of those under way or another scene in its batch may have been the cause. So
        # as many jobs are read and pushed one by one; otherwise the next ones may kill this worker, too.
        self._single_left = BATCH if parts.queue.had_in_flight else 0

    def start(self) -> None:
        """Give back what the worker before this one may not have."""
        self._settlement.start()

    def record_stop(self, outcome: Outcome, ticket: int) -> None:
        """See Settlement."""
        self._settlement.record_stop(outcome, ticket)

    def note_stash_away(self, text: str, now: float) -> None:
        """Stash has not answered."""
        self._stash.note_away(text, now)
        self.read_ahead.forget()

    @property
    def depth(self) -> int:
        """How many jobs are under way while one follows the other."""
        return self._writer.depth

    def process_one(self, *, is_trial: bool = False, scene_id: int | None = None) -> Outcome | None:
        """Begin the next due job, or that of `scene_id`, and settle those before, apart from the last few.

        A trial, the job of `scene_id`, and one after which no other is due are settled, too; return their outcome.
        """
        is_alone = is_trial or scene_id is not None or self._single_left > 0
        if is_alone:
            self.complete()
        if is_trial and scene_id is None:
            scene_id = self._scene_for_trial()
        job = self._queue.take() if scene_id is None else self._queue.take_scene(scene_id)
        if job is None:
            return None
        self._begin(job, is_trial=is_trial, sends_cover=scene_id is not None)
        return self._settle_ended(leave=0 if is_alone or not self._queue.peek_due(1) else self._writer.depth)

    def complete(self) -> bool:
        """Settle what is under way. False if nothing was."""
        if not len(self._overlap):
            return False
        self._settle_ended(leave=0)
        return True

    def close(self) -> None:
        """End what is under way as a kill would, without leaving a write in flight."""
        self._abandon()
        self._overlap.close()

    def _begin(self, job: Job, *, is_trial: bool, sends_cover: bool) -> None:
        began_at, took = self._clock.now(), Stopwatch(self._clock)
        took.start()
        if not self._stash.is_away:  # else this is one more try, which proves nothing before it ends
            self._parts.worker_file.report(PUSHING, began_at)
        # A trial asks Plex only for its own job.
        next_jobs = [] if is_trial or self._single_left else self._queue.peek_due(BATCH - 1)
        self._single_left = max(0, self._single_left - 1)
        generation, ticket = self._queue.generation(job.scene_id), self._resilience.ticket()
        self._overlap.begin(
            _TakenJob(job=job, generation=generation, ticket=ticket, took=took),
            self._attempt.run(job, next_jobs, began_at, lambda: not sends_cover and self._goes_before_cover(job)),
        )

    def _goes_before_cover(self, job: Job) -> bool:
        """Whether something goes before the cover of this job, whose fields are done."""
        rank = job.with_cover_left().rank
        return any(due.rank < rank for due in self._queue.peek_due(1)) or inbox.has_news(self._parts.directory)

    def _scene_for_trial(self) -> int | None:
        """The first due job that has not failed yet: one that fails each time must not keep the others out."""
        suspects = {suspect.scene_id for suspect in self._resilience.breaker.suspects}
        due = self._queue.peek_due(len(suspects) + 1)
        return next((job.scene_id for job in due if job.scene_id not in suspects), None)

    # Settling

    def _settle_ended(self, *, leave: int) -> Outcome | None:
        """Settle jobs until `leave` are under way; return the last outcome."""
        outcome = None
        for under_way, (attempted, scene) in self._overlap.results(leave=leave):
            outcome = self._settle(under_way, attempted, scene)
            if outcome.verdict.row.stops or self._resilience.gate(self._clock.now()).kind is not GateKind.DRAIN:
                self._abandon()
        return outcome

    def _abandon(self) -> None:
        """Put the jobs under way back, since nothing may be sent now."""
        for under_way in self._overlap.abandon():
            scene_id = under_way.job.scene_id
            with suppress(LocalStorage):
                self._queue.put_back(self._queue.job(scene_id) or under_way.job)
            self._queue.release(scene_id)

    def _settle(self, under_way: _TakenJob, outcome: Outcome, scene: Scene | None) -> Outcome:
        job = under_way.job
        if outcome.verdict is Verdict.STASH_AWAY:
            self.note_stash_away(outcome.text, self._clock.now())
        else:
            self._stash.note_back()
        try:
            outcome = self._settle_once(under_way, outcome, scene)
        finally:
            self._queue.release(job.scene_id)  # no longer in progress, even if the decision could not be stored
        self._report.log_outcome(job, outcome, scene, took_s=under_way.took.passed_s)
        self._on_settled()
        self._parts.worker_file.jobs_done += 1
        return outcome

    def _settle_once(self, under_way: _TakenJob, outcome: Outcome, scene: Scene | None) -> Outcome:
        """Settle the job. A bug in doing so counts as the job's, or it would crash every new worker too."""
        job, ticket = under_way.job, under_way.ticket
        is_dirty = self._queue.generation(job.scene_id) != under_way.generation
        try:
            return self._settlement.settle(job, outcome, scene, ticket, is_dirty=is_dirty)
        except (LocalStorage, OSError):
            raise
        except Exception as error:
            self._parts.log.debug("the traceback behind the next message", exc_info=True)
            bug = Outcome(verdict=Verdict.BUG, text=f"{type(error).__name__}: {error}")
            return self._settlement.settle(job, bug, None, ticket, is_dirty=is_dirty)
