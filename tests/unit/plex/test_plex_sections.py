from __future__ import annotations

import pytest

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


def libraries(*titles: str) -> list[Section]:
    return [Section(key=key, title=title, type="movie", locations=()) for key, title in enumerate(titles, 1)]


@pytest.mark.parametrize(
    ("titles", "names", "chosen", "missing"),
    [
        (["Movies", " Movies"], ["Movies"], ["Movies"], []),
        (["Movies", " Movies"], [" Movies"], [" Movies"], []),
        (["movies", "Movies", "MOVIES"], ["Movies"], ["Movies"], []),
        (["Movies", " Movies"], ["movies"], [], ["movies"]),
        ([" Movies "], ["movies"], [" Movies "], []),
        (["Home  movies"], ["home movies"], ["Home  movies"], []),
        (["Movies", "Movies"], ["movies"], ["Movies", "Movies"], []),
        (["Films, old", "Films"], ["Films, old"], ["Films, old"], []),
        (["Movies", " Movies", "Clips"], ["CLIPS", "MOVIES"], ["Clips"], ["MOVIES"]),
    ],
)
def test_an_exact_name_goes_first_and_a_name_that_fits_several_means_none(
    titles: list[str], names: list[str], chosen: list[str], missing: list[str]
) -> None:
    found, unmet = choose_sections(libraries(*titles), names)
    assert ([section.title for section in found], list(unmet)) == (chosen, missing)


def test_the_message_for_a_name_that_fits_several_says_so_and_shows_how_to_write_them() -> None:
    words = describe_missing(libraries("Movies", " Movies", "Films, old"), ["MOVIES"])
    assert "no movie library named MOVIES exactly, but several that differ in case or spaces" in words
    assert 'libraries: Movies, " Movies", "Films, old".' in words


def test_the_message_for_a_missing_library_names_the_existing_ones() -> None:
    words = describe_missing([MOVIES, SHOWS, CLIPS], ["Gone"])
    assert "Gone" in words
    assert "Movies, Clips" in words
    assert "none" in describe_missing([SHOWS], [])


def test_a_library_of_another_type_is_named_as_such_with_what_to_do() -> None:
    photos = Section(key=4, title="Films, old", type="photo", locations=())
    need = "PlexSync needs a library of the type Movies or Other Videos; add one in Plex with the same folders."
    assert f' "Films, old" holds photos: {need} ' in describe_missing([MOVIES, photos, SHOWS], ["films, old"])
    assert f" Shows holds TV shows: {need} " in describe_missing([SHOWS], [])
    assert "holds" not in describe_missing([MOVIES, SHOWS], ["Gone"])
