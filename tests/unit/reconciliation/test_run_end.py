"""When a run has seen too little of Stash to be believed."""

from __future__ import annotations

import pytest

from reconciliation.run import are_too_few


@pytest.mark.parametrize(("listed", "total"), [(0, 1), (4, 10), (89, 100), (750, 1000), (8_999, 10_000)])
def test_far_fewer_scenes_than_were_counted_are_too_few(listed: int, total: int) -> None:
    assert are_too_few(listed, total)


@pytest.mark.parametrize(("listed", "total"), [(1, 1), (5, 10), (90, 100), (9_000, 10_000), (12, 10)])
def test_some_may_have_been_deleted_meanwhile(listed: int, total: int) -> None:
    assert not are_too_few(listed, total)
