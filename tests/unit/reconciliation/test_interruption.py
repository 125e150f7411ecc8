"""What the user is told about a run that ended early."""

from __future__ import annotations

import pytest

from reconciliation.state import RunRequest, interruption_message

BY_HAND = RunRequest(id="a", scope="all")
PREVIEW = RunRequest(id="b", scope="all", is_preview=True)
SCHEDULED = RunRequest(id="c", scope="all", is_scheduled=True)


@pytest.mark.parametrize("request_", [BY_HAND, PREVIEW, SCHEDULED])
def test_run_that_compared_nothing_queued_nothing(request_: RunRequest) -> None:
    said = interruption_message(request_, "Plex is down.", checked=0, total=0)
    assert "stopped before it compared any scene: Plex is down. Nothing was queued." in said


def test_gaps_found_before_are_queued_except_by_a_preview() -> None:
    said = interruption_message(BY_HAND, "Plex is down", checked=250, total=900)
    assert "after 250 of 900 scenes: Plex is down. What it had found is queued" in said
    assert "Nothing was queued." in interruption_message(PREVIEW, "Plex is down", checked=250, total=900)


def test_only_a_scheduled_run_is_restarted_automatically() -> None:
    for request, word in ((BY_HAND, "Run it again"), (PREVIEW, "Run it again"), (SCHEDULED, "by itself")):
        assert word in interruption_message(request, "x", checked=1, total=2).partition("queued")[2]


def test_reason_is_punctuated_as_one_sentence() -> None:
    assert "is Plex running? Nothing" in interruption_message(BY_HAND, "is Plex running?", checked=0, total=0)
