"""When Stash listed too few scenes for a run to be trusted."""

from __future__ import annotations

import pytest

from reconciliation.run import is_listing_short


@pytest.mark.parametrize(("listed", "total"), [(0, 1), (4, 10), (89, 100), (750, 1000), (8_999, 10_000)])
def test_far_fewer_scenes_than_counted_make_the_listing_short(listed: int, total: int) -> None:
    assert is_listing_short(listed, total)


@pytest.mark.parametrize(("listed", "total"), [(1, 1), (5, 10), (90, 100), (9_000, 10_000), (12, 10)])
def test_a_few_scenes_may_have_been_deleted_meanwhile(listed: int, total: int) -> None:
    assert not is_listing_short(listed, total)
