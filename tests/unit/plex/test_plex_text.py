from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.text import (
    clean_line,
    clean_names,
    clean_rating,
    clean_text,
    loose_form,
    name_key,
    plex_rating,
    whole_date,
)

any_text = st.text(st.characters(exclude_categories=[]))  # with lone surrogates: JSON may contain them


@given(any_text, st.integers(1, 40))
def test_cleaning_twice_changes_nothing(text: str, limit: int) -> None:
    once = clean_text(text, limit)
    line = clean_line(text, limit)
    assert clean_text(once, limit) == once
    assert clean_line(line, limit) == line
    assert clean_names([line]) == ((line,) if line else ())


@given(any_text)
def test_cleaned_text_survives_xml_and_utf8(text: str) -> None:
    cleaned = clean_line(text, 500)
    element = ET.fromstring(ET.tostring(ET.Element("Video", title=cleaned)))
    assert element.get("title") == cleaned


@given(any_text, st.integers(0, 40))
def test_cleaned_text_keeps_to_its_limit_in_bytes(text: str, limit: int) -> None:
    assert len(clean_text(text, limit).encode()) <= limit


@given(any_text, st.integers(0, 200))
def test_a_forbidden_character_changes_nothing_but_itself(text: str, limit: int) -> None:
    """Text without one is cleaned in a cheaper way."""
    for clean in (clean_text, clean_line):
        assert clean(f"\x00{text}", limit) == clean(text, limit)


def test_control_characters_are_removed_and_other_scripts_stay() -> None:
    assert clean_text("a\x00b\x07c\r\nd\u2028e\x85f", 99) == "abc\nd\ne\nf"
    assert clean_line("  Ünïcödé\t日本語 \n👩‍👩‍👧 العربية ", 99) == "Ünïcödé 日本語 👩‍👩‍👧 العربية"


def test_a_cut_never_splits_a_character() -> None:
    assert clean_text("日本語", 8) == "日本"


def test_names_that_differ_in_ascii_case_are_one_tag() -> None:
    assert clean_names(["Action", " action ", "", "\x00", "Été", "été"]) == ("Action", "Été", "été")
    assert name_key("e\u0301A") == name_key("\u00e9a")


def test_loose_form_ignores_only_white_space() -> None:
    assert loose_form("a\n\nb\tc ") == loose_form("a b c") != loose_form("ab c")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2004", "2004-01-01"),
        ("2004-03", "2004-03-01"),
        ("2004-3-9", "2004-03-09"),
        ("2004-03-09", "2004-03-09"),
        (" 2004-03-09T10:00:00Z", "2004-03-09"),
        ("2004-02-30", ""),
        ("2004-13", ""),
        ("0000-00-00", ""),
        ("20040309", ""),
        ("²004", ""),
        ("soon", ""),
        ("", ""),
    ],
)
def test_dates_are_whole_or_empty(text: str, date: str) -> None:
    assert whole_date(text) == date


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("8.0", "8"),
        ("8", "8"),
        ("8.5", "8.5"),
        ("8.3000001", "8.3"),
        ("10.0", "10"),
        ("10", "10"),
        ("11", "10"),
        ("inf", "10"),
        ("0", ""),
        ("0.0", ""),
        ("0.01", ""),
        ("-1", ""),
        ("nan", ""),
        ("", ""),
        ("good", ""),
    ],
)
def test_ratings_have_one_form(text: str, rating: str) -> None:
    assert clean_rating(text) == rating


@pytest.mark.parametrize(
    ("rating100", "rating"),
    [(None, ""), (100, "10"), (85, "8.5"), (80, "8"), (1, "0.1"), (0, ""), (-5, ""), (101, "10")],
)
def test_stash_ratings_become_plex_ratings(rating100: int | None, rating: str) -> None:
    assert plex_rating(rating100) == rating


@given(st.floats())
def test_cleaning_a_rating_twice_changes_nothing(rating: float) -> None:
    once = clean_rating(str(rating))
    assert clean_rating(once) == once
