"""What a run that could not end tells the user."""

from __future__ import annotations

import pytest

from reconciliation.state import RunRequest, words_for_break_off

BY_HAND = RunRequest(id="a", scope="all")
PREVIEW = RunRequest(id="b", scope="all", is_preview=True)
SCHEDULED = RunRequest(id="c", scope="all", is_scheduled=True)


@pytest.mark.parametrize("request_", [BY_HAND, PREVIEW, SCHEDULED])
def test_a_run_that_had_compared_nothing_has_queued_nothing(request_: RunRequest) -> None:
    said = words_for_break_off(request_, "Plex is down.", checked=0, total=0)
    assert "stopped before it compared any scene: Plex is down. Nothing was queued." in said


def test_what_was_found_is_queued_except_by_a_preview() -> None:
    said = words_for_break_off(BY_HAND, "Plex is down", checked=250, total=900)
    assert "after 250 of 900 scenes: Plex is down. What it had found is queued" in said
    assert "Nothing was queued." in words_for_break_off(PREVIEW, "Plex is down", checked=250, total=900)


def test_only_what_nobody_asked_for_is_started_again_by_itself() -> None:
    for request, word in ((BY_HAND, "Run it again"), (PREVIEW, "Run it again"), (SCHEDULED, "by itself")):
        assert word in words_for_break_off(request, "x", checked=1, total=2).partition("queued")[2]


def test_a_reason_is_one_sentence() -> None:
    assert "is Plex running? Nothing" in words_for_break_off(BY_HAND, "is Plex running?", checked=0, total=0)
