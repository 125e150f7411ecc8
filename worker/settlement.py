"""Applies an outcome to the circuit breaker and the pauses, and to the job in queue and ledger."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from outages.breaker import Circuit
from outages.scheduler import PauseReason
from outages.suspects import OF_PLEX, SUSPECTS_TO_OPEN, Suspect, do_covers_wait, of, scene_ids
from outages.transitions import GateKind
from push.verdicts import Action, Decision, Outcome, StopReason, Verdict, decide, retry_rules
from store.dead_letters import DeadLetters
from store.evidence import Evidence
from store.job import Reason, new_job
from store.judgement import Judgement
from store.reader import LONGEST_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Collection

    from stash.scene import Scene
    from store.job import Job
    from worker.parts import Parts
    from worker.report import Report

# While no cover arrives, the first ones that failed are tried again within this time, to notice when one does.
_COVER_TRIAL_S = 60.0


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
        self._cover_trial_s = parts.clock.interval(_COVER_TRIAL_S)
        self._longest_wait_s = parts.clock.interval(LONGEST_WAIT_S)
        self._speaker = parts.speaker

    def start(self) -> None:
        """Give back what the worker before this one may not have, if it was killed as an outage began."""
        now, suspects = self._clock.now(), self._resilience.breaker.suspects
        if self._resilience.gate(now).kind is GateKind.DRAIN:
            suspects = of(suspects, (Evidence.COVER,)) if do_covers_wait(suspects) else ()
        for scene_id in scene_ids(suspects):
            self._refund(scene_id, now)

    def settle(
        self, job: Job, outcome: Outcome, scene: Scene | None, ticket: int, *, is_dirty: bool
    ) -> Outcome:
        """Record the outcome for breaker and pauses, then decide about the job.

        `is_dirty`: the scene had an event since the job was taken, so the job is due again, however it ended. Return
        the outcome that counted: if the failure was one of several in a row, it is not the job's own.
        """
        now, outage_id = self._clock.now(), self._outage_id()  # before a success may end the outage
        outcome = self._record(job, outcome, scene, ticket, now)
        current = self._queue.job(job.scene_id) or job
        decision = Decision(action=Action.KEEP, job=current)
        if not is_dirty:
            decision = self._decide(current, outcome, outage_id or self._outage_id())
        self._carry_out(decision, outcome, scene)
        self._speaker.note(job, decision, outcome, scene)
        return outcome

    def _record(self, job: Job, outcome: Outcome, scene: Scene | None, ticket: int, now: float) -> Outcome:
        if outcome.verdict.row.stops:
            self.record_stop(outcome, ticket)
            return outcome
        proven = set(outcome.proven)
        if outcome.failed is not Evidence.SCENE and (scene or outcome.verdict is Verdict.GONE):
            proven.add(Evidence.SCENE)
        if outcome.failed is Evidence.COVER:
            self._record_success(job, proven, ticket, now)
            return self._record_failure(job, outcome, self._resilience.ticket(), now)
        if outcome.failed:
            self._record_success(job, proven - set(OF_PLEX) - {Evidence.PROBE}, ticket, now)
            return self._record_failure(job, outcome, ticket, now)
        if proven:
            is_news = outcome.verdict is Verdict.PUSHED and not job.is_cover_left  # a scene counts once
            self._record_success(job, proven, ticket, now, pushed=is_news)
        else:
            self._resilience.record_inconclusive(ticket, now)
        return outcome

    def record_stop(self, outcome: Outcome, ticket: int) -> None:
        """Stop the drain if all jobs would fail the same way now; do nothing if the outcome concerns one job."""
        stop, now = outcome.verdict.row.stops, self._clock.now()
        if stop is StopReason.CIRCUIT:
            self._resilience.record_outage(ticket, outcome.text, now)
        elif stop is StopReason.BUSY:
            self._resilience.record_busy(outcome.retry_after_s, outcome.text, now)
        elif stop in (StopReason.AUTH, StopReason.SETUP, StopReason.STORAGE):
            evidence = outcome.failed or Evidence.PROBE
            self._resilience.record_pause(PauseReason(stop.value), outcome.text, now, evidence=evidence)

    def _outage_id(self) -> int:
        """The id of the current outage; 0 if there is none."""
        outage = self._resilience.breaker.outage
        return outage.id if outage else 0

    def _record_success(
        self, job: Job, proven: Collection[Evidence], ticket: int, now: float, *, pushed: bool = False
    ) -> None:
        """Tell the scenes that failed in what works now. First, lest a kill in between make it lost."""
        if not proven:
            return
        suspects = of(self._resilience.breaker.suspects, proven)
        for suspect in suspects:
            if suspect.scene_id != job.scene_id:
                self._outlive(suspect.scene_id)
        if Evidence.COVER in proven and do_covers_wait(suspects):
            self._release_covers(job)
        self._resilience.record_success(ticket, proven, now, pushed=pushed)

    def _outlive(self, scene_id: int) -> None:
        """Another scene has succeeded: what failed before may have been the server, what fails again is the scene."""
        job = self._queue.job(scene_id)
        if job is not None:
            self._queue.change(replace(job, fails_alone=True))

    def _release_covers(self, arrived: Job) -> None:
        waiting = [job for job in self._queue.jobs() if job.awaits_covers and job.scene_id != arrived.scene_id]
        for job in waiting:
            self._queue.change(replace(job, not_before=0.0, awaits_covers=False))
        self._report.log_covers_arrive(len(waiting))

    def _record_failure(self, job: Job, outcome: Outcome, ticket: int, now: float) -> Outcome:
        """If this is one of several failures in a row, no scene is to blame: each gets its attempts back."""
        current = self._queue.job(job.scene_id) or job
        suspect = Suspect(
            scene_id=job.scene_id,
            failed_at=now,
            evidence=outcome.failed or Evidence.READ,
            is_own=current.fails_alone,
            is_about_token=outcome.is_about_token,
        )
        is_refusal = outcome.verdict is not Verdict.OWN_FAILURE
        error = outcome.text if is_refusal else f"{outcome.error_class}: {outcome.text}"
        transition = self._resilience.record_failure(ticket, suspect, error, now, is_refusal=is_refusal)
        for scene_id in transition.refunded:
            if scene_id != job.scene_id:
                self._refund(scene_id, now)
        if not transition.is_excused:
            return outcome
        self._queue.change(replace(current, attempts=0))
        if outcome.failed is Evidence.COVER:
            return self._cover_waits(job, outcome, is_new=bool(transition.refunded))
        if outcome.failed is Evidence.SCENE:
            return replace(outcome, verdict=Verdict.STASH_AWAY)
        is_closed = self._resilience.breaker.state is Circuit.CLOSED
        return replace(outcome, verdict=Verdict.AUTH if is_closed else Verdict.OUTAGE)

    def _cover_waits(self, job: Job, outcome: Outcome, *, is_new: bool) -> Outcome:
        """No cover arrives: a few go on trying. `is_new`: nobody has been told yet."""
        if is_new:
            self._report.log_covers_fail(outcome.text)
        suspects = scene_ids(of(self._resilience.breaker.suspects, (Evidence.COVER,)))
        pending = [scene_id for scene_id in suspects if self._queue.job(scene_id) is not None]
        wait_s = self._longest_wait_s
        if job.scene_id in pending[:SUSPECTS_TO_OPEN]:
            wait_s = self._cover_trial_s * random.random()  # noqa: S311 - spreads trials
        error = outcome.error or outcome.verdict.row.error
        return replace(outcome, verdict=Verdict.COVER_WAITS, error=error, retry_after_s=wait_s)

    def _refund(self, scene_id: int, now: float) -> None:
        """Give the scene's job its attempts back, even if it was given up."""
        job, buried = self._queue.job(scene_id), self._dead_letters.job_of(scene_id)
        if job is not None:
            self._queue.change(replace(job, attempts=0, not_before=0.0))
        elif buried is not None:
            self._queue.add(replace(buried, attempts=0, not_before=0.0))
        if buried is not None:
            # After the job: if a kill comes in between, the settlement of the job removes the dead letter.
            self._dead_letters.exhume(scene_id, now=now)

    def _decide(self, current: Job, outcome: Outcome, outage_id: int) -> Decision:
        settings = self._stash.settings
        retries = retry_rules(
            self._clock,
            max_retries=settings.max_retries if settings else 1,
            skip_missing=bool(settings and settings.skip_missing),
        )
        jitter = random.random()  # noqa: S311 - spreads retries
        return decide(outcome, current, retries, now=self._clock.now(), jitter=jitter, outage_id=outage_id)

    def _carry_out(self, decision: Decision, outcome: Outcome, scene: Scene | None) -> None:
        """Store what is new before the job leaves the queue, so that a kill in between loses nothing."""
        job, now = decision.job, self._clock.now()
        if outcome.verdict is Verdict.GONE and decision.action is Action.FINISH:
            # RECOVERY reads the items: what the scenes were judged by is as it was, but the items are free now.
            others = self._ledger.scenes_giving_way_to(job.scene_id)
            self._queue.add_all(new_job(other, Reason.RECOVERY, now) for other in others)
            self._ledger.forget_scene(job.scene_id)
        if decision.action is Action.BURY:
            self._dead_letters.bury(job, scene, now=now)
        if decision.action is Action.MISSING and scene:
            self._ledger.store_judgement(scene, Judgement.MISSING, now=now)
        if decision.action is Action.RETRY:
            self._ledger.withdraw_judgement(job.scene_id)
        if decision.action in (Action.RETRY, Action.KEEP, Action.COVER_NEXT):
            self._queue.put_back(job)
        else:
            self._queue.finish(job.scene_id)
        self._report.log_decision(decision, scene, now)
