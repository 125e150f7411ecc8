"""What follows from an outcome: for the circuit and the pauses, and for the job in queue and ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from outages.scheduler import PauseReason
from push.verdicts import Action, DrainStop, Outcome, Verdict, decide, retry_rules
from store.dead_letters import DeadLetters
from store.judgement import Judgement

if TYPE_CHECKING:
    from push.verdicts import Decision
    from stash.scene import Scene
    from store.job import Job
    from worker.parts import Parts
    from worker.report import Report


class Settlement:
    """Settles the jobs of one worker. Raises LocalStorage when the disk refuses what was decided."""

    def __init__(self, parts: Parts, report: Report) -> None:
        self._clock = parts.clock
        self._queue = parts.queue
        self._ledger = parts.ledger
        self._dead_letters = DeadLetters(parts.ledger)
        self._stash = parts.stash
        self._resilience = parts.resilience
        self._report = report

    def settle(self, job: Job, outcome: Outcome, scene: Scene | None, ticket: int) -> Outcome:
        """Tell breaker and pauses, then carry out what is decided; the outcome as it counted for the job."""
        now, outage_id = self._clock.now(), self._outage_id()  # a success may end it
        if outcome.verdict is Verdict.OWN_FAILURE:
            outcome = self._record_own_failure(job, outcome, ticket, now)
        elif outcome.shows_health:
            self._resilience.record_success(ticket, now, pushed=outcome.verdict is Verdict.PUSHED)
        else:
            self.record_stop(outcome, ticket)
        self._carry_out(self._decide(job, outcome, outage_id or self._outage_id()), outcome, scene)
        return outcome

    def record_stop(self, outcome: Outcome, ticket: int) -> None:
        """Stop the drain for what all jobs would meet now; nothing where the outcome is about one job."""
        stop, now = outcome.verdict.row.stops, self._clock.now()
        if stop is DrainStop.CIRCUIT:
            self._resilience.record_outage(ticket, outcome.text, now)
        elif stop is DrainStop.BUSY:
            self._resilience.record_busy(outcome.retry_after_s, outcome.text, now)
        elif stop in (DrainStop.AUTH, DrainStop.SETUP, DrainStop.STORAGE):
            self._resilience.record_pause(PauseReason(stop.value), outcome.text, now)

    def _outage_id(self) -> int:
        """The outage under way; 0 for none."""
        outage = self._resilience.breaker.outage
        return outage.id if outage else 0

    def _record_own_failure(self, job: Job, outcome: Outcome, ticket: int, now: float) -> Outcome:
        """If it is one of several in a row, the server failed after all: each of these jobs is refunded, once."""
        refunded = self._resilience.record_own_failure(
            ticket, job.scene_id, outcome.error_class, outcome.text, now
        )
        for scene_id in refunded:
            if scene_id != job.scene_id:
                self._refund(scene_id)
        if job.scene_id in refunded and not job.is_refunded:
            self._queue.change(replace(job, is_refunded=True))
            return replace(outcome, verdict=Verdict.OUTAGE)
        return outcome

    def _refund(self, scene_id: int) -> None:
        job = self._queue.job(scene_id)
        if job is None:
            job = self._dead_letters.exhume(scene_id, now=self._clock.now())
            if job is None:
                return
            self._queue.add(job)
        if not job.is_refunded:
            attempts = max(0, job.attempts - 1)
            self._queue.change(replace(job, attempts=attempts, not_before=0.0, is_refunded=True))

    def _decide(self, job: Job, outcome: Outcome, outage_id: int) -> Decision:
        settings = self._stash.settings
        table = retry_rules(
            self._clock,
            max_retries=settings.max_retries if settings else 1,
            skip_missing=bool(settings and settings.skip_missing),
        )
        jitter = random.random()  # noqa: S311 - spreads retries
        current = self._queue.job(job.scene_id) or job
        return decide(outcome, current, table, now=self._clock.now(), jitter=jitter, outage_id=outage_id)

    def _carry_out(self, decision: Decision, outcome: Outcome, scene: Scene | None) -> None:
        """First store what is new, then let go of the job."""
        job, now = decision.job, self._clock.now()
        if outcome.verdict is Verdict.GONE:
            self._ledger.forget_scene(job.scene_id)
        if decision.action is Action.BURY:
            self._dead_letters.bury(job, scene, now=now)
        if decision.action is Action.MISSING and scene:
            self._ledger.store_judgement(scene, Judgement.MISSING, now=now)
        if decision.action in (Action.RETRY, Action.KEEP):
            self._queue.put_back(job)
        else:
            self._queue.finish(job.scene_id)
        self._report.decided(decision, scene, now)
