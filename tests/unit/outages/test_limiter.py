from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outages.limiter import Pace, RecoveryPeriod, RecoveryRateLimiter, validated

NOW = 1_700_000_000.0
PACE = Pace(rate_per_s=5.0, period_s=300.0)
PERIOD = RecoveryPeriod(outage_id=1, started_at=NOW)


def with_results(period: RecoveryPeriod, results: list[bool], now: float = NOW + 1) -> RecoveryPeriod:
    for good in results:
        period = period.with_result(good=good, now=now, pace=PACE)
    return period


@pytest.mark.parametrize(
    ("after_s", "rate"),
    [(-1, 5), (0, 5), (99.9, 5), (100, 10), (199.9, 10), (200, 20), (299.9, 20), (300, None), (9999, None)],
)
def test_rate_grows_with_each_third_of_the_period(after_s: float, rate: float | None) -> None:
    assert PERIOD.rate_at(NOW + after_s, PACE) == rate


def test_clock_set_back_by_more_than_the_period_ends_it() -> None:
    assert PERIOD.rate_at(NOW - 299, PACE) == 5
    assert PERIOD.rate_at(NOW - 301, PACE) is None


def test_end_of_the_period_follows_the_settings() -> None:
    assert PERIOD.ends_at(PACE) == NOW + 300


def test_more_than_a_fifth_of_failures_halves_the_rate() -> None:
    period = with_results(PERIOD, [False, True, True, False, False, True, False])
    assert period.rate_at(NOW + 1, PACE) == 5
    period = with_results(period, [False])
    assert period.rate_at(NOW + 1, PACE) == 2.5
    assert period.recent == ()


def test_old_failures_drop_out_of_the_window() -> None:
    assert with_results(PERIOD, [False] * 4 + [True] * 20 + [False] * 4).rate_scale == 1.0


def test_a_fifth_of_failures_does_not_halve_the_rate() -> None:
    assert with_results(PERIOD, [False, True, True, True, True] * 20).rate_scale == 1.0


def test_twenty_successes_double_a_halved_rate_up_to_the_original() -> None:
    halved = with_results(PERIOD, [False] * 5)
    assert with_results(halved, [True] * 19).rate_scale == 0.5
    assert with_results(halved, [True] * 20).rate_scale == 1.0
    assert with_results(halved, [True] * 60).rate_scale == 1.0


def test_failure_among_successes_delays_doubling() -> None:
    halved = with_results(PERIOD, [False] * 5)
    assert with_results(halved, [True] * 19 + [False] + [True] * 19).rate_scale == 0.5


def test_halving_stops_at_half_a_job_a_second() -> None:
    period = with_results(PERIOD, [False] * 500)
    assert period.rate_at(NOW + 1, PACE) == 0.5
    assert with_results(period, [True] * 20).rate_at(NOW + 1, PACE) == 1.0


def test_configured_rate_below_the_minimum_is_its_own_minimum() -> None:
    slow = Pace(rate_per_s=0.2, period_s=300)
    assert replace(PERIOD, rate_scale=0.01).rate_at(NOW, slow) == 0.2


def test_results_after_the_period_are_ignored() -> None:
    assert with_results(PERIOD, [False] * 50, now=NOW + 301) == PERIOD


def test_new_bucket_is_empty() -> None:
    limiter = RecoveryRateLimiter(filled_at=NOW)
    limiter, wait_s = limiter.take(NOW, 5.0)
    assert wait_s == pytest.approx(0.2)
    assert limiter.take(NOW + wait_s, 5.0)[1] == 0


def test_idle_time_saves_only_one_token() -> None:
    limiter, wait_s = RecoveryRateLimiter(filled_at=NOW).take(NOW + 1000, 5.0)
    assert wait_s == 0
    assert limiter.take(NOW + 1000, 5.0)[1] == pytest.approx(0.2)


def test_without_a_limit_there_is_no_wait_and_no_token_is_saved() -> None:
    limiter, wait_s = RecoveryRateLimiter(filled_at=NOW).take(NOW, None)
    assert wait_s == 0
    assert limiter.take(NOW, 5.0)[1] == pytest.approx(0.2)


def test_step_up_does_not_apply_to_the_time_before_it() -> None:
    limiter, _ = RecoveryRateLimiter(filled_at=NOW).take(NOW, 5.0)
    assert limiter.take(NOW + 0.1, 10.0)[1] == pytest.approx(0.05)


def test_clock_set_back_neither_fills_nor_blocks_the_bucket() -> None:
    limiter, wait_s = RecoveryRateLimiter(filled_at=NOW).take(NOW - 10_000, 5.0)
    assert wait_s == pytest.approx(0.2)
    assert limiter.take(NOW - 10_000 + 0.2, 5.0)[1] == 0


@given(
    rate=st.floats(0.2, 50),
    scale=st.floats(0.01, 1),
    pauses_s=st.lists(st.floats(0, 20), min_size=1, max_size=300),
)
def test_no_window_has_more_jobs_than_the_rate_allows(rate: float, scale: float, pauses_s: list[float]) -> None:
    """A window allows one token plus what the fastest rate within it fills."""
    pace, period = Pace(rate_per_s=rate, period_s=300), replace(PERIOD, rate_scale=scale)
    limiter, now, taken = RecoveryRateLimiter(filled_at=NOW), NOW, []
    for pause_s in pauses_s:
        now += pause_s
        limiter, wait_s = limiter.take(now, period.rate_at(now, pace))
        if wait_s == 0 and period.rate_at(now, pace) is not None:
            taken.append(now)
    for first, begin in enumerate(taken):
        for last in range(first, len(taken)):
            end = taken[last]
            fastest = period.rate_at(end, pace)
            assert fastest is not None
            assert last - first + 1 <= 1 + fastest * (end - begin) + 1e-3


@given(rate=st.floats(0.2, 50), rounds=st.integers(1, 200))
def test_waiting_for_the_returned_time_is_enough(rate: float, rounds: int) -> None:
    limiter, now = RecoveryRateLimiter(filled_at=NOW), NOW
    for _ in range(rounds):
        limiter, wait_s = limiter.take(now, rate)
        if wait_s > 0:
            now += wait_s
            limiter, again_s = limiter.take(now, rate)
            assert again_s == 0


@given(
    rate=st.floats(0.1, 100),
    results=st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=200),
)
def test_rate_stays_within_its_bounds(rate: float, results: list[tuple[bool, float]]) -> None:
    pace, period, now = Pace(rate_per_s=rate, period_s=300), PERIOD, NOW
    for good, pause_s in results:
        now += pause_s
        period = period.with_result(good=good, now=now, pace=pace)
        assert validated(period) == period
        present = period.rate_at(now, pace)
        assert present is None or min(0.5, rate) <= present <= 4 * rate


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5])
def test_scale_out_of_bounds_is_rejected(scale: float) -> None:
    with pytest.raises(ValueError, match="rate_scale"):
        validated(replace(PERIOD, rate_scale=scale))
