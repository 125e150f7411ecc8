"""The scene ids that a run lists while Stash changes."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import pytest

from stash.changes import Change, Changed
from stash.errors import StashUnavailable
from stash.listing import AllScenes, RecentScenes
from tests.support.stash_lists import page_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stash.changes import Position
    from stash.client import StashClient
    from stash.listing import Listing

SINCE = 1_700_000_000.0  # 2023-11-14T22:13:20Z


class SceneLister:
    """A Stash with these `updated_at` times by scene id; lists them as Stash does."""

    def __init__(self, scenes: dict[int, str]) -> None:
        self.scenes = scenes
        self.is_down = False
        self.lists_nothing = False

    def list_ids(self, *, after: int, limit: int) -> tuple[list[int], int]:
        self._answer()
        ids = sorted(scene for scene in self.scenes if scene > after)
        return ([] if self.lists_nothing else ids[:limit]), len(ids)

    def list_changes(self, positions: Mapping[Changed, Position]) -> dict[Changed, list[Change]]:
        self._answer()
        rows = [Change(id=scene, updated_at=text) for scene, text in self.scenes.items()]
        return page_of({Changed.SCENE: rows}, positions)

    def _answer(self) -> None:
        if self.is_down:
            raise StashUnavailable("down")


def ids_of(listing: Listing, stash: SceneLister, between: Callable[[int], None] = lambda _page: None) -> list[int]:
    found: list[int] = []
    for number in itertools.count():
        page = listing.next_page(cast("StashClient", stash))
        if page is None:
            return found
        found += page
        between(number)
    return found


def test_all_scenes_are_listed_once_in_pages() -> None:
    stash = SceneLister(dict.fromkeys(range(1, 8), ""))
    assert ids_of(AllScenes(3), stash) == [1, 2, 3, 4, 5, 6, 7]
    assert ids_of(AllScenes(7), stash) == [1, 2, 3, 4, 5, 6, 7]
    assert ids_of(AllScenes(3), SceneLister({})) == []


def test_remaining_count_is_known_after_each_page() -> None:
    stash = SceneLister(dict.fromkeys(range(1, 8), "2023-11-15T22:13:20Z"))
    left = list[int]()
    listing = AllScenes(3)
    ids_of(listing, stash, lambda _page: left.append(listing.remaining))
    assert left == [4, 1, 0]
    recent = RecentScenes(SINCE, 4)
    recent.next_page(cast("StashClient", stash))
    assert recent.remaining
    recent.next_page(cast("StashClient", stash))
    assert recent.remaining == 0


def test_deletion_meanwhile_hides_no_other_scene() -> None:
    stash = SceneLister(dict.fromkeys(range(1, 8), ""))

    def delete_one(page: int) -> None:
        stash.scenes.pop(page + 1)

    assert ids_of(AllScenes(3), stash, delete_one) == [1, 2, 3, 4, 5, 6, 7]


def test_deletion_meanwhile_hides_no_other_recent_scene() -> None:
    stash = SceneLister({number: f"2023-11-15T00:00:{60 - number:02d}Z" for number in range(1, 20)})
    deleted = [1, 2, 3]

    def delete_some(page: int) -> None:
        if page == 0:
            for scene_id in deleted:
                stash.scenes.pop(scene_id)

    assert ids_of(RecentScenes(SINCE, 3), stash, delete_some) == list(range(1, 20))


def test_failed_page_can_be_requested_again() -> None:
    for listing in (AllScenes(3), RecentScenes(SINCE, 3)):
        stash = SceneLister(dict.fromkeys(range(1, 8), "2023-11-15T22:13:20Z"))
        first = listing.next_page(cast("StashClient", stash))
        stash.is_down = True
        with pytest.raises(StashUnavailable):
            listing.next_page(cast("StashClient", stash))
        stash.is_down = False
        assert first is not None
        assert sorted(first + ids_of(listing, stash)) == [1, 2, 3, 4, 5, 6, 7]


def test_empty_page_is_an_error_while_stash_counts_more_scenes() -> None:
    stash = SceneLister({1: ""})
    stash.lists_nothing = True
    with pytest.raises(StashUnavailable, match="none of 1 scenes"):
        AllScenes(3).next_page(cast("StashClient", stash))


def test_recent_scenes_are_chosen_by_time_in_any_offset() -> None:
    stash = SceneLister({
        1: "2023-11-14T22:13:20Z", 2: "2023-11-14T22:13:19Z", 3: "2023-11-15T11:13:20+13:00",
        4: "2023-11-15T11:13:19+13:00", 5: "2023-11-14T11:13:20-11:00", 6: "2023-11-14T11:13:19-11:00", 7: "no time",
    })  # fmt: skip
    for page in (1, 2, 10):
        assert sorted(ids_of(RecentScenes(SINCE, page), stash)) == [1, 3, 5, 7]


def test_listing_recent_scenes_stops_long_before_the_oldest() -> None:
    stash = SceneLister({number: f"20{23 - number:02d}-01-01T00:00:00Z" for number in range(20)})
    pages = list[int]()
    ids_of(RecentScenes(SINCE, 2), stash, pages.append)
    assert len(pages) == 1


def test_scene_that_moves_to_the_next_page_is_listed_once() -> None:
    stash = SceneLister({number: f"2023-11-15T00:00:{number:02d}Z" for number in range(6)})

    def edit_one(page: int) -> None:
        if page == 0:
            stash.scenes[0] = "2023-11-16T00:00:00Z"

    found = ids_of(RecentScenes(SINCE, 3), stash, edit_one)
    assert sorted(found) == [1, 2, 3, 4, 5]  # the edited one has an event of its own
