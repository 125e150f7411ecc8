"""How changes are packed into request lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plex.edit import (
    LONGEST_LINE_BYTES,
    AddName,
    Change,
    RemoveName,
    SetText,
    encoded_bytes,
    pack,
    parameters_of,
    shorter_line,
    text_bytes_for,
)
from plex.fields import Field
from plex.text import cut_to_encoded

TEXTS = st.text(max_size=60)
CHANGES = st.lists(
    st.one_of(
        st.builds(SetText, field=st.sampled_from([Field.TITLE, Field.SUMMARY, Field.STUDIO]), value=TEXTS),
        st.builds(RemoveName, field=st.sampled_from([Field.GENRES, Field.ACTORS]), name=TEXTS),
        st.builds(AddName, field=st.sampled_from([Field.GENRES, Field.ACTORS]), name=TEXTS, text=TEXTS),
    ),
    max_size=20,
)


def line_bytes_of(changes: tuple[Change, ...]) -> int:
    return sum(len(name) + encoded_bytes(value) + 2 for name, value in parameters_of(changes)) + 600


@given(CHANGES, st.integers(650, 1500))
def test_each_request_is_short_enough_or_one_change_that_cannot_be_divided(
    changes: list[Change], limit: int
) -> None:
    parts = list(pack(changes, limit))
    assert sorted(map(repr, changes)) == sorted(repr(change) for part in parts for change in part)
    assert all(line_bytes_of(part) <= limit or len(part) == 1 for part in parts)


@given(CHANGES, st.integers(650, 1500))
def test_what_is_too_long_by_itself_goes_last(changes: list[Change], limit: int) -> None:
    fits = [line_bytes_of(part) <= limit for part in pack(changes, limit)]
    assert fits == sorted(fits, reverse=True)


def test_a_long_list_is_divided_and_each_part_locks_its_field() -> None:
    changes = [AddName(field=Field.GENRES, name=f"日本語のタグ {number}") for number in range(100)]
    parts = [parameters_of(part) for part in pack(changes, 8_000)]
    assert len(parts) == 2
    assert all(part[-1] == ("genre.locked", "1") and part[0][0] == "genre[0].tag.tag" for part in parts)


def test_the_limit_falls_in_steps_and_then_no_further() -> None:
    limits, limit = [], LONGEST_LINE_BYTES
    while (shorter := shorter_line(limit)) is not None:
        limits.append(shorter)
        limit = shorter
    assert limits == [8_000, 4_000, 2_000]


@given(st.text(max_size=200), st.integers(0, 300))
def test_a_cut_text_fits_and_is_cut_no_further(text: str, limit: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    cut = cut_to_encoded(text, limit)
    assert encoded_bytes(cut) <= limit
    assert text.startswith(cut)
    assert cut_to_encoded(cut, limit) == cut


def test_a_text_is_cut_at_a_word() -> None:
    assert cut_to_encoded("one two three", 12) == "one two"
    assert cut_to_encoded("one two three", 13) == "one two"
    assert cut_to_encoded("文文", 17) == "文"
    assert text_bytes_for(8_000) == 7_400
