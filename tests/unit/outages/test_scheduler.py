from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outages.limiter import RecoveryPeriod
from outages.scheduler import Pause, PauseReason, ProbeTimes, RecoveryScheduler, validated

NOW = 1_700_000_000.0

REAL = ProbeTimes()
FAST = ProbeTimes(scale=60)


def test_checks_come_after_5_10_20_40_and_then_every_60_seconds() -> None:
    scheduler, delays = RecoveryScheduler(), []
    for _ in range(7):
        scheduler = scheduler.back_off(NOW, REAL)
        delays.append((scheduler.next_check_at or 0) - NOW)
    assert delays == [5, 10, 20, 40, 60, 60, 60]


def test_intervals_are_scaled_and_stored_times_are_real() -> None:
    assert RecoveryScheduler().back_off(NOW, FAST).next_check_at == pytest.approx(NOW + 5 / 60)


def test_consecutive_results_are_counted() -> None:
    scheduler = RecoveryScheduler().with_check(NOW, passed=False).with_check(NOW, passed=False)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (2, 0)
    scheduler = scheduler.with_check(NOW, passed=None)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (2, 0)
    scheduler = scheduler.with_check(NOW + 1, passed=True)
    assert (scheduler.consecutive_failures, scheduler.consecutive_successes) == (0, 1)
    assert scheduler.last_check_at == NOW + 1


def test_back_off_starts_over_unless_the_drain_stops_soon_after_a_check() -> None:
    backed_off = replace(RecoveryScheduler(), step=3, last_check_at=NOW)
    assert backed_off.drain_stopped(NOW + 1, REAL).next_check_at == NOW + 1 + 40
    assert backed_off.drain_stopped(NOW + 121, REAL).next_check_at == NOW + 121 + 5


def test_check_is_due_at_its_time_or_if_none_is_scheduled() -> None:
    scheduler = RecoveryScheduler().check_at(NOW + 5)
    assert not scheduler.is_check_due(NOW + 4.9, REAL)
    assert scheduler.is_check_due(NOW + 5, REAL)
    assert RecoveryScheduler().is_check_due(NOW, REAL)


def test_clock_set_back_does_not_postpone_checks_forever() -> None:
    assert RecoveryScheduler().check_at(NOW + 86_400).is_check_due(NOW, REAL)


@pytest.mark.parametrize(
    ("retry_after_s", "wait_s"),
    [(None, 30), (120, 120), (0, 1), (-5, 1), (86_400, 600), (float("nan"), 30), (float("inf"), 30)],
)
def test_retry_after_is_honoured_within_bounds(retry_after_s: float | None, wait_s: float) -> None:
    scheduler = RecoveryScheduler().paused_while_busy(retry_after_s, "busy", NOW, REAL)
    pause = scheduler.pause_at(NOW)
    assert pause is not None
    assert pause.until == NOW + wait_s
    assert scheduler.pause_at(NOW + wait_s) is None


def test_longest_retry_after_survives_rounding() -> None:
    assert RecoveryScheduler().paused_while_busy(600, "busy", NOW + 0.1, FAST).pause_at(NOW + 0.1)


def test_clock_set_back_does_not_keep_plex_busy_forever() -> None:
    scheduler = RecoveryScheduler().paused_while_busy(30, "busy", NOW + 86_400, REAL)
    assert scheduler.pause_at(NOW) is None


def test_setup_and_auth_pauses_replace_each_other_but_no_other_pause() -> None:
    scheduler = RecoveryScheduler().paused(PauseReason.STORAGE, "disk full", NOW)
    scheduler = scheduler.paused_while_busy(30, "busy", NOW, REAL)
    scheduler = scheduler.paused(PauseReason.AUTH, "token", NOW).paused(PauseReason.SETUP, "library", NOW)
    assert [pause.reason.value for pause in scheduler.pauses] == ["storage", "setup", "busy"]
    assert scheduler.needs_probe
    assert not scheduler.resumed(PauseReason.STORAGE, PauseReason.SETUP).needs_probe


def test_repeated_pause_keeps_its_start() -> None:
    scheduler = RecoveryScheduler().paused(PauseReason.AUTH, "401", NOW).paused(PauseReason.AUTH, "403", NOW + 9)
    assert scheduler.pauses == (Pause(reason=PauseReason.AUTH, since=NOW, message="403"),)


def test_recovery_is_counted_once_per_outage() -> None:
    scheduler = RecoveryScheduler().recovered(4, NOW).recovered(4, NOW + 3)
    assert (scheduler.recovery_count, scheduler.last_recovery_at) == (1, NOW + 3)
    assert scheduler.period == RecoveryPeriod(outage_id=4, started_at=NOW + 3)
    assert scheduler.recovered(5, NOW + 9).recovery_count == 2


@given(st.lists(st.sampled_from(PauseReason), max_size=10))
def test_there_is_one_pause_per_reason_in_a_fixed_order(reasons: list[PauseReason]) -> None:
    scheduler = RecoveryScheduler()
    for reason in reasons:
        if reason is PauseReason.BUSY:
            scheduler = scheduler.paused_while_busy(None, "busy", NOW, REAL)
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
def test_contradictory_fields_are_rejected(scheduler: RecoveryScheduler) -> None:
    with pytest.raises(ValueError, match=r"below zero|an end|rate_scale"):
        validated(scheduler)


@pytest.mark.parametrize(("back_s", "is_due"), [(0.0, False), (1.0, False), (20.0, True), (3600.0, True)])
def test_a_check_is_never_further_ahead_than_its_delay(back_s: float, *, is_due: bool) -> None:
    """60 s is the longest delay, even though a busy Plex may ask for ten minutes."""
    scheduler = replace(RecoveryScheduler(), step=9).back_off(NOW, REAL)
    assert scheduler.is_check_due(NOW - back_s, REAL) is is_due


@pytest.mark.parametrize(("back_s", "is_due"), [(0.0, False), (20.0, False), (90.0, True)])
def test_a_check_at_the_end_of_a_busy_pause_is_believed_as_long_as_the_pause(back_s: float, *, is_due: bool) -> None:
    scheduler = RecoveryScheduler().paused_while_busy(300, "busy", NOW, REAL).check_at(NOW + 300)
    assert scheduler.is_check_due(NOW - back_s, REAL) is is_due
    assert (scheduler.pause_at(NOW - back_s) is None) is is_due
