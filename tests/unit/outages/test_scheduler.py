from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outages.limiter import RecoveryPeriod
from outages.scheduler import Pause, PauseReason, ProbeTimes, RecoveryScheduler, validated

NOW = 1_700_000_000.0

real = ProbeTimes()
sixtieth = ProbeTimes(scale=60)


def test_checks_come_after_5_10_20_40_and_then_every_60_seconds() -> None:
    scheduler, delays = RecoveryScheduler(), []
    for _ in range(7):
        scheduler = scheduler.check_later(NOW, real)
        delays.append((scheduler.next_check_at or 0) - NOW)
    assert delays == [5, 10, 20, 40, 60, 60, 60]


def test_intervals_are_scaled_and_stored_times_are_real() -> None:
    assert RecoveryScheduler().check_later(NOW, sixtieth).next_check_at == pytest.approx(NOW + 5 / 60)


def test_results_in_a_row_are_counted() -> None:
    scheduler = RecoveryScheduler().checked(NOW, passed=False).checked(NOW, passed=False)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (2, 0)
    scheduler = scheduler.checked(NOW, passed=None)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (2, 0)
    scheduler = scheduler.checked(NOW + 1, passed=True)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (0, 1)
    assert scheduler.last_check_at == NOW + 1


def test_new_stop_starts_over_unless_it_follows_a_check_closely() -> None:
    tired = replace(RecoveryScheduler(), step=3, last_check_at=NOW)
    assert tired.stopped(NOW + 1, real).next_check_at == NOW + 1 + 40
    assert tired.stopped(NOW + 121, real).next_check_at == NOW + 121 + 5


def test_check_is_due_at_its_time_and_when_none_is_planned() -> None:
    scheduler = RecoveryScheduler().check_at(NOW + 5)
    assert not scheduler.is_check_due(NOW + 4.9, real)
    assert scheduler.is_check_due(NOW + 5, real)
    assert RecoveryScheduler().is_check_due(NOW, real)


def test_clock_set_back_does_not_put_checks_off_for_ever() -> None:
    assert RecoveryScheduler().check_at(NOW + 86_400).is_check_due(NOW, real)


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, 30), (120, 120), (0, 1), (-5, 1), (86_400, 600), (float("nan"), 30), (float("inf"), 30)],
)
def test_retry_after_is_honoured_within_bounds(retry_after_s: float | None, wait_s: float) -> None:
    scheduler = RecoveryScheduler().told_to_wait(retry_after_s, "busy", NOW, real)
    pause = scheduler.pause_at(NOW, real)
    assert pause is not None
    assert pause.until == NOW + wait_s
    assert scheduler.pause_at(NOW + wait_s, real) is None


def test_longest_retry_after_survives_rounding() -> None:
    assert RecoveryScheduler().told_to_wait(600, "busy", NOW + 0.1, sixtieth).pause_at(NOW + 0.1, sixtieth)


def test_clock_set_back_does_not_keep_plex_busy_for_ever() -> None:
    scheduler = RecoveryScheduler().told_to_wait(30, "busy", NOW + 86_400, real)
    assert scheduler.pause_at(NOW, real) is None


def test_set_up_and_token_replace_each_other_and_leave_the_rest() -> None:
    scheduler = RecoveryScheduler().paused(PauseReason.STORAGE, "disk full", NOW)
    scheduler = scheduler.told_to_wait(30, "busy", NOW, real)
    scheduler = scheduler.paused(PauseReason.AUTH, "token", NOW).paused(PauseReason.SETUP, "library", NOW)
    assert [pause.reason.value for pause in scheduler.pauses] == ["storage", "setup", "busy"]
    assert scheduler.is_checking
    assert not scheduler.resumed(PauseReason.STORAGE, PauseReason.SETUP).is_checking


def test_pause_repeated_keeps_when_it_began() -> None:
    scheduler = RecoveryScheduler().paused(PauseReason.AUTH, "401", NOW).paused(PauseReason.AUTH, "403", NOW + 9)
    assert scheduler.pauses == (Pause(reason=PauseReason.AUTH, since=NOW, message="403"),)


def test_recovery_is_counted_once_for_each_outage() -> None:
    scheduler = RecoveryScheduler().recovered(4, NOW).recovered(4, NOW + 3)
    assert (scheduler.recovery_count, scheduler.last_recovery_at) == (1, NOW + 3)
    assert scheduler.period == RecoveryPeriod(outage_id=4, started_at=NOW + 3)
    assert scheduler.recovered(5, NOW + 9).recovery_count == 2


@given(st.lists(st.sampled_from(PauseReason), max_size=10))
def test_pauses_are_one_of_a_kind_and_in_order(reasons: list[PauseReason]) -> None:
    scheduler = RecoveryScheduler()
    for reason in reasons:
        if reason is PauseReason.BUSY:
            scheduler = scheduler.told_to_wait(None, "busy", NOW, real)
        else:
            scheduler = scheduler.paused(reason, "why", NOW)
    order = [list(PauseReason).index(pause.reason) for pause in scheduler.pauses]
    assert order == sorted(set(order))
    assert validated(scheduler) == scheduler


@pytest.mark.parametrize(
    "scheduler",
    [
        RecoveryScheduler(step=-1),
        RecoveryScheduler(recovery_count=-1),
        RecoveryScheduler(pauses=(Pause(reason=PauseReason.BUSY, since=NOW, message=""),)),
        RecoveryScheduler(pauses=(Pause(reason=PauseReason.AUTH, since=NOW, message="", until=NOW),)),
        RecoveryScheduler(period=RecoveryPeriod(outage_id=1, started_at=NOW, rate_scale=7)),
    ],
)
def test_contradictions_in_the_file_are_refused(scheduler: RecoveryScheduler) -> None:
    with pytest.raises(ValueError, match=r"below zero|an end|rate_scale"):
        validated(scheduler)
