"""Applies an outcome to the circuit breaker and the pauses, and to the job in queue and ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from outages.scheduler import PauseReason
from push.verdicts import Action, Outcome, StopReason, Verdict, decide, retry_rules
from store.dead_letters import DeadLetters
from store.judgement import Judgement

if TYPE_CHECKING:
    from push.verdicts import Decision
    from stash.scene import Scene
    from store.job import Job
    from worker.parts import Parts
    from worker.report import Report


class Settlement:
    """Settles the jobs of one worker. Raises LocalStorage if a change cannot be stored."""

    def __init__(self, parts: Parts, report: Report) -> None:
        self._clock = parts.clock
        self._queue = parts.queue
        self._ledger = parts.ledger
        self._dead_letters = DeadLetters(parts.ledger)
        self._stash = parts.stash
        self._resilience = parts.resilience
        self._report = report

    def settle(self, job: Job, outcome: Outcome, scene: Scene | None, ticket: int) -> Outcome:
        """Record the outcome for breaker and pauses, then decide about the job.

        Return the outcome that counted: OUTAGE if the failure was one of several in a row (see `_record_own_failure`).
        """
        now, outage_id = self._clock.now(), self._outage_id()  # before a success may end the outage
        if outcome.verdict is Verdict.OWN_FAILURE:
            outcome = self._record_own_failure(job, outcome, ticket, now)
        elif outcome.shows_health:
            self._resilience.record_success(ticket, now, pushed=outcome.verdict is Verdict.PUSHED)
        else:
            self.record_stop(outcome, ticket)
        self._carry_out(self._decide(job, outcome, outage_id or self._outage_id()), outcome, scene)
        return outcome

    def record_stop(self, outcome: Outcome, ticket: int) -> None:
        """Stop the drain if all jobs would fail the same way now; do nothing if the outcome concerns one job."""
        stop, now = outcome.verdict.row.stops, self._clock.now()
        if stop is StopReason.CIRCUIT:
            self._resilience.record_outage(ticket, outcome.text, now)
        elif stop is StopReason.BUSY:
            self._resilience.record_busy(outcome.retry_after_s, outcome.text, now)
        elif stop in (StopReason.AUTH, StopReason.SETUP, StopReason.STORAGE):
            self._resilience.record_pause(PauseReason(stop.value), outcome.text, now)

    def _outage_id(self) -> int:
        """The id of the current outage; 0 if there is none."""
        outage = self._resilience.breaker.outage
        return outage.id if outage else 0

    def _record_own_failure(self, job: Job, outcome: Outcome, ticket: int, now: float) -> Outcome:
        """If this is one of several failures in a row, it is an outage after all: each job is refunded, once."""
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
        retries = retry_rules(
            self._clock,
            max_retries=settings.max_retries if settings else 1,
            skip_missing=bool(settings and settings.skip_missing),
        )
        jitter = random.random()  # noqa: S311 - spreads retries
        current = self._queue.job(job.scene_id) or job
        return decide(outcome, current, retries, now=self._clock.now(), jitter=jitter, outage_id=outage_id)

    def _carry_out(self, decision: Decision, outcome: Outcome, scene: Scene | None) -> None:
        """Store what is new before the job leaves the queue, so that a kill in between loses nothing."""
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
        self._report.log_decision(decision, scene, now)
