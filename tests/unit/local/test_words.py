from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.words import as_list_entry, counted, duration_in_words, named
from stash.setting_values import parse_list


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (0.04, "0.1 s"),
        (0.44, "0.4 s"),
        (0.96, "1 s"),
        (12.3, "12 s"),
        (59.7, "1 min"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3599.6, "1 h"),
        (3600, "1 h"),
        (7530, "2 h 6 min"),
        (86_390, "1 d"),
        (349_200, "4 d 1 h"),
        (3_456_000, "40 d"),
    ],
)
def test_duration_has_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words


@given(st.floats(-1e3, 1e9))
def test_no_unit_overflows_into_the_next(seconds: float) -> None:
    assert not any(words in duration_in_words(seconds) for words in (" 60 s", " 60 min", " 24 h", "1.0"))
    assert duration_in_words(seconds) not in ("60 s", "60 min", "24 h")


def test_noun_agrees_with_its_count() -> None:
    assert [counted(1, "job"), counted(0, "job"), counted(1, "try"), counted(3, "try")] == [
        "1 job", "0 jobs", "1 try", "3 tries",
    ]  # fmt: skip


@pytest.mark.parametrize("title", ["a\nb", "a\x00\x07b", "a\u202e b", "\ta\u2028b\r\n"])
def test_scene_is_named_on_one_line_without_direction_marks(title: str) -> None:
    assert named(title, 12) == '"a b" (scene 12)'


def test_title_keeps_letters_of_all_scripts_and_joined_emoji() -> None:
    assert named("שלום é 👩\u200d👧", 12) == '"שלום é 👩\u200d👧" (scene 12)'


@pytest.mark.parametrize("title", ["", " ", "\n"])
def test_scene_without_a_title_is_named_by_its_id(title: str) -> None:
    assert named(title, 12) == "scene 12"


@given(st.lists(st.text('ab ,"'), max_size=4))
def test_a_list_setting_reads_its_entries_back(names: list[str]) -> None:
    entries = ", ".join(as_list_entry(name) for name in names)
    assert parse_list(entries) == tuple(dict.fromkeys(name for name in names if name.strip()))


def test_a_plain_name_needs_no_quotes_in_a_list() -> None:
    assert as_list_entry("Home movies") == "Home movies"
