"""When planned work is due, whatever the clock does."""

from __future__ import annotations

from worker.parts import planned

NOW = 1_700_000_000.0


def test_what_is_planned_is_due_then() -> None:
    for at in (0.0, NOW - 5, NOW + 60):
        assert planned(at, NOW, 60) == at


def test_what_was_planned_before_the_clock_was_put_back_is_due_now() -> None:
    assert planned(NOW + 61, NOW, 60) == NOW
