"""Which scenes changed since they were last judged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash.times import SAME_SECOND_S, epoch_of, text_before
from store.judgement import LastJudgement
from worker.catch_up import is_unjudged

INSTALLED = 1_700_000_000.0
EDIT = INSTALLED + 1000


def text_of(at: float, hours: float = 0) -> str:
    zone = timezone(timedelta(hours=hours))
    return datetime.fromtimestamp(at, zone).isoformat().replace("+00:00", "Z")


def is_due(text: str, judged: LastJudgement | None, now: float = EDIT + 5000) -> bool:
    return is_unjudged(text, judged, installed_at=INSTALLED, now=now)


@given(st.integers(0, 4_000_000_000), st.integers(-48, 56))
def test_a_time_has_the_same_epoch_in_every_offset(at: int, quarters: int) -> None:
    assert epoch_of(text_of(at, quarters / 4)) == at


@given(st.integers(0, 4_000_000_000), st.integers(0, 4_000_000_000), st.integers(-48, 56))
def test_no_time_sorts_before_the_text_that_precedes_it(since: int, later: int, quarters: int) -> None:
    assert text_before(since) < text_of(since + later, quarters / 4)


@pytest.mark.parametrize("at", [float("-inf"), -1.0, 0.0, 86_400.0])
def test_every_text_follows_the_beginning_of_time(at: float) -> None:
    assert text_before(at) == ""


@pytest.mark.parametrize("text", ["", "2026-11-22", "2026-11-22T18:28:31", "2026-13-22T18:28:31Z", "yesterday", "1"])
def test_text_that_is_not_a_time_has_no_epoch(text: str) -> None:
    assert epoch_of(text) is None


def test_fractions_of_a_second_are_dropped() -> None:
    assert epoch_of("2023-11-14T22:13:20.123456789+00:00") == INSTALLED


def test_changes_before_the_installation_are_not_queued() -> None:
    assert not is_due(text_of(INSTALLED), None)
    assert not is_due(text_of(INSTALLED - 1), LastJudgement(updated_at="x", settled_at=INSTALLED - 5))
    assert is_due(text_of(INSTALLED + 1), None)


def test_an_edit_of_a_judged_scene_is_queued_whatever_its_offset() -> None:
    judged = LastJudgement(updated_at=text_of(EDIT - 60), settled_at=EDIT - 50)
    assert is_due(text_of(EDIT, 9), judged)
    assert not is_due(text_of(EDIT - 60), judged)


def test_a_second_edit_within_the_same_second_is_caught_after_that_second() -> None:
    text, judged = text_of(EDIT), LastJudgement(updated_at=text_of(EDIT), settled_at=EDIT + 0.3)
    assert not is_due(text, judged, now=EDIT + 0.5)
    assert is_due(text, judged, now=EDIT + SAME_SECOND_S)
    assert not is_due(text, LastJudgement(updated_at=text, settled_at=EDIT + SAME_SECOND_S))


def test_a_cleared_scene_stays_cleared_until_its_next_change() -> None:
    older = LastJudgement(updated_at="old", settled_at=EDIT - 9, cleared_at=EDIT + 1)
    for judged in (LastJudgement(cleared_at=EDIT + 1), older):
        assert not is_due(text_of(EDIT), judged)
        assert is_due(text_of(EDIT + 2), judged)


def test_a_scene_that_stash_failed_on_is_queued_only_after_its_next_change() -> None:
    assert not is_due(text_of(EDIT), LastJudgement(settled_at=EDIT + 1))
    assert is_due(text_of(EDIT + 2), LastJudgement(settled_at=EDIT + 1))


def test_an_unreadable_time_is_compared_as_text() -> None:
    assert is_due("soon", LastJudgement(updated_at="later", settled_at=1))
    assert not is_due("soon", LastJudgement(updated_at="soon", settled_at=1))
    assert not is_due("soon", None)


@pytest.mark.parametrize("ahead_s", [3600.0, 365 * 86_400.0])
def test_a_time_in_the_future_hides_no_change(ahead_s: float) -> None:
    """The scene was cleared, or judged, while the clock was ahead."""
    now = EDIT + 5000
    cleared = LastJudgement(cleared_at=now + ahead_s)
    assert is_due(text_of(EDIT), cleared, now=now)
    assert is_due(text_of(EDIT), LastJudgement(settled_at=now + ahead_s), now=now)
    assert not is_due(text_of(EDIT), LastJudgement(cleared_at=now + 5), now=now)
    assert not is_due(text_of(EDIT), LastJudgement(updated_at=text_of(EDIT), settled_at=now + 5), now=now)
