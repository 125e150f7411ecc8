"""An item is given back as it was before PlexSync; what a person changed since stays."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.altered import NOTHING_ALTERED
from plex.edit import LONGEST_LINE_BYTES, AddName, pack, parameters_of
from plex.fields import LISTS, Field, Value, names_in, values_of
from plex.model import PartFile, PlexItem
from plex.plan import Owned, Wanted, plan
from plex.undo import Undo, plan_undo
from tests.support.plex_items import after_put, an_item
from tests.unit.plex.test_plex_former import CAST_ITEM, FULL, NOTHING, OWN, after, lost, pushed, wanted
from tests.unit.plex.test_plex_plan_properties import flags, items, keys_of, wanteds

if TYPE_CHECKING:
    from plex.fields import Values

FILE = (PartFile(path="/media/a clip.mp4", size=1),)


def undone(item: PlexItem, done: Undo) -> PlexItem:
    """The item after its PUT, the rating, and the PUT that unlocks collections."""
    for part in pack(done.changes, LONGEST_LINE_BYTES):
        item = after_put(item, parameters_of(part))
    if done.rating is not None:
        item = replace(item, rating=done.rating and f"{float(done.rating):.1f}")
    return after_put(item, (("collection.locked", "0"),)) if done.unlocks_collections else item


def in_any_order(values: Values) -> dict[Field, list[str]]:
    return {name: sorted(names_in(value)) for name, value in values.items()}


def undo(item: PlexItem, own: Owned) -> Undo:
    return plan_undo(item, own, NOTHING_ALTERED)


def test_every_field_returns_with_its_lock_in_one_request() -> None:
    shown, own = after(OWN, FULL)
    done = undo(shown, own)
    assert undone(shown, done) == OWN
    assert len(list(pack(done.changes, LONGEST_LINE_BYTES))) == 1
    assert done.returned[Field.SUMMARY] == ("S", OWN.summary)
    assert done.returned[Field.GENRES] == (("Own", "Both", "New"), ("Own", "Both"))
    assert set(done.unlocked) == {
        Field.TITLE, Field.DATE, Field.STUDIO, Field.GENRES, Field.ACTORS, Field.COLLECTIONS
    }  # fmt: skip
    assert done.kept == {}


def test_an_actor_who_left_with_stash_returns_with_the_part_played() -> None:
    shown, own = after(CAST_ITEM, wanted(actors=("Amy",)))
    shown, own = after(shown, wanted(actors=()), own)
    assert "Amy" not in shown.actors
    done = undo(shown, own)
    assert [each for each in done.changes if isinstance(each, AddName)] == [
        AddName(field=Field.ACTORS, name="Amy", text="Herself", thumb="http://amy")
    ]
    assert done.kept == {}


def test_an_item_that_is_given_back_needs_nothing_more() -> None:
    shown, own = after(OWN, FULL)
    again = undo(undone(shown, undo(shown, own)), own)
    assert (again.changes, again.rating, again.unlocked, again.kept) == ((), None, (), {})


def test_what_a_person_changed_since_stays_and_is_named() -> None:
    shown, own = after(OWN, FULL)
    hers = replace(
        shown, summary="Hers", rating="7.0", genres=(*shown.genres, "Hers"), actors=("New",), roles=(),
        locked=shown.locked | {"actor"},
    )  # fmt: skip
    done = undo(hers, own)
    again = undone(hers, done)
    assert (again.title, again.summary, again.rating) == (OWN.title, "Hers", "7.0")
    assert (again.genres, again.actors) == ((*OWN.genres, "Hers"), ())
    assert {"summary", "genre", "actor"} <= again.locked
    assert done.kept == {
        Field.SUMMARY: "Hers", Field.RATING: "7", Field.GENRES: (*OWN.genres, "Hers"), Field.ACTORS: ()
    }  # fmt: skip


def test_a_name_of_plexsync_that_a_person_removed_is_no_edit_to_keep() -> None:
    shown, own = after(an_item(genres=("Own",)), wanted(genres=("A", "B")))
    done = undo(replace(shown, genres=("Own", "B")), own)
    assert (done.returned, done.kept) == ({Field.GENRES: (("Own", "B"), ("Own",))}, {})


@pytest.mark.parametrize("arrived", [True, False])
def test_a_write_whose_answer_was_lost_is_undone_if_it_arrived(*, arrived: bool) -> None:
    done = plan(OWN, FULL, NOTHING, keep_plex_edits=False)
    shown, _ = after(OWN, FULL)
    assert undone(shown, undo(shown, lost(done))) == OWN
    if not arrived:
        assert undone(OWN, undo(OWN, lost(done))) == OWN


def test_of_an_older_version_only_plexsyncs_values_and_locks_leave() -> None:
    values: dict[Field, Value] = {
        Field.TITLE: "T", Field.SUMMARY: "S", Field.GENRES: ("G",), Field.COLLECTIONS: ("C",), Field.RATING: "9",
    }  # fmt: skip
    item = an_item(
        title="T", summary="S", genres=("Own", "G"), collections=("C",), rating="9", parts=FILE,
        locked=frozenset({"title", "summary", "genre", "collection", "studio"}),
    )  # fmt: skip
    done = undo(item, Owned(pushed=values))
    again = undone(item, done)
    assert (again.title, again.summary, again.rating) == ("a clip", "", "")
    assert (again.genres, again.collections) == (("Own",), ())
    assert again.locked == {"studio"}
    rest = undo(again, Owned(pushed=values))
    assert (rest.changes, rest.kept) == ((), {})


def test_of_an_older_version_what_a_person_changed_since_stays() -> None:
    own = Owned(pushed={Field.TITLE: "T", Field.SUMMARY: "S"})
    item = an_item(title="Hers", summary="", locked=frozenset({"title", "summary"}))
    done = undo(item, own)
    assert (done.changes, done.kept) == ((), {Field.TITLE: "Hers", Field.SUMMARY: ""})


def test_a_value_that_plex_shows_otherwise_than_it_was_sent_is_plexsyncs() -> None:
    own = Owned(pushed={Field.DATE: "2004-03-01", Field.GENRES: ("zoé",)})
    altered = {Field.DATE: {"2004-03-01": ("2004-03-02",)}, Field.GENRES: {"zoé": ("Zoe",)}}
    item = an_item(date="2004-03-02", genres=("Zoe", "Own"), locked=frozenset({"originallyAvailableAt"}))
    done = plan_undo(item, own, altered)
    assert done.returned == {Field.DATE: ("2004-03-02", ""), Field.GENRES: (("Zoe", "Own"), ("Own",))}


def test_a_text_that_the_server_does_not_take_is_cut() -> None:
    shown, own = after(an_item(summary="word " * 20), wanted(summary="S"))
    assert plan_undo(shown, own, NOTHING_ALTERED, text_bytes=30).returned[Field.SUMMARY] == ("S", "word word word word")


@given(items, wanteds, wanteds, flags, st.lists(flags, min_size=2, max_size=2))
def test_whatever_was_pushed_the_item_is_as_it_was(
    item: PlexItem, first: Wanted, second: Wanted, keep: bool, are_lost: list[bool]
) -> None:
    """Also if answers were lost, and for whichever scenes. An actor who left with Stash's comes back as the last."""
    shown, own = item, NOTHING
    for want, is_lost in zip((first, second), are_lost, strict=True):
        done = plan(shown, want, own, keep_plex_edits=keep)
        shown, _ = after(shown, want, own, keep=keep)
        own = lost(done, own) if is_lost else pushed(done)
    last = undo(shown, own)
    again = undone(shown, last)
    assert in_any_order(values_of(again)) == in_any_order(values_of(item))
    assert again.locked - {"collection"} == item.locked - {"collection"}
    assert last.kept == {}
    assert undo(again, own).changes == ()


@given(items, wanteds, items)
def test_no_name_and_no_text_of_a_person_is_lost(item: PlexItem, want: Wanted, meanwhile: PlexItem) -> None:
    _, own = after(item, want)
    again = values_of(undone(meanwhile, undo(meanwhile, own)))
    for name, value in values_of(meanwhile).items():
        ours = own.pushed.get(name, ())
        if name in LISTS:
            before = keys_of(own.former[name].value) if name in own.former else set[str]()
            assert keys_of(value) - keys_of(ours) | (keys_of(value) & before) <= keys_of(again[name])
        elif name not in own.pushed:
            assert again[name] == value
