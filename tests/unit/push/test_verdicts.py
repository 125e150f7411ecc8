"""The table from verdict to decision."""

import pytest

from local.clock import Clock
from push.verdicts import Action, Outcome, Verdict, back_off_s, decide, rules
from store.job import Job, Reason
from store.judgement import ErrorClass

NOW = 1_700_000_000.0
RULES = rules(Clock(), max_retries=5, skip_missing=False)
HOUR_S = 3600.0


def job(reason: Reason = Reason.HOOK, **changes: object) -> Job:
    values = {"scene_id": 7, "reason": reason, "first_event_at": NOW, "last_event_at": NOW, **changes}
    return Job(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("verdict", [Verdict.PUSHED, Verdict.UNCHANGED, Verdict.SKIPPED, Verdict.GONE])
def test_what_is_done_is_settled(verdict: Verdict) -> None:
    assert decide(Outcome(verdict=verdict), job(), RULES, now=NOW, chance=0.5).action is Action.FINISH


@pytest.mark.parametrize(
    "verdict",
    [Verdict.OUTAGE, Verdict.BUSY, Verdict.AUTH, Verdict.SETUP, Verdict.STASH_AWAY, Verdict.STORAGE],
)
def test_what_is_not_the_jobs_fault_leaves_it_untouched(verdict: Verdict) -> None:
    decision = decide(Outcome(verdict=verdict, text="x"), job(attempts=4), RULES, now=NOW, chance=0.5)
    assert (decision.action, decision.job) == (Action.KEEP, job(attempts=4))


@pytest.mark.parametrize(
    ("verdict", "tries"),
    [(Verdict.OWN_FAILURE, 5), (Verdict.BUG, 3), (Verdict.AMBIGUOUS, 1), (Verdict.REJECTED, 1)],
)
def test_a_failure_of_its_own_ends_among_the_dead_letters_after_its_tries(verdict: Verdict, tries: int) -> None:
    current, actions = job(), []
    for _ in range(tries):
        decision = decide(Outcome(verdict=verdict, text="why"), current, RULES, now=NOW, chance=0.5)
        actions.append(decision.action)
        current = decision.job
    assert actions == [Action.RETRY] * (tries - 1) + [Action.BURY]
    assert (current.attempts, current.error_text, current.failed_first_at) == (tries, "why", NOW)


def test_the_error_class_of_a_failure_is_kept() -> None:
    outcome = Outcome(verdict=Verdict.OWN_FAILURE, error=ErrorClass.TIMEOUT)
    assert decide(outcome, job(), RULES, now=NOW, chance=0.5).job.error_class == "PlexTimeout"
    assert decide(Outcome(verdict=Verdict.BUG), job(), RULES, now=NOW, chance=0.5).job.error_class == "Bug"


def test_back_off_doubles_up_to_its_cap_and_is_spread_by_chance() -> None:
    assert [back_off_s(attempts, RULES, 1.0) for attempts in range(1, 8)] == [5, 10, 20, 40, 80, 80, 80]
    assert back_off_s(3, RULES, 0.25) == 5
    assert back_off_s(10_000, RULES, 1.0) == 80


def test_a_file_that_plex_lacks_is_asked_for_ever_more_rarely_for_48_hours() -> None:
    current, now, pauses = job(), NOW, []
    while True:
        decision = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), current, RULES, now=now, chance=0.5)
        if decision.action is not Action.RETRY:
            break
        pauses.append(decision.job.not_before - now)
        current, now = decision.job, decision.job.not_before
    assert pauses[:7] == [30, 60, 120, 240, 480, 960, 1800]
    assert set(pauses[6:]) == {1800}
    assert decision.action is Action.BURY
    assert 48 * HOUR_S <= now - NOW < 48.5 * HOUR_S
    assert decision.job.attempts == 0


def test_time_alone_buries_nothing_without_another_look() -> None:
    """A worker that was off for a week asks once more before it gives up."""
    first = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), RULES, now=NOW, chance=0.5)
    assert first.action is Action.RETRY


@pytest.mark.parametrize("reason", [Reason.SYNC, Reason.RECONCILE, Reason.ENTITY, Reason.CATCH_UP])
def test_bulk_work_counts_a_missing_scene_and_goes_on(reason: Reason) -> None:
    decision = decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(reason), RULES, now=NOW, chance=0.5)
    assert decision.action is Action.MISSING


def test_missing_scenes_are_dropped_quietly_where_the_user_says_so() -> None:
    quiet = rules(Clock(), max_retries=5, skip_missing=True)
    assert decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), quiet, now=NOW, chance=0.5).action is Action.MISSING


def test_the_time_scale_shortens_every_pause() -> None:
    fast = rules(Clock(scale=60), max_retries=5, skip_missing=False)
    assert back_off_s(1, fast, 1.0) == pytest.approx(5 / 60)
    assert decide(Outcome(verdict=Verdict.NOT_IN_PLEX), job(), fast, now=NOW, chance=0.5).job.not_before == NOW + 0.5


def test_a_failure_bears_the_outage_that_was_under_way_and_keeps_it() -> None:
    own = Outcome(verdict=Verdict.OWN_FAILURE)
    failed = decide(own, job(), RULES, now=NOW, chance=0.0, outage_id=3).job
    assert failed.outage_id == 3
    assert decide(own, failed, RULES, now=NOW, chance=0.0).job.outage_id == 3
    assert decide(Outcome(verdict=Verdict.OUTAGE), job(), RULES, now=NOW, chance=0.0, outage_id=3).job.outage_id == 0
