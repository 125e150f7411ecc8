from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outages.breaker import OpenOutage
from outages.history import OUTAGES_KEPT, Outage, OutageHistory, validated

NOW = 1_700_000_000.0


def open_outage(number: int, started_at: float = NOW) -> OpenOutage:
    return OpenOutage(id=number, started_at=started_at, cause="refused", probes=3, jobs_waiting=5, jobs_affected=8)


def with_ended(count: int) -> OutageHistory:
    """One outage of 10 s every 1,000 s, watched since NOW."""
    history = OutageHistory(observed_since=NOW)
    for number in range(1, count + 1):
        started_at = NOW + number * 1000
        history = history.closed(open_outage(number, started_at), started_at + 10)
    return history


def test_closed_outage_is_written_down_whole() -> None:
    history = OutageHistory().closed(open_outage(4), NOW + 90)
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


def test_closing_again_after_a_crash_replaces_and_keeps_what_was_pushed() -> None:
    history = OutageHistory().closed(open_outage(4), NOW + 90).pushed(4, 7).closed(open_outage(4), NOW + 95)
    (outage,) = history.outages
    assert (outage.ended_at, outage.jobs_pushed) == (NOW + 95, 7)


def test_pushed_jobs_are_added_to_their_outage() -> None:
    history = with_ended(2).pushed(1, 5).pushed(1, 2).pushed(77, 9)
    assert [outage.jobs_pushed for outage in history.outages] == [7, 0]


def test_thirty_are_kept_and_the_sums_remember_the_rest() -> None:
    history = with_ended(34)
    assert [outage.id for outage in history.outages] == list(range(5, 35))
    assert (history.forgotten_count, history.forgotten_s) == (4, 40)
    figures = history.figures(None, NOW + 100_000)
    assert figures.count == OUTAGES_KEPT
    assert figures.availability == pytest.approx((100_000 - 340) / 100_000)
    assert figures.mtbf_s == pytest.approx((100_000 - 340) / 34)


def test_figures_of_an_empty_history_are_unknown() -> None:
    figures = OutageHistory().figures(None, NOW)
    assert (figures.count, figures.total_s, figures.longest_s) == (0, 0, 0)
    assert (figures.mttr_s, figures.mtbf_s, figures.availability, figures.observed_since) == (None,) * 4


def test_no_outage_so_far_is_full_availability() -> None:
    figures = OutageHistory(observed_since=NOW).figures(None, NOW + 50)
    assert (figures.availability, figures.mtbf_s) == (1.0, None)


def test_outage_under_way_counts_up_to_now_but_not_for_the_mean_repair_time() -> None:
    figures = with_ended(1).figures(open_outage(2, NOW + 2000), NOW + 2100)
    assert (figures.count, figures.total_s, figures.longest_s, figures.mttr_s) == (2, 110, 100, 10)
    assert figures.availability == pytest.approx((2100 - 110) / 2100)


def test_outage_under_way_is_listed_last_and_without_an_end() -> None:
    listed = with_ended(2).listed(open_outage(3))
    assert [outage.id for outage in listed] == [1, 2, 3]
    assert (listed[-1].ended_at, listed[-1].duration_s, listed[-1].jobs_affected) == (None, None, 8)
    assert len(with_ended(30).listed(open_outage(31))) == OUTAGES_KEPT


def test_outage_written_down_before_a_crash_is_still_under_way_while_the_breaker_says_so() -> None:
    history = with_ended(2)
    listed = history.listed(open_outage(2, NOW + 2000))
    assert [(outage.id, outage.ended_at is None) for outage in listed] == [(1, False), (2, True)]
    assert history.figures(open_outage(2, NOW + 2000), NOW + 2500).total_s == 510


def test_first_worker_begins_the_observation_and_no_later_one() -> None:
    assert OutageHistory().observed(NOW).observed(NOW + 9).observed_since == NOW


def test_downtime_before_the_observation_is_no_loss_of_it() -> None:
    history = OutageHistory(observed_since=NOW + 50).closed(open_outage(1), NOW + 60)
    assert history.figures(None, NOW + 70).availability == pytest.approx(0.5)


@given(
    since=st.none() | st.floats(0, 1e6),
    outages=st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), max_size=40),
    under_way=st.none() | st.floats(0, 1e6),
    now=st.floats(0, 1e6),
)
def test_figures_are_sane_whatever_the_clock_did(
    since: float | None, outages: list[tuple[float, float]], under_way: float | None, now: float
) -> None:
    history = OutageHistory(observed_since=since)
    for number, (started_at, ended_at) in enumerate(outages, start=1):
        history = history.closed(open_outage(number, started_at), ended_at)
    figures = history.figures(None if under_way is None else open_outage(99, under_way), now)
    assert figures.availability is None or 0 <= figures.availability <= 1
    assert min(figures.total_s, figures.longest_s, figures.mttr_s or 0, figures.mtbf_s or 0) >= 0
    assert validated(history) == history


def test_contradictions_in_the_file_are_refused() -> None:
    (outage,) = with_ended(1).outages
    with pytest.raises(ValueError, match="no end"):
        validated(OutageHistory(outages=(replace(outage, ended_at=None),)))
    with pytest.raises(ValueError, match="twice"):
        validated(OutageHistory(outages=(outage, outage)))
