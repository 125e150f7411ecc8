"""The list of libraries as a belief: when it is read again, and what a change of it makes void."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from plex.errors import NotInPlex, PlexServerDown, PlexSetup
from plex.find import SWEEP_MIN_SCENES
from plex.index import ExpectedFile
from plex.libraries import SHARED_BY_MISSES_S, Libraries
from plex.model import Section
from tests.support.clocks import SetClock
from tests.support.plex_library import NOW, Library, keys, lean, look_up

if TYPE_CHECKING:
    from tests.unit.plex.conftest import MakeFinder

MANY = [[("/nowhere.mp4", 1)]] * SWEEP_MIN_SCENES


def section(key: int, title: str = "", *locations: str) -> Section:
    return Section(key=key, title=title or str(key), type="movie", locations=locations)


class Plex:
    """Answers with these libraries; counts how often it is asked."""

    def __init__(self, *sections: Section) -> None:
        self.sections = sections
        self.asked = 0
        self.is_down = False

    def read(self) -> tuple[Section, ...]:
        self.asked += 1
        if self.is_down:
            raise PlexServerDown("down")
        return self.sections


def test_a_list_is_read_once_and_believed_until_it_is_forgotten() -> None:
    plex = Plex(section(1))
    libraries = Libraries(plex.read, (), SetClock())
    assert (libraries.believed, libraries.age_s) == (None, None)
    assert libraries.current() == libraries.current() == plex.sections
    assert plex.asked == 1
    libraries.forget()
    assert libraries.believed is None
    libraries.current()
    assert plex.asked == 2


def test_reading_again_tells_whether_the_list_has_changed() -> None:
    plex = Plex(section(1))
    libraries = Libraries(plex.read, (), SetClock())
    libraries.current()
    assert not libraries.reread()
    for changed in ((section(1), section(2)), (section(3),), (section(3, "3", "/media"),), (section(3, "renamed"),)):
        plex.sections = changed
        assert libraries.reread()
        assert libraries.current() == changed


def test_a_list_that_could_not_be_read_is_not_believed() -> None:
    plex = Plex(section(1))
    libraries = Libraries(plex.read, (), SetClock())
    libraries.current()
    plex.is_down = True
    with pytest.raises(PlexServerDown):
        libraries.reread()
    plex.is_down = False
    libraries.current()
    assert plex.asked == 3


def test_a_configured_library_that_is_missing_is_a_matter_of_the_settings() -> None:
    plex = Plex(section(1, "Movies"))
    libraries = Libraries(plex.read, ("Movies",), SetClock())
    libraries.current()
    plex.sections = (section(1, "Films"),)
    with pytest.raises(PlexSetup, match="no movie library named Movies"):
        libraries.reread()
    with pytest.raises(PlexSetup):
        libraries.current()


@pytest.mark.parametrize(
    ("since_s", "after_s", "jump_s", "is_newer"),
    [
        (0, 0, 0, True), (-1, SHARED_BY_MISSES_S, 0, True), (-1, SHARED_BY_MISSES_S + 1, 0, False), (1, 2, 0, False),
        (math.inf, 0, 0, False), (-7200, 1, -3600, False), (-7200, 1, 3600, False),
    ],
)  # fmt: skip
def test_misses_share_a_list_that_was_read_after_their_events(
    since_s: float, after_s: float, jump_s: float, *, is_newer: bool
) -> None:
    clock = SetClock()
    libraries = Libraries(Plex(section(1)).read, (), clock)
    assert not libraries.is_newer_than(0)
    libraries.current()
    clock.set(NOW + after_s)
    clock.jump(jump_s)
    assert libraries.is_newer_than(NOW + since_s) is is_newer


def test_a_miss_reads_the_list_again_and_finds_the_file_in_a_new_library(make: MakeFinder) -> None:
    library = Library(lean(1, "/a.mp4"), lean(2, "/b.mp4", section=3))
    finder = make(library)
    assert look_up(finder, ("/a.mp4", 1)) == [1]
    library.keys = (1, 2, 3)
    assert keys(finder.find([("/b.mp4", 1)], since=NOW + 1)) == [2]
    assert finder.index.new_libraries() == [3]


def test_a_match_costs_no_reading_of_the_list(make: MakeFinder, clock: SetClock) -> None:
    library = Library(lean(1, "/a.mp4"))
    finder = make(library)
    look_up(finder, ("/a.mp4", 1))
    read = library.libraries.believed
    clock.set(NOW + 86_400)
    look_up(finder, ("/a.mp4", 1))
    assert library.libraries.believed is read


def test_a_library_that_is_gone_is_replaced_within_one_look_up(make: MakeFinder) -> None:
    """Whether it is met in a search, a refresh or a sweep. What was known of it is forgotten."""
    library = Library(lean(1, "/a.mp4"), lean(2, "/b.mp4", section=2))
    finder = make(library)
    finder.prepare(MANY)
    library.keys = (2, 7)
    library.items[0] = lean(9, "/a.mp4", section=7)
    finder.forget(1)
    assert keys(finder.find([("/a.mp4", 1)], since=NOW + 1)) == [9]
    assert [item.rating_key for item in finder.index.candidates([ExpectedFile(path="/a.mp4", size=1)])] == [9]
    assert finder.index.section(1).swept_at == 0


def test_a_sweep_that_meets_a_library_that_is_gone_sweeps_the_others(make: MakeFinder) -> None:
    library = Library(lean(1, "/a.mp4", section=2))
    library.libraries.current()
    library.keys = (2, 7)
    finder = make(library)
    finder.prepare(MANY)
    assert finder.known_keys([("/a.mp4", 1)]) == (1,)
    assert finder.sweeper.is_complete()


def test_inferred_rules_for_folders_that_no_library_has_any_more_are_void(make: MakeFinder) -> None:
    numbers = range(1, SWEEP_MIN_SCENES + 1)
    library = Library(*(lean(number, f"/media/{number}.mp4", size=number) for number in numbers), folder="/media")
    finder = make(library)
    finder.prepare([[(f"/data/{number}.mp4", number)] for number in numbers])
    assert list(finder.rules.rules) == [("/data", "/media")]
    library.locations = ("/mnt/films",)
    library.libraries.reread()
    finder.note_libraries()
    assert list(finder.rules.rules) == []
    assert finder.index.evidence() == []
    assert make(library).rules.rules == ()


@pytest.mark.parametrize("folder", ["/media/films", "/media", "/"])
def test_inferred_rules_above_or_below_a_folder_stay(make: MakeFinder, folder: str) -> None:
    numbers = range(1, SWEEP_MIN_SCENES + 1)
    library = Library(*(lean(number, f"/media/{number}.mp4", size=number) for number in numbers), folder="/media")
    finder = make(library)
    finder.prepare([[(f"/data/{number}.mp4", number)] for number in numbers])
    library.locations = (folder, "/other")
    library.libraries.reread()
    finder.note_libraries()
    assert finder.rules.rules == (("/data", "/media"),)


def test_a_scene_found_in_one_library_is_expected_where_another_has_its_folder(make: MakeFinder) -> None:
    library = Library(lean(1, "/media/a.mp4"), folder="/media")
    finder = make(library)
    files = [("/media/a.mp4", 1)]
    finder.await_elsewhere(7, files, library.items)
    finder.sweeper.store_items([lean(1, "/media/a.mp4", updated_at=9)])
    assert finder.index.awaits_any()
    assert finder.index.seen_scenes() == []  # the item that is known
    finder.sweeper.store_items([lean(2, "/media/a.mp4", section=2)])
    assert finder.index.seen_scenes() == [7]
    finder.index.stop_awaiting([7], keep_unseen=True)
    assert not finder.index.awaits_any()


@pytest.mark.parametrize("folder", ["", "/elsewhere"])
def test_a_scene_is_not_expected_where_no_library_has_its_folder(make: MakeFinder, folder: str) -> None:
    finder = make(Library(lean(1, "/media/a.mp4"), folder=folder))
    finder.await_elsewhere(7, [("/media/a.mp4", 1)], [lean(1, "/media/a.mp4")])
    assert not finder.index.awaits_any()


def test_the_first_list_makes_no_library_new_and_later_ones_do(make: MakeFinder) -> None:
    index = make(Library()).index
    assert index.note_libraries([section(1), section(2, "", "/a")]) == ([], [])
    assert index.note_libraries([section(1), section(2, "", "/a")]) == ([], [])
    assert index.note_libraries([section(2, "", "/a", "/b"), section(3)]) == ([2, 3], [1])
    assert sorted(index.new_libraries()) == [2, 3]
    index.settle_libraries([2])
    assert index.note_libraries([section(2, "", "/a", "/b"), section(3)]) == ([], [])
    assert index.new_libraries() == [3]


def test_a_library_that_an_earlier_version_never_read_is_new(make: MakeFinder) -> None:
    """It read all of them or none."""
    finder = make(Library())
    finder.sweeper.sweep_all()
    assert finder.index.note_libraries([section(1), section(2), section(3)]) == ([3], [])


def test_a_miss_in_a_new_library_too_is_a_miss(make: MakeFinder) -> None:
    library = Library()
    finder = make(library)
    finder.prepare(MANY)
    library.keys = (1, 2, 3)
    with pytest.raises(NotInPlex):
        finder.find([("/a.mp4", 1)], since=NOW + 1)
    assert library.requests["file"] == 2 + 3
