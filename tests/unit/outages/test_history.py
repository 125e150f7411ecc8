from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outages.breaker import OpenOutage
from outages.figures import OUTAGES_KEPT, OutageFigures
from outages.history import Outage, OutageHistory, validated

NOW = 1_700_000_000.0


def open_outage(number: int, started_at: float = NOW) -> OpenOutage:
    return OpenOutage(id=number, started_at=started_at, cause="refused", probes=3, jobs_waiting=5, jobs_affected=8)


def figures_of(history: OutageHistory, ongoing: OpenOutage | None, now: float) -> OutageFigures:
    return OutageFigures(history, history.all(ongoing), now)


def history_of(count: int) -> OutageHistory:
    """`count` outages of 10 s, one every 1,000 s, observed since NOW."""
    history = OutageHistory(observed_since=NOW)
    for number in range(1, count + 1):
        started_at = NOW + number * 1000
        history = history.with_ended(open_outage(number, started_at), started_at + 10)
    return history


def test_ended_outage_is_recorded_completely() -> None:
    history = OutageHistory().with_ended(open_outage(4), NOW + 90)
    assert history.outages == (
        Outage(
            id=4,
            started_at=NOW,
            ended_at=NOW + 90,
            duration_s=90,
            cause="refused",
            probes=3,
            jobs_affected=8,
        ),
    )


def test_outage_recorded_again_after_a_crash_is_replaced_but_keeps_its_pushed_jobs() -> None:
    recorded = OutageHistory().with_ended(open_outage(4), NOW + 90).with_jobs_pushed(4, 7)
    history = recorded.with_ended(open_outage(4), NOW + 95)
    (outage,) = history.outages
    assert (outage.ended_at, outage.jobs_pushed) == (NOW + 95, 7)


def test_pushed_jobs_are_added_to_their_outage() -> None:
    history = history_of(2).with_jobs_pushed(1, 5).with_jobs_pushed(1, 2).with_jobs_pushed(77, 9)
    assert [outage.jobs_pushed for outage in history.outages] == [7, 0]


def test_thirty_outages_are_kept_and_the_sums_include_the_rest() -> None:
    history = history_of(34)
    assert [outage.id for outage in history.outages] == list(range(5, 35))
    assert (history.forgotten_count, history.forgotten_s) == (4, 40)
    figures = figures_of(history, None, NOW + 100_000)
    assert figures.count == OUTAGES_KEPT
    assert figures.availability == pytest.approx((100_000 - 340) / 100_000)
    assert figures.mtbf_s == pytest.approx((100_000 - 340) / 34)


def test_figures_of_an_empty_history_are_unknown() -> None:
    figures = figures_of(OutageHistory(), None, NOW)
    assert (figures.count, figures.total_s, figures.longest_s) == (0, 0, 0)
    assert (figures.mttr_s, figures.mtbf_s, figures.availability, figures.observed_since) == (None,) * 4


def test_without_any_outage_availability_is_full() -> None:
    figures = figures_of(OutageHistory(observed_since=NOW), None, NOW + 50)
    assert (figures.availability, figures.mtbf_s) == (1.0, None)


def test_ongoing_outage_counts_up_to_now_but_not_towards_the_mean_repair_time() -> None:
    figures = figures_of(history_of(1), open_outage(2, NOW + 2000), NOW + 2100)
    assert (figures.count, figures.total_s, figures.longest_s, figures.mttr_s) == (2, 110, 100, 10)
    assert figures.availability == pytest.approx((2100 - 110) / 2100)


def test_ongoing_outage_is_listed_last_and_without_an_end() -> None:
    listed = history_of(2).listed(open_outage(3))
    assert [outage.id for outage in listed] == [1, 2, 3]
    assert (listed[-1].ended_at, listed[-1].duration_s, listed[-1].jobs_affected) == (None, None, 8)
    assert len(history_of(30).listed(open_outage(31))) == OUTAGES_KEPT


def test_outage_recorded_before_a_crash_is_ongoing_as_long_as_the_breaker_says_so() -> None:
    history = history_of(2)
    listed = history.listed(open_outage(2, NOW + 2000))
    assert [(outage.id, outage.ended_at is None) for outage in listed] == [(1, False), (2, True)]
    assert figures_of(history, open_outage(2, NOW + 2000), NOW + 2500).total_s == 510


def test_only_the_first_worker_starts_the_observation() -> None:
    assert OutageHistory().with_observation_start(NOW).with_observation_start(NOW + 9).observed_since == NOW


def test_downtime_before_the_observation_does_not_count() -> None:
    history = OutageHistory(observed_since=NOW + 50).with_ended(open_outage(1), NOW + 60)
    assert figures_of(history, None, NOW + 70).availability == pytest.approx(0.5)


@given(
    since=st.none() | st.floats(0, 1e6),
    outages=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=40),
    ongoing=st.none() | st.floats(0, 1e6),
    now=st.floats(0, 1e6),
)
def test_figures_are_plausible_whatever_the_clock_does(
    since: float | None, outages: list[tuple[float, float]], ongoing: float | None, now: float
) -> None:
    history = OutageHistory(observed_since=since)
    for number, (started_at, ended_at) in enumerate(outages, start=1):
        history = history.with_ended(open_outage(number, started_at), ended_at)
    figures = figures_of(history, None if ongoing is None else open_outage(99, ongoing), now)
    assert figures.availability is None or 0 <= figures.availability <= 1
    assert min(figures.total_s, figures.longest_s, figures.mttr_s or 0, figures.mtbf_s or 0) >= 0
    assert validated(history) == history


def test_contradictory_fields_are_rejected() -> None:
    (outage,) = history_of(1).outages
    with pytest.raises(ValueError, match="no end"):
        validated(OutageHistory(outages=(replace(outage, ended_at=None),)))
    with pytest.raises(ValueError, match="twice"):
        validated(OutageHistory(outages=(outage, outage)))
