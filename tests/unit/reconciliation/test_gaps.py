"""What counts as a gap, and of which type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from plex.fields import Field
from plex.plan import Owned, Wanted, plan
from reconciliation.gaps import GapType, changes_of, gap_of
from tests.support.plex_items import an_item, applied

if TYPE_CHECKING:
    from plex.fields import Value
    from plex.model import PlexItem
    from reconciliation.gaps import Gap

NOTHING = Owned(pushed={})

texts = st.sampled_from(["", "one", "two", "Three"])
names = st.lists(st.sampled_from(["a", "b", "c", "A"]), unique_by=str.lower, max_size=3).map(tuple)
items = st.builds(an_item, title=texts, summary=texts, studio=texts, genres=names, actors=names)
wanted = st.builds(
    lambda title, summary, genres, actors: a_wanted(
        {Field.TITLE: title, Field.SUMMARY: summary, Field.GENRES: genres, Field.ACTORS: actors}
    ),
    texts, texts, names, names,
)  # fmt: skip


def a_wanted(values: dict[Field, Value]) -> Wanted:
    return Wanted(values=values, file_stem="clip 001")


def gap(values: dict[Field, Value], owned: Owned = NOTHING, *, keep: bool = False, **item: Value) -> Gap | None:
    return gap_of(5, [changes_of(an_item(**item), a_wanted(values), owned, keep_plex_edits=keep)])


def test_gap_is_empty_if_plex_has_no_value_for_a_field() -> None:
    found = gap({Field.SUMMARY: "text", Field.TITLE: "new"}, title="old")
    assert found
    assert found.type is GapType.EMPTY
    assert found.changes == {Field.TITLE: ("old", "new"), Field.SUMMARY: ("", "text")}


def test_gap_is_stale_if_a_value_differs_or_a_list_is_incomplete() -> None:
    for found in (gap({Field.TITLE: "new"}, title="old"), gap({Field.GENRES: ("a", "b")}, genres=("a",))):
        assert found
        assert found.type is GapType.STALE


def test_gap_is_stale_if_a_value_must_be_cleared() -> None:
    found = gap({Field.SUMMARY: ""}, Owned(pushed={Field.SUMMARY: "was"}), summary="was")
    assert found
    assert (found.type, found.changes) == (GapType.STALE, {Field.SUMMARY: ("was", "")})


def test_values_added_by_hand_or_kept_are_no_gap() -> None:
    assert gap({Field.GENRES: ("a",)}, genres=("a", "by hand")) is None
    pushed = Owned(pushed={Field.TITLE: "pushed"})
    assert gap({Field.TITLE: "pushed"}, pushed, keep=True, title="by hand") is None
    assert gap({Field.TITLE: "pushed"}, pushed, title="by hand") is not None


def test_several_items_make_one_gap_with_the_first_difference_per_field() -> None:
    values = a_wanted({Field.TITLE: "new", Field.STUDIO: "studio"})
    changes = [
        changes_of(item, values, NOTHING, keep_plex_edits=False)
        for item in (an_item(title="new", studio="x"), an_item(title="old", studio="y"))
    ]
    found = gap_of(5, changes)
    assert found
    assert found.changes == {Field.STUDIO: ("x", "studio"), Field.TITLE: ("old", "new")}
    assert gap_of(5, []) is None


@given(items, wanted, st.booleans())
def test_no_gap_right_after_a_push(item: PlexItem, values: Wanted, keep: bool) -> None:
    edit = plan(item, values, NOTHING, keep_plex_edits=keep)
    after = applied(item, edit)
    assert gap_of(5, [changes_of(after, values, Owned(pushed=edit.pushed), keep_plex_edits=keep)]) is None
