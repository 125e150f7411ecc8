"""A path that PlexSync put into a sentence itself is hidden as a whole, whatever characters it has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.hide_paths import PathHider, as_path, hide_paths, mark_paths
from local.path_marks import without_any_marks, without_marks

ODD = (
    "/media/Jane's Secret Video.mp4",
    "/media/a;b?.E02 x.mp4",
    '/media/"quoted", <tagged> | piped*.mkv',
    "/media/no ending at all",
    "C:\\Films\\Jane's. Film, 2. Teil",
    "\\\\nas\\Filme (privat)\\x",
    "relative/Jane's x.mp4",
    "/media/line\nend/\x1b.mp4",
)


@pytest.mark.parametrize("path", ODD)
@pytest.mark.parametrize("around", ["Plex has no item with the file {}; scan", "{}", "'{}' failed", "at {}, not at {}"])
def test_the_whole_path_is_replaced(path: str, around: str) -> None:
    shown = hide_paths(around.replace("{}", as_path(path)))
    stand_in = hide_paths(as_path(path))
    assert shown == around.replace("{}", stand_in)
    assert stand_in.startswith("<path ")


@given(st.text(min_size=1), st.text(st.characters(exclude_characters="/\\\ufdd0\ufdd1"), max_size=20))
def test_nothing_of_any_path_but_its_ending_is_left(path: str, around: str) -> None:
    shown = hide_paths(f"{around}{as_path(path)}{around}")
    inside = shown.removeprefix(around).removesuffix(around)
    assert len(inside) <= len("<path 123456>") + 5
    assert without_marks(f"{around}{as_path(path)}") == around + without_marks(path)


def test_a_sentence_that_was_cut_in_a_path_shows_nothing_of_it() -> None:
    assert hide_paths(f"see {as_path('/media/Jane.mp4')}"[:12]).startswith("see <path ")


def test_paths_are_marked_in_sentences_of_others_and_only_once() -> None:
    paths = ("/a/Jane's x", "/a/Jane's x/b; c.mp4")
    text = f"open /a/Jane's x/b; c.mp4 and /a/Jane's x and {as_path(paths[1])}: no"
    marked = mark_paths(text, paths)
    assert without_marks(marked) == without_marks(text)
    assert "Jane" not in hide_paths(marked)
    assert "c.mp4" not in hide_paths(marked)
    assert mark_paths("text", ["", "/x"]) == "text"


def test_marks_are_removed_from_all_texts_of_an_answer() -> None:
    answer = {"a": [as_path("/x"), 1, None, {"b": f"at {as_path('/y')}"}]}
    assert without_any_marks(answer) == {"a": ["/x", 1, None, {"b": "at /y"}]}


def test_a_folder_with_an_odd_name_is_hidden_in_errors_of_the_system() -> None:
    hider = PathHider("/home/jane's; stuff/data", is_on=True)
    error = OSError(28, "No space", "/home/jane's; stuff/data/queue/data.db")
    assert "jane" not in hider.show(str(error))
    hider.is_on = False
    assert "jane's" in hider.show(str(error))


@pytest.mark.parametrize("name", ["Jane's Secret Video.mp4", "a;b?.E02 x.mp4", "x, y | z.mkv"])
def test_a_video_in_an_error_of_somebody_else_is_hidden_as_a_whole(name: str) -> None:
    shown = hide_paths(f"open /data/some folder/{name}: no such file")
    assert shown.startswith("open <path ")
    assert shown.endswith(f">{name[-4:]}: no such file")
