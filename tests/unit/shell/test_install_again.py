from __future__ import annotations

import time

import pytest

from shell.run_worker import INSTALL_AGAIN_AFTER_S, was_tried_recently


@pytest.mark.parametrize(
    ("age_s", "is_recent"),
    [(0.0, True), (INSTALL_AGAIN_AFTER_S - 60, True), (INSTALL_AGAIN_AFTER_S, False), (-3600.0, False), (-1e8, False)],
)
def test_a_failed_installation_is_believed_for_ten_minutes_at_most(age_s: float, *, is_recent: bool) -> None:
    assert was_tried_recently(time.time() - age_s) is is_recent
