from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.path_map import AGREEING_FILES, infer_rules
from plex.paths import is_same_path, map_path


def pairs(count: int, stash: str, plex: str) -> list[tuple[str, str]]:
    return [(f"{stash}/{number}.mp4", f"{plex}/{number}.mp4") for number in range(count)]


def test_five_files_that_agree_make_a_rule_but_four_do_not() -> None:
    assert infer_rules(pairs(AGREEING_FILES, "/data", "/media")) == (("/data", "/media"),)
    assert infer_rules(pairs(AGREEING_FILES - 1, "/data", "/media")) == ()


def test_the_prefix_is_as_short_as_the_shared_end_allows() -> None:
    files = [(f"/data/s{number}/x.mp4", f"/mnt/media/s{number}/x.mp4") for number in range(5)]
    assert infer_rules(files) == (("/data", "/mnt/media"),)


def test_no_rule_lies_below_another() -> None:
    assert infer_rules([*pairs(5, "/data/a", "/media/a"), *pairs(5, "/data/b", "/media/b")]) == (("/data", "/media"),)


def test_one_file_that_contradicts_a_rule_is_enough_to_reject_it() -> None:
    files = pairs(50, "/data", "/media")
    assert infer_rules([*files, ("/data/x.mp4", "/elsewhere/x.mp4")]) == ()


def test_a_contradiction_in_one_folder_leaves_rules_for_the_others() -> None:
    files = [*pairs(5, "/data/a", "/media/a"), *pairs(5, "/data/b", "/mnt/b")]
    assert infer_rules(files) == (("/data/a", "/media/a"), ("/data/b", "/mnt/b"))


def test_each_of_several_roots_gets_a_rule() -> None:
    files = [*pairs(5, "/one", "/media/1"), *pairs(5, "/two", "/media/2"), *pairs(4, "/three", "/media/3")]
    assert infer_rules(files) == (("/one", "/media/1"), ("/two", "/media/2"))


def test_identical_paths_need_no_rule_and_contradict_others() -> None:
    assert infer_rules(pairs(9, "/data", "/data")) == ()
    assert infer_rules([*pairs(9, "/data/a", "/media/a"), ("/data/x.mp4", "/data/x.mp4")]) == (
        ("/data/a", "/media/a"),
    )


def test_a_known_rule_stays_until_a_file_contradicts_it() -> None:
    known, others = (("/data", "/media"),), pairs(5, "/other", "/mnt")
    assert infer_rules([], known) == known
    assert infer_rules(others, known) == (*known, ("/other", "/mnt"))
    assert infer_rules([*others, ("/data/x.mp4", "/elsewhere/x.mp4")], known) == (("/other", "/mnt"),)


@pytest.mark.parametrize(
    ("stash", "plex"), [("/data", "C:\\films"), ("\\\\nas\\films", "/mnt"), ("/", "/mnt"), ("/mnt", "/"), ("D:", "/d")]
)
def test_rules_are_inferred_for_every_kind_of_root(stash: str, plex: str) -> None:
    files = [(map_path(f"/root/{name}.mp4", [("/root", stash)]), map_path(f"/root/{name}.mp4", [("/root", plex)]))
             for name in range(5)]  # fmt: skip
    (rule,) = infer_rules(files)
    assert is_same_path(map_path(files[0][0], [rule]), files[0][1])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("de"), st.integers(0, 9)), max_size=40))
def test_no_inferred_rule_maps_any_of_its_files_to_another_path(names: list[tuple[str, str, int]]) -> None:
    files = [(f"/data/{one}/{number}.mp4", f"/media/{two}/{number}.mp4") for one, two, number in names]
    rules = infer_rules(files)
    for stash, plex in files:
        mapped = map_path(stash, rules)
        assert mapped == stash or is_same_path(mapped, plex)
