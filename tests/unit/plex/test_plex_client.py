from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from plex.client import split_parameters
from plex.connection import display_address

FIELDS = st.lists(
    st.tuples(st.sampled_from(["title.value", "title.locked", "genre[0].tag.tag", "genre[].tag.tag-"]), st.text()),
    max_size=12,
)


@given(FIELDS, st.integers(0, 300))
def test_a_long_edit_is_split_only_between_fields(parameters: list[tuple[str, str]], room: int) -> None:
    parts = list(split_parameters(parameters, room))
    assert [parameter for part in parts for parameter in part] == parameters
    assert all(parts)
    for left, right in pairwise(parts):
        assert left[-1][0][:5] != right[0][0][:5]


def test_a_short_edit_is_not_split() -> None:
    parameters = [("title.value", "é" * 10), ("genre[0].tag.tag", "x")]
    assert len(list(split_parameters(parameters, 100))) == 1
    assert len(list(split_parameters(parameters, 90))) == 2


def test_an_address_is_shown_without_its_password() -> None:
    assert display_address("https://user:pa@ss@plex:32400/path") == "https://plex:32400"
