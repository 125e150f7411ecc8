from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plex.client import choose_sections, divide, words_for_missing
from plex.connection import shown_address
from plex.model import Section

MOVIES, SHOWS, CLIPS = (
    Section(key=key, title=title, type=kind, locations=())
    for key, title, kind in [(1, "Movies", "movie"), (2, "Shows", "show"), (3, "Clips", "movie")]
)


def test_without_names_all_movie_libraries_are_meant() -> None:
    assert choose_sections([MOVIES, SHOWS, CLIPS], []) == ((MOVIES, CLIPS), ())


def test_names_fit_in_any_case_and_those_without_a_library_are_named() -> None:
    assert choose_sections([MOVIES, SHOWS, CLIPS], ["clips ", "Shows", "Gone"]) == ((CLIPS,), ("Shows", "Gone"))


def test_a_missing_library_is_said_with_those_that_exist() -> None:
    words = words_for_missing([MOVIES, SHOWS, CLIPS], ["Gone"])
    assert "Gone" in words
    assert "Movies, Clips" in words
    assert "none" in words_for_missing([SHOWS], [])


FIELDS = st.lists(
    st.tuples(st.sampled_from(["title.value", "title.locked", "genre[0].tag.tag", "genre[].tag.tag-"]), st.text()),
    max_size=12,
)


@given(FIELDS, st.integers(0, 300))
def test_a_long_edit_is_divided_between_fields_only(parameters: list[tuple[str, str]], room: int) -> None:
    parts = list(divide(parameters, room))
    assert [parameter for part in parts for parameter in part] == parameters
    assert all(parts)
    for left, right in pairwise(parts):
        assert left[-1][0][:5] != right[0][0][:5]


def test_a_short_edit_stays_one() -> None:
    parameters = [("title.value", "é" * 10), ("genre[0].tag.tag", "x")]
    assert len(list(divide(parameters, 100))) == 1
    assert len(list(divide(parameters, 90))) == 2


def test_an_address_is_shown_without_its_password() -> None:
    assert shown_address("https://user:pa@ss@plex:32400/path") == "https://plex:32400"
