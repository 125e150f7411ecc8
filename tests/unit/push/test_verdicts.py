"""The table from verdict to decision."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

import plex.errors
import stash.errors
from local.clock import Clock
from outages.scheduler import PauseReason
from push.advice import advice_for
from push.verdicts import (
    ROWS,
    Action,
    Decision,
    JobEnd,
    Outcome,
    StopReason,
    Verdict,
    back_off_s,
    decide,
    retry_rules,
)
from stash.errors import StashError
from store.job import Job, Reason
from store.judgement import ErrorClass
from store.reader import LONGEST_WAIT_S

REFERENCE = Path(__file__).parents[3] / "docs" / "reference.md"
NOW = 1_700_000_000.0
RULES = retry_rules(Clock(), max_retries=5, skip_missing=False)
HOUR_S = 3600.0


def job(reason: Reason = Reason.HOOK, **changes: object) -> Job:
    values = {"scene_id": 7, "reason": reason, "first_event_at": NOW, "last_event_at": NOW, **changes}
    return Job(**values)  # type: ignore[arg-type]


def test_every_verdict_has_a_row() -> None:
    assert set(ROWS) == set(Verdict)
    assert all(verdict.row is ROWS[verdict] for verdict in Verdict)


def test_a_verdict_has_an_error_class_exactly_if_it_can_make_a_dead_letter() -> None:
    can_fail = {verdict for verdict, row in ROWS.items() if row.job in (JobEnd.RETRY, JobEnd.AWAIT_SCAN)}
    assert can_fail == {verdict for verdict, row in ROWS.items() if row.error}


def test_only_verdicts_that_leave_the_job_unchanged_stop_the_drain() -> None:
    assert {row.stops for row in ROWS.values() if row.job is JobEnd.KEEP} == set(StopReason)
    assert not [verdict for verdict, row in ROWS.items() if row.stops and row.job is not JobEnd.KEEP]


def test_a_job_that_was_left_off_goes_behind_those_that_came_meanwhile_and_pays_no_attempt() -> None:
    decision = decide(Outcome(verdict=Verdict.LEFT_OFF), job(), RULES, now=NOW, jitter=0.5)
    assert decision.action is Action.KEEP
    assert decision.job == replace(job(), not_before=NOW)


def test_every_error_class_has_advice_of_its_own() -> None:
    assert len({advice_for(each.value) for each in ErrorClass}) == len(ErrorClass)


def test_an_error_class_of_another_version_gets_the_advice_for_bugs() -> None:
    assert advice_for("PlexOnFire") == advice_for("Bug")


@pytest.mark.parametrize("error_class", [each for each in ErrorClass if each is not ErrorClass.BUG])
def test_every_error_class_but_bug_is_an_error_of_plex_or_stash(error_class: ErrorClass) -> None:
    name = error_class.value
    of_plex = getattr(plex.errors, name, None)
    assert issubclass(of_plex or getattr(stash.errors, name), plex.errors.PlexError if of_plex else StashError)


def test_a_job_whose_fields_are_done_goes_on_with_its_cover_and_a_clean_record() -> None:
    tried = job(attempts=2, error_class="NotInPlex", missing_since=NOW, not_before=NOW, fails_alone=True)
    done = Outcome(verdict=Verdict.PUSHED, is_cover_left=True)
    expected = Decision(action=Action.COVER_NEXT, job=job(is_cover_left=True))
    assert decide(done, tried, RULES, now=NOW, jitter=0.5) == expected


def test_a_cover_that_fails_is_retried_without_the_fields() -> None:
    failed = Outcome(verdict=Verdict.COVER, is_cover_left=True)
    first = decide(failed, job(attempts=2), RULES, now=NOW, jitter=0.5)
    assert (first.action, first.job.attempts, first.job.is_cover_left) == (Action.RETRY, 1, True)
    again = decide(failed, first.job, RULES, now=NOW, jitter=0.5)
    assert (again.job.attempts, again.job.merged_with(job()).is_cover_left) == (2, False)


def test_every_stop_of_the_drain_has_a_documented_name() -> None:
    lines = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if "stopped_by" in line]
    documented = set(re.findall(r"`(\w+)`", "\n".join(lines)))
    assert {stop.value for stop in StopReason} <= documented


def test_every_pause_is_a_stop_of_the_drain() -> None:
    assert {reason.value for reason in PauseReason} <= {stop.value for stop in StopReason}


@pytest.mark.parametrize("verdict", [Verdict.PUSHED, Verdict.UNCHANGED, Verdict.SKIPPED, Verdict.GONE])
def test_a_finished_attempt_removes_the_job(verdict: Verdict) -> None:
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
    [
        (Verdict.OWN_FAILURE, 5),
        (Verdict.BUG, 3),
        (Verdict.AMBIGUOUS, 1),
        (Verdict.REJECTED, 1),
        (Verdict.SCENE_TOO_LARGE, 1),
    ],
)
def test_a_job_that_keeps_failing_is_a_dead_letter_after_its_last_attempt(verdict: Verdict, tries: int) -> None:
    current, actions = job(), []
    for _ in range(tries):
        decision = decide(Outcome(verdict=verdict, text="why"), current, RULES, now=NOW, jitter=0.5)
        actions.append(decision.action)
        current = decision.job
    assert actions == [Action.RETRY] * (tries - 1) + [Action.BURY]
    assert (current.attempts, current.error_text, current.failed_first_at) == (tries, "why", NOW)


def test_a_cover_that_waits_for_others_is_not_charged() -> None:
    outcome = Outcome(verdict=Verdict.COVER_WAITS, error=ErrorClass.SERVER_ERROR, retry_after_s=60.0)
    decision = decide(outcome, job(), RULES, now=NOW, jitter=0.5)
    assert (decision.action, decision.job.attempts, decision.job.not_before) == (Action.RETRY, 0, NOW + 60)
    assert decision.job.awaits_covers
    assert not decide(Outcome(verdict=Verdict.COVER), decision.job, RULES, now=NOW, jitter=0.5).job.awaits_covers
    assert not decision.job.merged_with(job()).awaits_covers


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


def misses(*gaps_s: float, first: Job | None = None) -> Decision:
    """The last decision of tries that found no file, the first at NOW and each so long after the one before."""
    decision, now = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), first or job(), RULES, now=NOW, jitter=0.5), NOW
    for gap_s in gaps_s:
        now += gap_s
        decision = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), decision.job, RULES, now=now, jitter=0.5)
    return decision


@pytest.mark.parametrize("jump_s", [-HOUR_S, -365 * 24 * HOUR_S, -31.0])
def test_a_clock_set_back_makes_no_wait_shorter_than_the_first(jump_s: float) -> None:
    decision = misses(30, jump_s, 30)
    assert decision.action is Action.RETRY
    assert decision.job.not_before == NOW + 30 + jump_s + 30 + 90


@pytest.mark.parametrize("jump_s", [49 * HOUR_S, 365 * 24 * HOUR_S])
def test_a_clock_set_forward_gives_up_no_job(jump_s: float) -> None:
    """As on a small machine that starts with the time of its last end and is corrected by the network."""
    decision = misses(30, jump_s, 1800)
    assert decision.action is Action.RETRY
    assert decision.job.missing_s == 30 + 1800 + 1800


def test_a_failure_of_another_kind_in_between_counts_as_time_to_scan() -> None:
    missing = misses(30).job
    failed = decide(Outcome(verdict=Verdict.OWN_FAILURE), missing, RULES, now=NOW + 90, jitter=0.5).job
    assert misses(first=replace(failed, failed_at=NOW - 10)).job.missing_s == 30 + 60 + 10


def test_a_job_of_a_version_that_did_not_count_is_judged_by_when_it_was_first_missing() -> None:
    old = replace(job(), missing_since=NOW - 47 * HOUR_S)
    assert misses(first=old).action is Action.RETRY
    assert misses(1800, 1800, first=old).action is Action.BURY
    assert misses(first=replace(old, missing_since=NOW - 49 * HOUR_S)).action is Action.BURY
    assert misses(first=replace(old, missing_since=NOW + HOUR_S)).job.missing_s == 0


def test_no_wait_is_longer_than_the_queue_believes() -> None:
    assert RULES.missing_cap_s <= LONGEST_WAIT_S
    assert RULES.back_off_cap_s <= LONGEST_WAIT_S


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
