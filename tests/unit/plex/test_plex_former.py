"""What stood in a field before PlexSync first wrote it returns, with its lock, when nothing else is wanted there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plex.edit import parameters_of
from plex.fields import LISTS, Field, Value, values_of
from plex.model import Role
from plex.plan import Former, Owned, Plan, Wanted, plan
from tests.support.plex_items import an_item, applied, sent_by
from tests.unit.plex.test_plex_plan_properties import flags, items, keys_of, wanteds

if TYPE_CHECKING:
    from plex.model import PlexItem
    from plex.plan import FormerValues

NOTHING = Owned(pushed={})


def wanted(**values: Value) -> Wanted:
    return Wanted(values={Field[name.upper()]: value for name, value in values.items()}, file_stem="clip 001")


def kept_former(done: Plan) -> FormerValues:
    return {name: each for name, each in done.former.items() if name in done.pushed or each.from_stash}


def pushed(done: Plan) -> Owned:
    """What is stored after the plan was sent."""
    return Owned(pushed=done.pushed, former=kept_former(done))


def lost(done: Plan, own: Owned = NOTHING) -> Owned:
    """What is stored while it is not known whether the plan arrived."""
    return Owned(pushed=own.pushed, intents=(*own.intents, *done.intents), former=done.former)


def emptied(want: Wanted) -> Wanted:
    return Wanted(values={name: () if name in LISTS else "" for name in want.values}, file_stem="stem")


def after(item: PlexItem, want: Wanted, own: Owned = NOTHING, *, keep: bool = False) -> tuple[PlexItem, Owned]:
    done = plan(item, want, own, keep_plex_edits=keep)
    return applied(item, done), pushed(done)


OWN = an_item(
    title="Own title", summary="Own\n summary", rating="3.0", date="1999-09-09", genres=("Own", "Both"),
    actors=("Own actor",), roles=(Role(name="Own actor", text="Batman", thumb="", tag_key="5d"),),
    collections=("Shelf",), locked=frozenset({"summary", "director"}),
)  # fmt: skip
FULL = wanted(
    title="T", summary="S", rating="9", date="2004-01-01", studio="St", directors=("D",), actors=("New", "Own actor"),
    genres=("both", "New"), collections=("C",),
)  # fmt: skip


def test_every_field_returns_with_its_lock() -> None:
    shown, own = after(OWN, FULL)
    assert shown.title == "T"
    assert {"title", "summary", "studio", "genre", "actor", "collection"} <= shown.locked
    again, own = after(shown, emptied(FULL), own)
    assert again == OWN
    assert own == NOTHING


def test_a_withdrawal_is_one_request_and_one_more_for_the_lock_of_collections() -> None:
    shown, own = after(OWN, FULL)
    done = plan(shown, emptied(FULL), own, keep_plex_edits=False)
    assert done.rating == "3"
    assert [parameters_of(step) for step in done.steps] == [
        (
            ("title.value", "Own title"), ("title.locked", "0"), ("summary.value", "Own\n summary"),
            ("summary.locked", "1"), ("originallyAvailableAt.value", "1999-09-09"),
            ("originallyAvailableAt.locked", "0"), ("studio.value", ""), ("studio.locked", "0"),
            ("director[].tag.tag-", "D"), ("director.locked", "1"), ("actor[].tag.tag-", "New"), ("actor.locked", "0"),
            ("genre[].tag.tag-", "New"), ("genre.locked", "0"), ("collection[].tag.tag-", "C"),
        ),
        (("collection.locked", "0"),),
    ]  # fmt: skip


def test_a_value_that_was_there_already_is_kept_and_unlocked_again() -> None:
    shown, own = after(an_item(title="T", genres=("G",)), wanted(title="T", genres=("G",)))
    assert shown.locked == frozenset()
    shown, own = after(shown, wanted(title="T2", genres=("G", "H")), own)
    assert shown.locked == {"title", "genre"}
    shown, own = after(shown, wanted(title="", genres=()), own)
    assert shown == an_item(title="T", genres=("G",))


def test_a_name_that_was_there_before_is_neither_removed_nor_moved() -> None:
    item = an_item(actors=("B", "A"))
    shown, own = after(item, wanted(actors=("A", "B")))
    shown, own = after(shown, wanted(actors=("A", "B", "C")), own)
    assert shown.actors == ("B", "A", "C")
    shown, own = after(shown, wanted(actors=("C",)), own)
    assert shown.actors == ("B", "A", "C")


def test_what_an_earlier_installation_put_there_goes_when_stash_has_it_no_more() -> None:
    """It is locked, and Stash has it too: the data folder may be new, or another tool may have copied from Stash."""
    item = an_item(summary="S", rating="8", genres=("G", "Own"), locked=frozenset({"summary", "genre"}))
    shown, own = after(item, wanted(summary="S", rating="8", genres=("G", "H")))
    assert own.former[Field.GENRES] == Former(value=("G", "Own"), is_locked=True, from_stash=("G",))
    shown, own = after(shown, wanted(summary="S", rating="8", genres=("H",)), own)
    assert shown.genres == ("Own", "H")
    shown, own = after(shown, wanted(summary="", rating="", genres=()), own)
    assert (shown.summary, shown.rating, shown.genres) == ("", "", ("Own",))
    assert shown.locked == item.locked


CAST = (
    Role(name="Zoe", text="", thumb=""),
    Role(name="Hers", text="", thumb=""),
    Role(name="Amy", text="Herself", thumb="http://amy"),
    Role(name="Someone", text="Batman", thumb="", tag_key="5d"),
)
# All of them are in a locked list, as a person or an earlier installation has left it.
CAST_ITEM = an_item(actors=tuple(role.name for role in CAST), roles=CAST, locked=frozenset({"actor"}))


def test_an_actor_who_leaves_with_stash_gets_the_part_played_back_when_added_again() -> None:
    shown, own = after(CAST_ITEM, wanted(actors=("Amy", "Zoe", "Someone")))
    assert own.former[Field.ACTORS].from_stash == ("Zoe", "Amy")
    shown, own = after(shown, wanted(actors=("Zoe",)), own)
    assert shown.actors == ("Zoe", "Hers", "Someone"), "the agent's own actors would lose the link to their page"
    done = plan(shown, wanted(actors=("Zoe", "Amy")), own, keep_plex_edits=False)
    assert sent_by(done) == (
        ("actor[0].tag.tag", "Amy"), ("actor[0].tagging.text", "Herself"), ("actor[0].tag.thumb", "http://amy"),
        ("actor.locked", "1"),
    )  # fmt: skip


def test_actors_who_were_there_before_are_not_moved_wherever_they_came_from() -> None:
    shown, own = after(CAST_ITEM, wanted(actors=("Amy", "Zoe")))
    shown, own = after(shown, wanted(actors=("Amy", "Bea", "Zoe")), own)
    assert shown.actors == (*CAST_ITEM.actors, "Bea")


def test_what_was_stored_first_stays_through_later_writes() -> None:
    own = NOTHING
    shown = OWN
    for number in range(3):
        want = wanted(title=f"T{number}", genres=(f"G{number}",), summary=f"S{number}")
        done = plan(shown, want, own, keep_plex_edits=False)
        shown, own = applied(shown, done), (lost(done, own) if number == 1 else pushed(done))
        assert own.former[Field.TITLE] == Former(value="Own title", is_locked=False)
        assert own.former[Field.GENRES] == Former(value=("Own", "Both"), is_locked=False)


def test_what_a_field_held_when_it_is_written_anew_is_stored_anew() -> None:
    shown, own = after(OWN, wanted(summary="S"))
    shown, own = after(shown, wanted(summary=""), own)
    shown = an_item(summary="Hers", locked=frozenset({"summary"}))
    done = plan(shown, wanted(summary="S"), own, keep_plex_edits=False)
    assert done.former == {Field.SUMMARY: Former(value="Hers", is_locked=True)}


def test_a_field_that_an_older_version_wrote_is_emptied() -> None:
    own = Owned(pushed={Field.SUMMARY: "S", Field.GENRES: ("G",)})
    item = an_item(summary="S", genres=("G", "Own"), locked=frozenset({"summary", "genre"}))
    shown, own = after(item, wanted(summary="", genres=(), studio="St"), own)
    assert (shown.summary, shown.genres) == ("", ("Own",))
    assert set(own.former) == {Field.STUDIO}
    assert {"summary", "genre"} <= shown.locked


@pytest.mark.parametrize("keep", [True, False])
def test_a_persons_edit_stays_if_edits_are_kept_and_else_gives_way_to_what_stood_there(*, keep: bool) -> None:
    shown, own = after(OWN, wanted(summary="S", genres=("G",)), keep=False)
    hers = an_item(summary="Hers", genres=("Own", "Both", "G", "Hers"), locked=shown.locked)
    again, _ = after(hers, wanted(summary="", genres=()), own, keep=keep)
    assert again.summary == ("Hers" if keep else OWN.summary)
    assert again.genres == ("Own", "Both", "Hers")
    assert "genre" in again.locked


def test_a_list_that_a_person_edited_stays_locked() -> None:
    shown, own = after(an_item(), wanted(genres=("G",)))
    hers = an_item(genres=("G", "Hers"), locked=shown.locked)
    again, _ = after(hers, wanted(genres=()), own)
    assert again.genres == ("Hers",)
    assert again.locked == {"genre"}


def test_a_title_returns_to_what_it_was_and_not_to_the_name_of_the_file() -> None:
    shown, own = after(an_item(title="Agent's"), wanted(title="T"))
    assert after(shown, wanted(title=""), own)[0].title == "Agent's"
    shown, own = after(an_item(title=""), wanted(title="T"))
    assert after(shown, wanted(title=""), own)[0].title == "clip 001"


def test_a_text_that_the_server_takes_no_longer_is_cut() -> None:
    shown, own = after(an_item(summary="word " * 20), wanted(summary="S"))
    want = Wanted(values={Field.SUMMARY: ""}, file_stem="", text_bytes=30)
    done = plan(shown, want, own, keep_plex_edits=False)
    cut = applied(shown, done)
    assert cut.summary == "word word word word"
    assert not plan(cut, want, lost(done, own), keep_plex_edits=False).sends


def test_a_withdrawn_value_is_not_looked_for_as_one_that_plex_alters() -> None:
    shown, own = after(OWN, FULL)
    done = plan(shown, emptied(FULL), own, keep_plex_edits=True)
    assert (done.sent, done.resent) == ({}, {})


@given(items, wanteds, wanteds, flags, st.lists(flags, min_size=2, max_size=2))
def test_an_item_is_as_before_when_its_scene_has_nothing_any_more(
    item: PlexItem, first: Wanted, second: Wanted, keep: bool, are_lost: list[bool]
) -> None:
    shown, own = item, NOTHING
    for want, is_lost in zip((first, second), are_lost, strict=True):
        done = plan(shown, want, own, keep_plex_edits=keep)
        shown, own = applied(shown, done), lost(done, own) if is_lost else pushed(done)
    assume(not any(each.from_stash for each in own.former.values()))
    everything = Wanted(values={**first.values, **second.values}, file_stem="stem")
    done = plan(shown, emptied(everything), own, keep_plex_edits=keep)
    again, before = values_of(applied(shown, done)), values_of(item)
    if item.title:
        assert again == before
        assert applied(shown, done).locked - {"collection"} == item.locked - {"collection"}
    else:
        assert all(again[name] == value for name, value in before.items() if name is not Field.TITLE)


@given(items, wanteds, flags, flags)
def test_a_withdrawal_is_planned_once(item: PlexItem, want: Wanted, keep: bool, is_lost: bool) -> None:
    """Also if it is not known whether it arrived."""
    shown, own = after(item, want, keep=keep)
    done = plan(shown, emptied(want), own, keep_plex_edits=keep)
    again = plan(
        applied(shown, done), emptied(want), lost(done, own) if is_lost else pushed(done), keep_plex_edits=keep
    )
    assert (again.changes, sent_by(again)) == ({}, ())


@given(items, wanteds, wanteds, items)
def test_names_that_were_there_before_never_leave(
    item: PlexItem, first: Wanted, second: Wanted, meanwhile: PlexItem
) -> None:
    """Nor do those that a person has put there meanwhile."""
    shown, own = after(item, first)
    assume(not any(each.from_stash for each in own.former.values()))
    shown = an_item(**{
        name: tuple(dict.fromkeys((*getattr(shown, name), *getattr(meanwhile, name))))
        for name in ("genres", "directors", "collections")
    })
    again, _ = after(shown, second, own)
    for name in (Field.GENRES, Field.DIRECTORS, Field.COLLECTIONS):
        hers = keys_of(values_of(meanwhile)[name]) - keys_of(own.pushed.get(name, ()))
        assert keys_of(values_of(item)[name]) | hers <= keys_of(values_of(again)[name])
