from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from local.path_marks import without_marks
from plex.errors import Ambiguous, NotInPlex, PathsHidden, PlexServerDown
from plex.find import SWEEP_MIN_SCENES, Finder
from plex.index import Index
from plex.path_map import AGREEING_FILES
from plex.sweep import REFRESH_EVERY_S
from tests.support.clocks import SetClock
from tests.support.plex_library import NOW, Library, keys, lean, look_up

if TYPE_CHECKING:
    from pathlib import Path

    from plex.match import File
    from tests.unit.plex.conftest import MakeFinder

LOG = logging.getLogger("test")
MANY = [[("/nowhere.mp4", 1)]] * SWEEP_MIN_SCENES


@pytest.mark.parametrize("count", [1, SWEEP_MIN_SCENES])
@pytest.mark.parametrize("filters", [True, False])
def test_each_item_that_has_a_file_is_found_in_every_library(make: MakeFinder, *, count: int, filters: bool) -> None:
    library = Library(
        lean(1, "/media/x/a.mp4"),
        lean(2, "/media/x/other.mp4", "/media/x/b.mp4"),
        lean(3, "/media/x/a.mp4", section=2),
        lean(4, "/media/y/a.mp4"),
        filters=filters,
    )
    finder = make(library, ("/data", "/media"))
    finder.prepare(MANY[:count])
    assert sorted(look_up(finder, ("/data/x/a.mp4", 1), ("/data/x/b.mp4", 1))) == [1, 2, 3]


def test_a_name_alone_is_never_enough(make: MakeFinder) -> None:
    with pytest.raises(NotInPlex) as raised:
        look_up(make(Library(lean(1, "/media/y/a.mp4")), ("/data", "/media")), ("/data/x/a.mp4", 2))
    assert raised.value.paths == ("/media/x/a.mp4",)


def test_a_file_is_not_called_missing_where_the_token_sees_no_path(make: MakeFinder) -> None:
    library = Library(lean(1))
    finder = make(library)
    library.is_blind = True
    for _ in range(2):
        with pytest.raises(PathsHidden):
            look_up(finder, ("/a.mp4", 1))
    library.is_blind = False
    with pytest.raises(NotInPlex):
        look_up(finder, ("/a.mp4", 1))


def test_a_scene_without_files_is_not_in_plex(make: MakeFinder) -> None:
    with pytest.raises(NotInPlex):
        look_up(make(Library(lean(1, "/a.mp4"))))


def test_few_scenes_are_looked_up_and_many_swept_once(make: MakeFinder) -> None:
    library = Library(lean(1, "/a.mp4"), lean(2, "/a.mp4", section=2))
    finder = make(library)
    finder.prepare(MANY[1:])
    assert library.requests == {}
    finder.prepare(MANY)
    finder.prepare(MANY)
    assert library.requests == {"sweep": 2}
    assert look_up(finder, ("/a.mp4", 1)) == [1, 2]
    assert library.requests == {"sweep": 2}


def test_a_duplicate_in_another_library_is_found_although_one_item_is_known_already(make: MakeFinder) -> None:
    library = Library(lean(1, "/media/a.mp4"), lean(2, "/media/a.mp4", section=2), folder="/media")
    finder = make(library)
    finder.sweeper.store_items(library.items[:1])
    assert look_up(finder, ("/media/a.mp4", 1)) == [1, 2]
    library.requests.clear()
    assert look_up(finder, ("/media/a.mp4", 1)) == [1, 2]
    assert library.requests == {}


def test_items_seen_are_known_to_the_next_finder_too(make: MakeFinder) -> None:
    library = Library(lean(1, "/a.mp4"))
    make(library).prepare(MANY)
    library.requests.clear()
    assert look_up(make(library), ("/a.mp4", 1)) == [1]
    assert library.requests == {}


def test_another_server_or_choice_of_libraries_starts_with_an_empty_index(make: MakeFinder, tmp_path: Path) -> None:
    make(Library(lean(1, "/a.mp4"))).prepare(MANY)
    index = Index(str(tmp_path), "another server")
    assert Finder(Library(), index, clock=SetClock(), log=LOG).known_keys([("/a.mp4", 1)]) == ()
    index.close()


@pytest.mark.parametrize("filters", [True, False])
def test_absence_is_never_remembered(make: MakeFinder, clock: SetClock, *, filters: bool) -> None:
    library = Library(filters=filters)
    finder = make(library)
    finder.prepare(MANY)
    with pytest.raises(NotInPlex):
        look_up(finder, ("/a.mp4", 1))
    library.items.append(lean(1, "/a.mp4"))
    clock.set(NOW + 1)
    assert keys(finder.find([("/a.mp4", 1)], since=NOW + 1)) == [1]


def test_a_miss_needs_no_look_up_if_the_index_was_refreshed_recently_and_after_the_event(
    make: MakeFinder, clock: SetClock
) -> None:
    library = Library()
    finder = make(library)
    finder.prepare(MANY)
    for since, now, requests in ((NOW, NOW + 1, 0), (NOW + 1, NOW + 1, 2), (NOW, NOW + REFRESH_EVERY_S + 1, 4)):
        clock.set(now)
        with pytest.raises(NotInPlex):
            finder.find([("/a.mp4", 1)], since=since)
        assert library.requests["file"] == requests


def test_a_miss_in_a_library_that_was_never_swept_needs_a_look_up(make: MakeFinder) -> None:
    library = Library(lean(1, "/a.mp4"))
    finder = make(library)
    finder.sweeper.refresh()
    assert look_up(finder, ("/a.mp4", 1)) == [1]


def test_a_forgotten_item_is_looked_up_again(make: MakeFinder, clock: SetClock) -> None:
    library = Library(lean(1, "/a.mp4"))
    finder = make(library)
    finder.prepare(MANY)
    library.items[:] = [lean(2, "/a.mp4")]
    clock.set(NOW + REFRESH_EVERY_S)
    assert look_up(finder, ("/a.mp4", 1)) == [1]
    finder.forget(1)
    clock.set(NOW + REFRESH_EVERY_S + 1)
    assert look_up(finder, ("/a.mp4", 1)) == [2]


def test_a_look_up_drops_items_that_plex_no_longer_has(make: MakeFinder) -> None:
    library = Library(lean(1, "/m/a/x.mp4"), lean(2, "/m/b/x.mp4"))
    finder = make(library)
    finder.prepare(MANY)
    del library.items[0]
    assert look_up(finder, ("/data/x.mp4", 1)) == [2]
    assert finder.known_keys([("/m/a/x.mp4", 1)]) == (2,)


def test_without_a_filter_a_miss_costs_a_refresh_instead_of_a_sweep(make: MakeFinder, clock: SetClock) -> None:
    library = Library(lean(1, "/a.mp4"), lean(9, "/b.mp4", section=2), filters=False)
    finder = make(library)
    finder.prepare(MANY)
    clock.set(NOW + 60)
    for _ in range(3):
        with pytest.raises(NotInPlex):
            finder.find([("/c.mp4", 1)], since=NOW + 90)
    library.items[0] = lean(1, "/c.mp4", updated_at=6)
    assert keys(finder.find([("/c.mp4", 1)], since=NOW + 90)) == [1]
    with pytest.raises(NotInPlex):
        finder.find([("/a.mp4", 1)], since=NOW + 90)
    assert library.requests["sweep"] == 2


@pytest.mark.parametrize("swept", [True, False])
def test_after_a_sweep_that_fails_halfway_the_next_one_misses_nothing(
    make: MakeFinder, clock: SetClock, *, swept: bool
) -> None:
    library = Library(lean(9, "/b.mp4"), filters=False)
    finder = make(library)
    if swept:
        finder.prepare(MANY)
    clock.set(NOW + 60)
    library.items += [lean(2, "/c.mp4", updated_at=99), lean(1, "/a.mp4", updated_at=50)]
    library.breaks_after = 2
    with pytest.raises(PlexServerDown):
        look_up(finder, ("/a.mp4", 1))
    library.breaks_after = None
    assert look_up(finder, ("/a.mp4", 1)) == [1]


def test_rivals_are_named_and_none_is_chosen_unless_the_user_wants_the_first(make: MakeFinder) -> None:
    library = Library(lean(1, "/m/a/x.mp4"), lean(2, "/m/b/x.mp4"))
    with pytest.raises(Ambiguous) as raised:
        look_up(make(library), ("/data/x.mp4", 1))
    assert tuple(map(without_marks, raised.value.candidates)) == ("1:  (/m/a/x.mp4)", "2:  (/m/b/x.mp4)")
    assert look_up(make(library, allow_ambiguous=True), ("/data/x.mp4", 1)) == [1]


def test_rivals_that_are_gone_do_not_count(make: MakeFinder) -> None:
    library = Library(lean(1, "/m/a/x.mp4"), lean(2, "/m/b/x.mp4"))
    finder = make(library)
    finder.prepare(MANY)
    del library.items[1]
    assert look_up(finder, ("/data/x.mp4", 1)) == [1]


def mirrored(count: int) -> tuple[Library, list[list[File]]]:
    items = [lean(number, f"/media/{number}.mp4", size=number) for number in range(1, count + 1)]
    return Library(*items), [[(f"/data/{number}.mp4", number)] for number in range(1, count + 1)]


def test_a_path_map_is_inferred_from_a_batch_and_stored(make: MakeFinder) -> None:
    library, scenes = mirrored(SWEEP_MIN_SCENES)
    library.items += [lean(98, "/media/b/x.mp4", size=98), lean(99, "/media/x.mp4", size=98)]
    make(library).prepare(scenes)
    finder = make(library)
    assert finder.rules.rules == (("/data", "/media"),)
    assert look_up(finder, ("/data/x.mp4", 98)) == [99]


def test_a_path_map_is_inferred_from_single_look_ups_too(make: MakeFinder) -> None:
    library, scenes = mirrored(AGREEING_FILES)
    finder = make(library)
    for files in scenes:
        assert finder.rules.rules == ()
        look_up(finder, *files)
    assert finder.rules.rules == (("/data", "/media"),)


def test_a_contradiction_drops_an_inferred_rule_and_is_logged(
    make: MakeFinder, caplog: pytest.LogCaptureFixture
) -> None:
    library, scenes = mirrored(SWEEP_MIN_SCENES)
    library.items.append(lean(99, "/elsewhere/x.mp4", size=99))
    finder = make(library)
    finder.prepare(scenes)
    caplog.clear()
    look_up(finder, ("/data/x.mp4", 99))
    assert finder.rules.rules == ()
    assert "/data" in caplog.text
    assert "/elsewhere/x.mp4" in caplog.text
    finder.prepare(scenes)
    assert finder.rules.rules == ()


def test_files_that_follow_no_rule_do_not_displace_an_inferred_one(
    make: MakeFinder, caplog: pytest.LogCaptureFixture
) -> None:
    library, scenes = mirrored(SWEEP_MIN_SCENES)
    strange = range(1000, 1300)
    library.items += [lean(number, f"/media/{number}/{number}.mp4", size=number) for number in strange]
    finder = make(library)
    finder.prepare(scenes)
    caplog.clear()
    finder.prepare([[(f"/flat/{number}.mp4", number)] for number in strange])
    assert finder.rules.rules == (("/data", "/media"),)
    assert caplog.text == ""


def test_inferred_rules_are_never_added_to_a_configured_path_map(make: MakeFinder) -> None:
    library, scenes = mirrored(SWEEP_MIN_SCENES)
    finder = make(library, ("/other", "/x"))
    finder.prepare(scenes)
    assert finder.rules.rules == (("/other", "/x"),)


def test_a_missing_scene_is_reported_as_seen_until_it_is_no_longer_awaited(make: MakeFinder, clock: SetClock) -> None:
    library = Library(lean(1, "/other.mp4"))
    finder = make(library, ("/data", "/media"))
    finder.prepare(MANY)
    finder.await_files(7, [("/data/a.mp4", 5)])
    library.items += [lean(2, "/media/b.mp4", size=5, updated_at=9), lean(3, "/x/a.mp4", size=9, updated_at=9)]
    clock.set(NOW + REFRESH_EVERY_S)
    finder.sweeper.refresh()
    assert finder.index.seen_scenes() == []  # neither the size alone nor the name alone is enough
    library.items.append(lean(4, "/media/a.mp4", size=9, updated_at=10))
    clock.set(NOW + 2 * REFRESH_EVERY_S)
    assert finder.index.seen_scenes() == []
    finder.sweeper.refresh()
    assert finder.index.seen_scenes() == finder.index.seen_scenes() == [7]
    finder.index.stop_awaiting([7])
    assert not finder.index.awaits_any()


def test_a_recent_refresh_is_not_repeated(make: MakeFinder, clock: SetClock) -> None:
    library = Library()
    finder = make(library)
    for now in (NOW, NOW + 1, NOW + REFRESH_EVERY_S - 1):
        clock.set(now)
        finder.sweeper.refresh()
    assert library.requests == {"refresh": 2}
