"""When planned work is due, whatever the clock does."""

from __future__ import annotations

from worker.parts import due_time

NOW = 1_700_000_000.0


def test_planned_work_is_due_at_its_time() -> None:
    for at in (0.0, NOW - 5, NOW + 60):
        assert due_time(at, NOW, 60) == at


def test_work_planned_before_the_clock_was_set_back_is_due_now() -> None:
    assert due_time(NOW + 61, NOW, 60) == NOW
