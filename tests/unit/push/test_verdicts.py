"""The table from verdict to decision."""

import pytest

from local.clock import Clock
from push.verdicts import Action, Outcome, Verdict, back_off_s, decide, retry_rules
from store.job import Job, Reason
from store.judgement import ErrorClass

NOW = 1_700_000_000.0
RULES = retry_rules(Clock(), max_retries=5, skip_missing=False)
HOUR_S = 3600.0


def job(reason: Reason = Reason.HOOK, **changes: object) -> Job:
    values = {"scene_id": 7, "reason": reason, "first_event_at": NOW, "last_event_at": NOW, **changes}
    return Job(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [Verdict.PUSHED, Verdict.UNCHANGED, Verdict.SKIPPED, Verdict.GONE])
def test_a_finished_try_removes_the_job(verdict: Verdict) -> None:
    assert decide(Outcome(verdict=verdict), job(), RULES, now=NOW, jitter=0.5).action is Action.FINISH


@pytest.mark.parametrize(
    "verdict",
    [Verdict.OUTAGE, Verdict.BUSY, Verdict.AUTH, Verdict.SETUP, Verdict.STASH_AWAY, Verdict.STORAGE],
)
def test_a_failure_that_concerns_all_jobs_leaves_the_job_unchanged(verdict: Verdict) -> None:
    decision = decide(Outcome(verdict=verdict, text="x"), job(attempts=4), RULES, now=NOW, jitter=0.5)
    assert (decision.action, decision.job) == (Action.KEEP, job(attempts=4))


@pytest.mark.parametrize(
    ("verdict", "tries"),
    [(Verdict.OWN_FAILURE, 5), (Verdict.BUG, 3), (Verdict.AMBIGUOUS, 1), (Verdict.REJECTED, 1)],
)
def test_a_job_that_keeps_failing_is_a_dead_letter_after_its_last_try(verdict: Verdict, tries: int) -> None:
    current, actions = job(), []
    for _ in range(tries):
        decision = decide(Outcome(verdict=verdict, text="why"), current, RULES, now=NOW, jitter=0.5)
        actions.append(decision.action)
        current = decision.job
    assert actions == [Action.RETRY] * (tries - 1) + [Action.BURY]
    assert (current.attempts, current.error_text, current.failed_first_at) == (tries, "why", NOW)


def test_a_failed_job_keeps_its_error_class() -> None:
    outcome = Outcome(verdict=Verdict.OWN_FAILURE, error=ErrorClass.TIMEOUT)
    assert decide(outcome, job(), RULES, now=NOW, jitter=0.5).job.error_class == "PlexTimeout"
    assert decide(Outcome(verdict=Verdict.BUG), job(), RULES, now=NOW, jitter=0.5).job.error_class == "Bug"


def test_back_off_doubles_up_to_its_cap_and_is_spread_by_jitter() -> None:
    assert [back_off_s(attempts, RULES, 1.0) for attempts in range(1, 8)] == [5, 10, 20, 40, 80, 80, 80]
    assert back_off_s(3, RULES, 0.25) == 5
    assert back_off_s(10_000, RULES, 1.0) == 80


def test_a_file_missing_in_plex_is_retried_at_growing_intervals_for_48_hours() -> None:
    current, now, pauses = job(), NOW, []
    while True:
        decision = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), current, RULES, now=now, jitter=0.5)
        if decision.action is not Action.RETRY:
            break
        pauses.append(decision.job.not_before - now)
        current, now = decision.job, decision.job.not_before
    assert pauses[:7] == [30, 60, 120, 240, 480, 960, 1800]
    assert set(pauses[6:]) == {1800}
    assert decision.action is Action.BURY
    assert 48 * HOUR_S <= now - NOW < 48.5 * HOUR_S
    assert decision.job.attempts == 0


def test_a_job_is_not_buried_before_another_look() -> None:
    """A worker that was off for a week asks once more before it gives up."""
    first = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), RULES, now=NOW, jitter=0.5)
    assert first.action is Action.RETRY


@pytest.mark.parametrize("reason", [Reason.SYNC, Reason.RECONCILE, Reason.ENTITY, Reason.CATCH_UP])
def test_bulk_jobs_do_not_wait_for_missing_scenes(reason: Reason) -> None:
    decision = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(reason), RULES, now=NOW, jitter=0.5)
    assert decision.action is Action.MISSING


def test_skip_missing_finishes_jobs_whose_file_plex_lacks() -> None:
    quiet = retry_rules(Clock(), max_retries=5, skip_missing=True)
    assert decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), quiet, now=NOW, jitter=0.5).action is Action.MISSING


def test_the_time_scale_shortens_every_wait() -> None:
    fast = retry_rules(Clock(scale=60), max_retries=5, skip_missing=False)
    assert back_off_s(1, fast, 1.0) == pytest.approx(5 / 60)
    assert decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), fast, now=NOW, jitter=0.5).job.not_before == NOW + 0.5


def test_a_failed_job_keeps_the_outage_during_which_it_failed() -> None:
    own = Outcome(verdict=Verdict.OWN_FAILURE)
    failed = decide(own, job(), RULES, now=NOW, jitter=0.0, outage_id=3).job
    assert failed.outage_id == 3
    assert decide(own, failed, RULES, now=NOW, jitter=0.0).job.outage_id == 3
    assert decide(Outcome(verdict=Verdict.OUTAGE), job(), RULES, now=NOW, jitter=0.0, outage_id=3).job.outage_id == 0
