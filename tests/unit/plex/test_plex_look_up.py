"""Files whose name too many others share: looked up by their folders."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from plex.errors import Ambiguous
from plex.path_map import AGREEING_FILES
from plex.search_text import text_of_name
from tests.support.plex_library import Library, lean, look_up

if TYPE_CHECKING:
    from plex.model import LeanItem
    from tests.unit.plex.conftest import MakeFinder


def common_name(*items: LeanItem, folder: str = "") -> Library:
    """A library in which too many files share a name for a search by name."""
    library = Library(*items, filters=False, folder=folder)
    library.narrows = True
    return library


@pytest.mark.parametrize("folder", ["", "/media"])
@pytest.mark.parametrize("rules", [(), (("/data", "/media"),)])
def test_a_name_that_too_many_files_share_is_looked_up_with_its_folders(
    make: MakeFinder, rules: tuple[tuple[str, str], ...], folder: str
) -> None:
    library = common_name(lean(1, "/media/a/x.mp4"), lean(2, "/media/b/x.mp4"), folder=folder)
    assert look_up(make(library, *rules), ("/data/b/x.mp4", 1)) == [2]
    assert library.requests["sweep"] == 0


def test_a_common_name_at_the_root_is_looked_up_by_the_whole_name(make: MakeFinder) -> None:
    library = common_name(lean(1, "/media/1.mp4"), lean(2, "/media/21.mp4"), lean(3, "/media/b/21.mp4", section=2))
    assert look_up(make(library), ("/data/1.mp4", 1)) == [1]
    assert library.requests["sweep"] == 0


def test_a_server_with_backslashes_is_searched_for_backslashes(make: MakeFinder) -> None:
    library = common_name(lean(1, "D:\\m\\a\\x.mp4"), lean(2, "D:\\m\\b\\x.mp4"), folder="D:\\m")
    assert look_up(make(library), ("/data/b/x.mp4", 1)) == [2]
    assert library.requests["sweep"] == 0


NAS = "\\\\nas\\films\\b\\x.mp4"


@pytest.mark.parametrize(
    ("folder", "plex"),
    [
        ("//nas/films", "//nas/films/b/x.mp4"),
        ("//nas/films", "//nas/films\\b\\x.mp4"),
        ("//nas/films", NAS),
        ("\\\\nas\\films", NAS),
        ("\\\\nas\\films", "\\\\?\\UNC\\nas\\films\\b\\x.mp4"),
        ("\\\\?\\UNC\\nas\\films", NAS),
    ],
)
@pytest.mark.parametrize("stash", [NAS, "//nas/films/b/x.mp4", "/data/b/x.mp4"])
def test_a_common_name_in_a_share_is_found_however_the_share_is_spelled(
    make: MakeFinder, stash: str, folder: str, plex: str
) -> None:
    library = common_name(lean(1, plex.replace("b", "a")), lean(2, plex), folder=folder)
    assert look_up(make(library), (stash, 1)) == [2]
    assert library.requests["sweep"] == 0


def test_a_library_with_both_spellings_of_a_share_is_searched_for_both(make: MakeFinder) -> None:
    library = common_name(lean(1, "//nas/films/b/x.mp4", size=7), lean(2, "\\\\other\\b\\x.mp4"))
    library.locations = ("//nas/films", "\\\\other")
    assert look_up(make(library), ("/data/b/x.mp4", 7)) == [1]
    assert look_up(make(library), ("/data/b/x.mp4", 1)) == [2]
    assert library.requests["sweep"] == 0


@pytest.mark.parametrize(("stash", "plex"), [("NFC", "NFC"), ("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_with_several_unicode_forms_costs_no_sweep(make: MakeFinder, stash: Any, plex: Any) -> None:
    spelled = unicodedata.normalize(plex, "/media/b/비디오.mp4")
    library = common_name(lean(1, spelled.replace("/b/", "/a/")), lean(2, spelled), folder="/media")
    finder = make(library, ("/data", "/media"))
    assert look_up(finder, (unicodedata.normalize(stash, "/data/b/비디오.mp4"), 1)) == [2]
    assert library.requests["sweep"] == 0


def test_rivals_with_the_same_end_of_the_path_in_two_libraries_are_both_seen(make: MakeFinder) -> None:
    library = common_name(lean(1, "/media/b/x.mp4"), lean(2, "/other/b/x.mp4", section=2))
    with pytest.raises(Ambiguous):
        look_up(make(library), ("/data/b/x.mp4", 1))


def test_a_common_name_that_folders_do_not_settle_is_looked_up_in_the_whole_library(make: MakeFinder) -> None:
    library = common_name(lean(1, "/media/other/x.mp4", size=7), lean(2, "/media/a/x.mp4"))
    assert look_up(make(library), ("/data/b/x.mp4", 7)) == [1]
    assert library.requests["sweep"] == 0  # the search by name is complete, and only one file has the size
    library.narrows = False
    assert look_up(make(library), ("/data/c/x.mp4", 7)) == [1]
    assert library.requests["sweep"] == 2


@pytest.mark.parametrize("is_swept", [False, True])
def test_a_library_that_does_not_answer_is_not_one_without_the_file(make: MakeFinder, *, is_swept: bool) -> None:
    library = Library(lean(1, "/media/a/x.mp4"), lean(2, "/media/a/x.mp4", section=2), folder="/media")
    library.silent = {2}
    finder = make(library)
    if is_swept:
        finder.sweeper.sweep_all()
    assert look_up(finder, ("/media/a/x.mp4", 1)) == [1, 2]


def test_a_match_settled_by_folders_alone_is_no_evidence_for_a_path_map(make: MakeFinder) -> None:
    items = [lean(number, f"/media/{number}/x.mp4", size=number) for number in range(AGREEING_FILES)]
    finder = make(common_name(*items))
    for number in range(1, AGREEING_FILES):
        look_up(finder, (f"/data/{number}/x.mp4", number))
    assert finder.index.evidence() == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("/x/plain name.mp4", "plain name.mp4"),
        ("a,the longer part,b.mp4", "the longer part"),
        ("C:\\x\\a.mp4", "a.mp4"),
        ("=>odd.mp4", "odd.mp4"),
        ("Pokémon film.mp4", "mon film.mp4"),
        (unicodedata.normalize("NFD", "Pokémon film.mp4"), "mon film.mp4"),
        ("日本語.mp4", "日本語.mp4"),
        ("100% & more.mp4", "100% & more.mp4"),
        (",,", ""),
        ("", ""),
    ],
)
def test_the_filter_text_has_only_one_spelling_and_no_comma(name: str, text: str) -> None:
    assert text_of_name(name) == text
