from __future__ import annotations

from plex.model import Section
from plex.sections import choose_sections, describe_missing

MOVIES, SHOWS, CLIPS = (
    Section(key=key, title=title, type=kind, locations=())
    for key, title, kind in [(1, "Movies", "movie"), (2, "Shows", "show"), (3, "Clips", "movie")]
)


def test_without_names_all_movie_libraries_are_chosen() -> None:
    assert choose_sections([MOVIES, SHOWS, CLIPS], []) == ((MOVIES, CLIPS), ())


def test_names_match_in_any_case_and_those_without_a_library_are_returned() -> None:
    assert choose_sections([MOVIES, SHOWS, CLIPS], ["clips ", "Shows", "Gone"]) == ((CLIPS,), ("Shows", "Gone"))


def test_the_message_for_a_missing_library_names_the_existing_ones() -> None:
    words = describe_missing([MOVIES, SHOWS, CLIPS], ["Gone"])
    assert "Gone" in words
    assert "Movies, Clips" in words
    assert "none" in describe_missing([SHOWS], [])
