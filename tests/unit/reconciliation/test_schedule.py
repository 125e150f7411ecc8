"""Which scenes a scope covers, and when a run is due."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.clock import Clock
from reconciliation.schedule import (
    DAY_S,
    FAILED_RUN_RETRY_S,
    HOUR_S,
    delays,
    next_run_at,
    parse_scope_argument,
    scope_start,
)

NOW = 1_700_000_000.0


def next_at(
    interval: str, last: float | None, failed: float | None = None, scale: float = 1.0, now: float = NOW
) -> float | None:
    return next_run_at(interval, delays(Clock(scale=scale)), now=now, last_run_at=last, failed_at=failed)


@pytest.mark.parametrize(
    ("given_scope", "scope"),
    [(None, "24h"), ("", "24h"), ("ALL", "all"), ("7 days", None), ("7days", "7days"), ("7d", "7days"),
     ("recent", "24h"), ("1d", "24h"), ("30d", "30d"), (" 24h ", "24h"), ("0d", None), ("-1d", None), (7, None),
     ("week", None), ("99999d", None), (True, None), ([], None), (["all"], None)],
)  # fmt: skip
def test_scope_argument_is_normalized_or_refused(given_scope: object, scope: str | None) -> None:
    if scope is None:
        with pytest.raises(ValueError, match="it must be all, 24h, 7days"):
            parse_scope_argument(given_scope, "24h")
    else:
        assert parse_scope_argument(given_scope, "24h") == scope


@pytest.mark.parametrize(("scope", "days"), [("24h", 1), ("7days", 7), ("1d", 1), ("30d", 30), ("3650d", 3650)])
def test_scope_starts_the_given_number_of_days_ago(scope: str, days: int) -> None:
    assert scope_start(scope, NOW) == NOW - days * DAY_S


def test_scope_all_has_no_start() -> None:
    assert scope_start("all", NOW) is None


@pytest.mark.parametrize("word", ["never", "", "sometimes"])
def test_run_is_never_due_without_a_known_interval(word: str) -> None:
    assert next_at(word, None) is None
    assert next_at(word, NOW, NOW) is None


@pytest.mark.parametrize(("word", "hours"), [("hourly", 1), ("daily", 24), ("weekly", 168)])
def test_next_run_is_due_one_interval_after_the_last(word: str, hours: int) -> None:
    assert next_at(word, NOW) == NOW + hours * HOUR_S
    assert next_at(word, NOW, scale=60) == NOW + hours * 60


def test_first_run_is_due_immediately() -> None:
    assert next_at("weekly", None) == 0


@pytest.mark.parametrize("word", ["hourly", "daily", "weekly"])
def test_times_in_the_future_are_ignored(word: str) -> None:
    assert next_at(word, NOW + HOUR_S) == 0
    assert next_at(word, NOW + 2, NOW + HOUR_S) == next_at(word, NOW + 2)  # two seconds are a correction
    assert next_at(word, NOW + HOUR_S, NOW - 1) == NOW - 1 + FAILED_RUN_RETRY_S


@given(st.sampled_from(["hourly", "daily", "weekly"]), st.floats(0, 2 * NOW), st.floats(0, 2 * NOW))
def test_next_run_is_at_most_one_interval_away_whatever_the_clock_does(
    word: str, last: float, failed: float
) -> None:
    at, longest = next_at(word, last, failed), next_at(word, NOW)
    assert at is not None
    assert longest is not None
    assert at <= longest + 60


@given(st.sampled_from(["hourly", "daily", "weekly"]), st.none() | st.floats(0, NOW), st.floats(0, NOW))
def test_failed_run_is_retried_after_a_delay(word: str, last: float | None, failed: float) -> None:
    at, planned = next_at(word, last, failed), next_at(word, last)
    assert at is not None
    assert planned is not None
    assert at >= failed + FAILED_RUN_RETRY_S
    assert at in (planned, failed + FAILED_RUN_RETRY_S)
