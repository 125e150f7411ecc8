from __future__ import annotations

import unicodedata
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.match import Grade, MatchResult, PathRules, holds_one_of, match_file, match_scene, without
from plex.model import LeanItem, PartFile, parse_lean_items

NO_RULES = PathRules()
MAPPED = PathRules(rules=(("/data", "/media"),))
INFERRED = PathRules(rules=(("/data", "/media"),), are_inferred=True)


def lean(rating_key: int, *files: tuple[str, int | None]) -> LeanItem:
    parts = tuple(PartFile(path=path, size=size) for path, size in files)
    return LeanItem(rating_key=rating_key, section_key=1, title="t", parts=parts, updated_at=0, added_at=0)


def graded(found: MatchResult) -> dict[int, int]:
    return {match.item.rating_key: match.grade for match in found.matches}


def test_a_full_path_mapped_by_path_map_is_enough_whatever_the_size() -> None:
    items = [lean(1, ("/media/a/x.mp4", 5)), lean(2, ("/media/b/x.mp4", 7))]
    found = match_file(("/data/a/x.mp4", 7), items, MAPPED)
    assert graded(found) == {1: Grade.PATH}
    assert found.matches[0].reason == 'the same full path after "Path map"'


def test_an_inferred_rule_matches_only_if_the_size_agrees() -> None:
    items = [lean(1, ("/media/a/x.mp4", 5))]
    assert graded(match_file(("/data/a/x.mp4", 5), items, INFERRED)) == {1: Grade.PATH}
    assert match_file(("/data/a/x.mp4", 7), items, INFERRED) == MatchResult()


def test_an_inferred_rule_does_not_hide_the_unmapped_path() -> None:
    assert graded(match_file(("/data/a/x.mp4", 5), [lean(1, ("/data/a/x.mp4", 9))], INFERRED)) == {1: Grade.PATH}


def test_the_longest_shared_tail_decides_between_files_with_the_same_name_and_size() -> None:
    items = [lean(1, ("/media/a/2020/x.mp4", 5)), lean(2, ("/media/b/2020/x.mp4", 5)), lean(3, ("/media/x.mp4", 5))]
    found = match_file(("/data/b/2020/x.mp4", 5), items, NO_RULES)
    assert graded(found) == {2: Grade.TAIL}
    assert not found.matches[0].is_unique


def test_a_unique_name_and_size_are_enough() -> None:
    found = match_file(("/data/b/x.mp4", 5), [lean(1, ("/films/x.mp4", 5)), lean(2, ("/films/y.mp4", 5))], NO_RULES)
    assert graded(found) == {1: Grade.NAME}
    assert found.matches[0].is_unique


@pytest.mark.parametrize("size", [6, None])
def test_a_name_alone_is_never_enough(size: int | None) -> None:
    assert match_file(("/data/a/x.mp4", 5), [lean(1, ("/media/a/x.mp4", size))], NO_RULES) == MatchResult()


def test_neither_a_size_alone_nor_an_unknown_size_is_ever_enough() -> None:
    assert match_file(("/data/a/x.mp4", 5), [lean(1, ("/media/a/y.mp4", 5))], NO_RULES) == MatchResult()
    assert match_file(("/data/a/x.mp4", 0), [lean(1, ("/media/a/x.mp4", 0))], NO_RULES) == MatchResult()


def test_equally_good_items_are_rivals_and_none_is_chosen() -> None:
    found = match_file(("/data/c/x.mp4", 5), [lean(1, ("/m/a/x.mp4", 5)), lean(2, ("/m/b/x.mp4", 5))], NO_RULES)
    assert [match.item.rating_key for match in found.rivals] == [1, 2]
    assert not found.matches


def test_the_same_file_in_two_libraries_gives_no_rivals() -> None:
    items = [lean(1, ("/media/a/x.mp4", 5)), lean(2, ("/media/a/x.mp4", 5))]
    assert graded(match_file(("/data/a/x.mp4", 5), items, NO_RULES)) == {1: 2, 2: 2}
    assert graded(match_file(("/data/a/x.mp4", 5), items, MAPPED)) == {1: 1, 2: 1}


def test_every_file_of_a_scene_is_compared_with_every_part_of_an_item() -> None:
    items = [lean(1, ("/media/z.mp4", 1), ("/media/x.mp4", 5)), lean(2, ("/media/y.mp4", 6)), lean(3, ("/w.mp4", 7))]
    files = [("/data/x.mp4", 5), ("/data/y.mp4", 6), ("/data/z.mp4", 1)]
    assert graded(match_scene(files, items, MAPPED)) == {1: 1, 2: 1}


def test_rivals_for_one_file_are_ignored_if_another_file_has_a_match() -> None:
    items = [lean(1, ("/m/a/x.mp4", 5)), lean(2, ("/m/b/x.mp4", 5)), lean(3, ("/data/y.mp4", 6))]
    found = match_scene([("/data/c/x.mp4", 5), ("/data/y.mp4", 6)], items, NO_RULES)
    assert graded(found) == {3: 1}
    assert found.rivals == ()


def test_one_file_of_a_share_in_two_spellings_gives_no_rivals() -> None:
    items = [lean(1, ("//nas/Films/x.mp4", 5)), lean(2, ("\\\\?\\UNC\\nas\\films\\x.mp4", 5))]
    assert graded(match_file(("/data/x.mp4", 5), items, NO_RULES)) == {1: Grade.NAME, 2: Grade.NAME}
    assert graded(match_file(("\\\\nas\\films\\x.mp4", 9), items, NO_RULES)) == {1: Grade.PATH, 2: Grade.PATH}


def test_a_version_that_plex_made_for_a_device_is_neither_a_match_nor_a_rival() -> None:
    container = ET.fromstring(
        """<MediaContainer>
        <Video ratingKey="1"><Media><Part file="/media/a.mp4" size="9"/></Media>
        <Media proxyType="42"><Part file="/media/Plex Versions/TV/a.mp4" size="9"/></Media></Video>
        <Video ratingKey="2"><Media><Part file="/media/Plex Versions/TV/a.mp4" size="9"/></Media></Video>
        </MediaContainer>"""
    )
    items = parse_lean_items(container, 1)
    assert graded(match_file(("/data/a.mp4", 9), items, NO_RULES)) == {1: Grade.NAME}
    assert match_file(("/media/Plex Versions/TV/a.mp4", 9), items[1:], NO_RULES) == MatchResult()


def test_case_counts_except_in_windows_paths() -> None:
    assert match_file(("/data/A.mp4", 5), [lean(1, ("/data/a.mp4", 5))], NO_RULES) == MatchResult()
    assert graded(match_file(("C:\\v\\A.mp4", 5), [lean(1, ("c:/V/a.mp4", 6))], NO_RULES)) == {1: 1}
    assert graded(match_file(("/v/A.mp4", 5), [lean(1, ("\\\\nas\\V\\a.MP4", 5))], NO_RULES)) == {1: 2}


def test_both_unicode_forms_are_the_same_name() -> None:
    item = lean(1, (unicodedata.normalize("NFD", "/m/é.mp4"), 5))
    assert graded(match_file((unicodedata.normalize("NFC", "/d/é.mp4"), 5), [item], NO_RULES)) == {1: 3}


def test_an_item_has_the_file_that_it_was_matched_with_in_any_grade() -> None:
    files = [("/data/a/x.mp4", 5)]
    assert holds_one_of(lean(1, ("/media/a/x.mp4", 9)).parts, files, MAPPED)
    assert holds_one_of(lean(1, ("/films/x.mp4", 5)).parts, files, NO_RULES)
    assert not holds_one_of(lean(1, ("/films/x.mp4", 9)).parts, files, NO_RULES)


_PART = st.sampled_from(["a", "b", "2020", "É", "x y", "100%"])
_FILE = st.tuples(st.lists(_PART, max_size=3), st.sampled_from(["x.mp4", "clip, 1.mp4"]), st.integers(1, 2))


def path_of(file: tuple[list[str], str, int]) -> str:
    return "/".join([*file[0], file[1]])


@given(st.lists(_FILE, min_size=1, max_size=12, unique_by=path_of), st.data())
def test_if_plex_has_every_file_under_another_root_no_file_matches_the_item_of_another(
    tree: list[tuple[list[str], str, int]], data: st.DataObject
) -> None:
    ends = [path_of(file) for file in tree]
    items = [lean(key, (f"/media/films/{end}", tree[key][2])) for key, end in enumerate(ends)]
    own = data.draw(st.integers(0, len(tree) - 1))
    file = (f"/data/{ends[own]}", tree[own][2])
    assert set(graded(match_file(file, items, NO_RULES))) <= {own}
    assert graded(match_file(file, items, PathRules(rules=(("/data", "/media/films"),)))) == {own: 1}


def twins(*numbers: int) -> MatchResult:
    """What a file of the name x.mp4 finds: items with these numbers, each with a file of its own."""
    return match_file(("/data/x.mp4", 5), [lean(number, (f"/media/{number}/x.mp4", 5)) for number in numbers], NO_RULES)


def test_a_refused_match_is_none() -> None:
    found = twins(1)
    assert without(found, ()) == found
    assert without(found, found.matches) == MatchResult()


def test_the_last_rival_that_is_left_matches() -> None:
    found = twins(1, 2, 3)
    assert without(found, found.rivals[:1]).rivals == found.rivals[1:]
    assert graded(without(found, found.rivals[:2])) == {3: Grade.NAME}
    assert without(found, found.rivals) == MatchResult()
    assert without(found, ()) == found


def test_rivals_that_are_left_with_one_file_in_two_libraries_all_match() -> None:
    items = [lean(1, ("/media/a/x.mp4", 5)), lean(2, ("/media/b/x.mp4", 5)), lean(3, ("/media/b/x.mp4", 5))]
    found = match_file(("/data/x.mp4", 5), items, NO_RULES)
    assert graded(without(found, found.rivals[:1])) == {2: Grade.NAME, 3: Grade.NAME}
