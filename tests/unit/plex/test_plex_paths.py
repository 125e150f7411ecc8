from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.paths import (
    base_name,
    file_stem,
    is_inside,
    is_same_path,
    map_path,
    normal_form,
    plain_path,
    respell,
    shared_tail,
)

RULES = (("/data/films", "/movies"), ("/data/", "/media"), ("C:\\Clips", "/clips"), ("/unix", "D:\\Films"))


@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("/data/films/a.mp4", "/movies/a.mp4"),
        ("/data/x/a.mp4", "/media/x/a.mp4"),
        ("/database/a.mp4", "/database/a.mp4"),
        ("/data", "/media"),
        ("c:\\Clips\\sub\\a.mp4", "/clips/sub/a.mp4"),
        ("/unix/sub/a.mp4", "D:\\Films\\sub\\a.mp4"),
        ("/elsewhere/a.mp4", "/elsewhere/a.mp4"),
    ],
)
def test_the_first_rule_that_matches_in_whole_folders_applies(path: str, mapped: str) -> None:
    assert map_path(path, RULES) == mapped


def test_the_root_and_a_drive_letter_are_prefixes_too() -> None:
    assert map_path("/a/b.mp4", [("/", "/mnt")]) == "/mnt/a/b.mp4"
    assert map_path("/mnt/a/b.mp4", [("/mnt", "/")]) == "/a/b.mp4"
    assert map_path("/mnt/a.mp4", [("/mnt", "E:")]) == "E:\\a.mp4"


def test_the_rest_of_a_path_keeps_its_spelling() -> None:
    decomposed = unicodedata.normalize("NFD", "é.mp4")
    assert map_path(f"/data/{decomposed}", RULES) == f"/media/{decomposed}"


def test_a_prefix_matches_in_either_unicode_form() -> None:
    rule = (unicodedata.normalize("NFC", "/é"), "/media")
    assert map_path(unicodedata.normalize("NFD", "/é/a.mp4"), [rule]) == "/media/a.mp4"


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("/a//b/", "/a/b"),
        ("\\\\nas\\films\\a.mp4", "//nas/films/a.mp4"),
        ("c:/films/a.mp4", "C:\\films\\a.mp4"),
        (unicodedata.normalize("NFD", "/é"), unicodedata.normalize("NFC", "/é")),
        ("\\\\?\\C:\\films\\a.mp4", "c:\\films\\a.mp4"),
        ("\\\\?\\UNC\\nas\\films\\a.mp4", "\\\\nas\\films\\a.mp4"),
        ("\\\\?\\unc\\nas\\films\\a.mp4", "//nas/Films/a.mp4"),
        ("//?/UNC/nas/films/a.mp4", "\\\\NAS\\films\\a.mp4"),
    ],
)
def test_spellings_of_one_path_are_the_same(path: str, other: str) -> None:
    assert is_same_path(path, other)


@pytest.mark.parametrize(("path", "other"), [
    ("/a/b", "/a/B"), ("a/b", "/a/b"), ("/a/b", "/ab"), ("/?/C:/a", "C:/a"), ("\\\\?\\UNCLE\\a", "\\\\LE\\a"),
    ("/UNC/nas/a", "/nas/a"),
])  # fmt: skip
def test_different_paths_are_not_the_same(path: str, other: str) -> None:
    assert not is_same_path(path, other)


@given(st.lists(st.sampled_from(["a", "é", "/", "\\", "C:", " ", "?", "UNC", "\\\\?\\", "//?/"])).map("".join))
def test_a_normal_form_is_its_own_normal_form(path: str) -> None:
    assert normal_form(normal_form(path)) == normal_form(path)


def test_a_path_loses_the_prefix_for_long_paths_and_nothing_else() -> None:
    assert plain_path("\\\\?\\C:\\a") == "C:\\a"
    assert plain_path("\\\\?\\UNC\\nas\\a") == "\\\\nas\\a"
    for path in ("/a", "\\\\nas\\a", "C:\\a", "\\\\?\\Volume{1}\\a", "?", ""):
        assert plain_path(path) == path


def test_a_rule_applies_to_long_paths_in_either_spelling() -> None:
    for prefix in ("\\\\nas\\films", "//nas/films", "\\\\?\\UNC\\nas\\films"):
        for path in ("\\\\nas\\films\\a.mp4", "//nas/films/a.mp4", "\\\\?\\UNC\\nas\\films\\a.mp4"):
            assert map_path(path, [(prefix, "/media")]) == "/media/a.mp4"
        separator = "\\" if "\\" in prefix else "/"
        assert map_path("/media/a.mp4", [("/media", prefix)]) == f"{prefix}{separator}a.mp4"


def test_a_path_lies_in_a_share_that_is_spelled_differently() -> None:
    assert is_inside("//nas/films/a.mp4", "\\\\NAS\\Films")
    assert is_inside("\\\\?\\UNC\\nas\\films\\a.mp4", "//nas/films")
    assert not is_inside("//nas/films/a.mp4", "//nas/other")
    assert shared_tail("\\\\?\\UNC\\nas\\films\\a.mp4", "//nas/films/a.mp4") == 3


def test_a_path_is_respelled_as_its_folder_is() -> None:
    assert respell("\\\\nas\\films\\x\\a.mp4", "//nas/films") == "//nas/films/x/a.mp4"
    assert respell("//nas/films/x/a.mp4", "\\\\nas\\films") == "\\\\nas\\films\\x\\a.mp4"
    assert respell("c:/films/X.mp4", "C:\\Films\\") == "C:\\Films\\X.mp4"
    assert respell("/media/a.mp4", "/films") is respell("/media", "/media") is None


def test_names_are_taken_from_either_kind_of_path() -> None:
    assert base_name("C:\\films\\a.b.mp4") == base_name("/films/a.b.mp4") == "a.b.mp4"
    assert [file_stem(path) for path in ("/x/a.b.mp4", "/x/.hidden", "/x/plain")] == ["a.b", ".hidden", "plain"]
