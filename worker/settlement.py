"""What follows from an outcome: for the circuit and the pauses, and for the job in queue and ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from push.verdicts import Action, Outcome, Verdict, decide, rules

if TYPE_CHECKING:
    from stash.scene import Scene
    from store.job import Job
    from worker.parts import Parts
    from worker.report import Report


class Settlement:
    """Draws them for one worker. Raises LocalStorage when the disk refuses what was decided."""

    def __init__(self, parts: Parts, report: Report) -> None:
        self._clock = parts.clock
        self._queue = parts.queue
        self._ledger = parts.ledger
        self._stash = parts.stash
        self._resilience = parts.resilience
        self._report = report

    def settle(self, job: Job, outcome: Outcome, scene: Scene | None, ticket: int) -> Outcome:
        """Tell breaker and pauses, then carry the decision out; the outcome as it counted for the job."""
        now, outage_id = self._clock.now(), self._outage_id()  # a success may end it
        if outcome.verdict is Verdict.OWN_FAILURE:
            outcome = self._record_own_failure(job, outcome, ticket, now)
        elif outcome.shows_health:
            self._resilience.record_success(ticket, now, pushed=outcome.verdict is Verdict.PUSHED)
        else:
            self.record_at_server(outcome, ticket)
        self._apply(job, outcome, scene, outage_id or self._outage_id())
        return outcome

    def _outage_id(self) -> int:
        """The outage under way; 0 for none."""
        outage = self._resilience.breaker.outage
        return outage.id if outage else 0

    def record_at_server(self, outcome: Outcome, ticket: int) -> None:
        """What all jobs would meet now."""
        now, text, verdict = self._clock.now(), outcome.text, outcome.verdict
        if verdict is Verdict.OUTAGE:
            self._resilience.record_outage(ticket, text, now)
        elif verdict is Verdict.BUSY:
            self._resilience.record_busy(outcome.retry_after_s, text, now)
        elif verdict is Verdict.AUTH:
            self._resilience.record_auth(text, now)
        elif verdict is Verdict.SETUP:
            self._resilience.record_setup(text, now)
        elif verdict is Verdict.STORAGE:
            self._resilience.record_storage(text, now)

    def _record_own_failure(self, job: Job, outcome: Outcome, ticket: int, now: float) -> Outcome:
        """One of several in a row is the server's failure after all: none of them is charged then, each job once."""
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
            job = self._ledger.exhume(scene_id, now=self._clock.now())
            if job is None:
                return
            self._queue.add(job)
        if not job.is_refunded:
            attempts = max(0, job.attempts - 1)
            self._queue.change(replace(job, attempts=attempts, not_before=0.0, is_refunded=True))

    def _apply(self, job: Job, outcome: Outcome, scene: Scene | None, outage_id: int) -> None:
        """Carry the decision out: first store what is new, then settle the job."""
        settings, ledger, now = self._stash.settings, self._ledger, self._clock.now()
        job = self._queue.job(job.scene_id) or job
        table = rules(
            self._clock,
            max_retries=settings.max_retries if settings else 1,
            skip_missing=bool(settings and settings.skip_missing),
        )
        chance = random.random()  # noqa: S311 - spreads retries
        decision = decide(outcome, job, table, now=now, chance=chance, outage_id=outage_id)
        if outcome.verdict is Verdict.GONE:
            ledger.forget_scene(job.scene_id)
        if decision.action is Action.BURY:
            ledger.bury(decision.job, scene, now=now)
        if decision.action is Action.MISSING and scene:
            ledger.store_verdict(scene, verdict="missing", fingerprint="", files="", now=now)
        if decision.action in (Action.RETRY, Action.KEEP):
            self._queue.put_back(decision.job)
        else:
            self._queue.finish(job.scene_id)
        self._report.decided(decision, scene, now)
