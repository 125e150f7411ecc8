from __future__ import annotations

import pytest

from plex.edit import parameters_of
from plex.fields import Field, Value
from plex.model import PlexItem, Role
from plex.plan import Owned, Plan, Wanted, plan
from tests.support.plex_items import after_put, an_item, applied, sent_by


def wanted(**values: Value) -> Wanted:
    return Wanted(values={Field[name.upper()]: value for name, value in values.items()}, file_stem="clip 001")


def owned(*intents: dict[Field, Value], **pushed: Value) -> Owned:
    return Owned(pushed={Field[name.upper()]: value for name, value in pushed.items()}, intents=intents)


NOTHING = Owned(pushed={})


def planned(item: PlexItem, want: Wanted, own: Owned = NOTHING, *, keep: bool = False) -> Plan:
    return plan(item, want, own, keep_plex_edits=keep)


def test_a_first_push_sends_each_value_with_its_lock() -> None:
    done = planned(
        an_item(),
        wanted(title="A film", summary="Two\nlines", date="2004-03", studio="S", rating="8.5", directors=("D",)),
    )
    assert sent_by(done) == (
        ("title.value", "A film"),
        ("title.locked", "1"),
        ("summary.value", "Two\nlines"),
        ("summary.locked", "1"),
        ("originallyAvailableAt.value", "2004-03-01"),
        ("originallyAvailableAt.locked", "1"),
        ("studio.value", "S"),
        ("studio.locked", "1"),
        ("director[0].tag.tag", "D"),
        ("director.locked", "1"),
    )
    assert done.rating == "8.5"
    assert done.intents == (done.pushed,)
    assert done.changes[Field.TITLE] == ("clip 001", "A film")


def test_collections_are_never_locked() -> None:
    assert sent_by(planned(an_item(), wanted(collections=("C",)))) == (("collection[0].tag.tag", "C"),)


def test_only_added_and_removed_names_of_a_list_are_sent() -> None:
    item = an_item(genres=("Hand made", "Old, tag", "kept"))
    done = planned(item, wanted(genres=("New", "Kept")), owned(genres=("Old, tag", "Kept")))
    assert sent_by(done) == (
        ("genre[].tag.tag-", "Old%2C%20tag"),
        ("genre[0].tag.tag", "New"),
        ("genre.locked", "1"),
    )
    assert done.pushed[Field.GENRES] == ("New", "Kept")


def test_an_equal_value_is_not_sent_and_counts_as_pushed() -> None:
    item = an_item(title="A", rating="8.0", genres=("Drama", "Action"), date="2004-03-01")
    done = planned(item, wanted(title=" A ", rating="8", genres=("action", "drama"), date="2004-03"))
    assert done.is_empty
    assert sent_by(done) == ()
    assert done.rating is None
    assert done.pushed == {
        Field.TITLE: "A",
        Field.RATING: "8",
        Field.GENRES: ("action", "drama"),
        Field.DATE: "2004-03-01",
    }


def test_the_first_push_empties_nothing() -> None:
    item = an_item(title="Good", summary="Good", rating="7", genres=("Good",))
    done = planned(item, wanted(title="", summary="", rating="", genres=(), date="never"))
    assert done.is_empty
    assert done.pushed == {}


def test_a_value_that_was_pushed_is_emptied() -> None:
    item = an_item(title="A", summary="B", rating="7", genres=("C", "By hand"))
    done = planned(
        item,
        wanted(title="", summary="", rating="", genres=()),
        owned(title="A", summary="B", rating="7", genres=("C",)),
    )
    after = applied(item, done)
    assert (after.title, after.summary, after.rating, after.genres) == ("clip 001", "", "", ("By hand",))
    assert done.rating == ""


def test_a_value_that_a_person_enters_after_it_was_emptied_stays() -> None:
    item = an_item(summary="by hand", genres=("by hand",))
    assert planned(item, wanted(summary="", genres=()), owned(summary="", genres=())).is_empty


def test_a_skipped_field_is_left_alone_and_stays_owned() -> None:
    item = an_item(genres=("A",))
    done = planned(item, wanted(title="T"), owned(genres=("A",), studio="S"))
    assert Field.GENRES not in done.changes
    assert done.pushed == {Field.TITLE: "T", Field.GENRES: ("A",), Field.STUDIO: "S"}


def test_an_intent_for_a_field_skipped_since_is_resolved_by_what_plex_shows() -> None:
    item = an_item(studio="S", genres=("A",))
    own = owned({Field.STUDIO: "S", Field.GENRES: ("A", "B"), Field.SUMMARY: "never came"})
    assert planned(item, wanted(), own).pushed == {Field.STUDIO: "S", Field.GENRES: ("A",)}


@pytest.mark.parametrize("arrived", [True, False])
def test_after_a_crash_a_value_removed_in_stash_leaves_plex_whether_or_not_it_had_arrived(*, arrived: bool) -> None:
    before = an_item(title="Before", summary="Before", genres=("By hand",))
    first = planned(before, wanted(title="A", summary="B", genres=("C",)))
    item = applied(before, first) if arrived else before
    second = planned(item, wanted(title="", summary="", genres=()), Owned(pushed={}, intents=first.intents))
    after = applied(item, second)
    if arrived:
        assert (after.title, after.summary, after.genres) == ("clip 001", "", ("By hand",))
    else:
        assert after == before


def test_stash_wins_over_an_edit_in_plex() -> None:
    done = planned(an_item(title="By hand"), wanted(title="A"), owned(title="A"))
    assert done.changes == {Field.TITLE: ("By hand", "A")}


def test_an_edit_in_plex_is_kept_if_configured() -> None:
    item = an_item(title="By hand", summary="", rating="3", genres=("By hand", "B"))
    own = owned(title="A", summary="S", rating="7", genres=("A", "B"))
    done = planned(
        item, wanted(title="New", summary="New", rating="9", genres=("A", "B", "C")), own, keep=True
    )
    after = applied(item, done)
    assert (after.title, after.summary, after.rating) == ("By hand", "", "3")
    assert set(after.genres) == {"By hand", "B", "C"}
    assert planned(after, wanted(title="New", genres=("A", "B", "C")), Owned(pushed=done.pushed), keep=True).is_empty


def test_keeping_edits_does_not_stop_the_first_push() -> None:
    done = planned(an_item(title="clip 001"), wanted(title="A"), keep=True)
    assert done.changes == {Field.TITLE: ("clip 001", "A")}


def test_a_value_locked_before_the_first_push_counts_as_a_manual_edit() -> None:
    item = an_item(title="By hand", locked=frozenset({"title"}), rating="3")
    assert planned(item, wanted(title="A", rating="9"), keep=True).is_empty
    assert not planned(item, wanted(title="A"), keep=False).is_empty


@pytest.mark.parametrize("arrived", [True, False])
def test_a_value_of_an_unresolved_intent_does_not_count_as_a_manual_edit(*, arrived: bool) -> None:
    before = an_item(genres=("By hand",))
    first = planned(before, wanted(title="A", genres=("X",)), keep=True)
    item = applied(before, first) if arrived else before
    own = Owned(pushed={}, intents=first.intents)
    second = planned(item, wanted(title="B", genres=("Y",)), own, keep=True)
    assert applied(item, second).title == "B"
    assert set(applied(item, second).genres) == {"By hand", "Y"}


def test_a_removal_that_may_have_arrived_does_not_count_as_a_manual_edit() -> None:
    own = owned({Field.GENRES: ("B",)}, genres=("A", "B"))
    done = planned(an_item(genres=("B",)), wanted(genres=("A", "B")), own, keep=True)
    assert done.changes == {Field.GENRES: (("B",), ("B", "A"))}


def test_a_name_removed_by_a_person_stays_removed_after_a_crash() -> None:
    first = planned(an_item(genres=("B",)), wanted(genres=("A", "B", "C")), owned(genres=("A", "B")), keep=True)
    own = Owned(pushed={Field.GENRES: ("A", "B")}, intents=first.intents)
    second = planned(an_item(genres=("B", "C")), wanted(genres=("A", "B", "C")), own, keep=True)
    assert second.is_empty


def test_lost_line_ends_cost_one_extra_push_at_most() -> None:
    item = an_item(summary="one two")
    want = wanted(summary="one\n\ntwo")
    first = planned(item, want)
    assert not first.is_empty
    after = applied(item, first, loses_line_ends=True)
    assert planned(after, want, Owned(pushed=first.pushed)).is_empty
    assert not planned(after, wanted(summary="one\ntwo"), Owned(pushed=first.pushed)).is_empty


def test_actors_that_plexsync_did_not_put_there_are_not_touched() -> None:
    """Sending them again might lose the part played; removing and adding them again, the link to the person's page."""
    item = an_item(
        actors=("Batman's", "Seen"),
        roles=(
            Role(name="Batman's", text="Batman", thumb="", tag_key="5d77"), Role(name="Seen", text="", thumb="http://there"),
        ),
    )  # fmt: skip
    want = Wanted(
        values={Field.ACTORS: ("New", "Seen")}, file_stem="", pictures={"new": "http://new", "Seen": "http://seen"}
    )
    done = plan(item, want, NOTHING, keep_plex_edits=False)
    assert sent_by(done) == (
        ("actor[0].tag.tag", "New"),
        ("actor[0].tag.thumb", "http://new"),
        ("actor.locked", "1"),
    )
    assert "http://new" not in repr(done) + repr(want)


def test_an_actor_of_the_agent_is_never_moved() -> None:
    roles = (Role(name="A", text="", thumb="", tag_key="5d77"), Role(name="B", text="b", thumb="http://b"))
    item = an_item(actors=("A", "B"), roles=roles)
    done = planned(item, wanted(actors=("C", "B", "A")), owned(actors=("A", "B")))
    assert [parameters_of(step) for step in done.steps] == [
        (("actor[].tag.tag-", "B"), ("actor.locked", "1")),
        (
            ("actor[0].tag.tag", "C"), ("actor[1].tag.tag", "B"), ("actor[1].tagging.text", "b"),
            ("actor[1].tag.thumb", "http://b"), ("actor.locked", "1"),
        ),
    ]  # fmt: skip
    assert applied(item, done).actors == ("A", "C", "B")


def test_a_file_stem_replaces_an_empty_title_but_not_one_that_plexsync_does_not_own() -> None:
    assert planned(an_item(title=""), wanted(title="")).changes == {Field.TITLE: ("", "clip 001")}
    assert planned(an_item(title="Agent's"), wanted(title="")).is_empty


def test_values_read_back_from_json_are_owned_too() -> None:
    own = Owned(pushed={Field.GENRES: ["A"]})  # type: ignore[dict-item]  # JSON turns a tuple into a list
    assert planned(an_item(genres=("A",)), wanted(genres=()), own).changes == {Field.GENRES: (("A",), ())}


def test_a_name_whose_removal_may_not_have_arrived_is_still_removed() -> None:
    own = owned({Field.GENRES: ()}, genres=("A",))
    assert planned(an_item(genres=("A",)), wanted(genres=()), own).changes == {Field.GENRES: (("A",), ())}


def test_an_intent_has_arrived_even_if_plex_lost_its_line_ends() -> None:
    own = owned({Field.SUMMARY: "a\nb"}, {Field.SUMMARY: "a\n\nb"}, summary="x")
    assert planned(an_item(summary="a b"), wanted(summary="a\n\nb"), own).is_empty
    assert planned(an_item(summary="a b"), wanted(summary=""), own).changes == {Field.SUMMARY: ("a b", "")}


def test_an_intent_with_other_line_ends_than_plex_shows_has_not_arrived() -> None:
    own = owned({Field.SUMMARY: "a\n\nb"}, summary="a b")
    assert not planned(an_item(summary="a b"), wanted(summary="a\n\nb"), own).is_empty


@pytest.mark.parametrize(
    ("here", "stash", "after"),
    [
        (("A", "B"), ("B", "A"), ("B", "A")),
        (("A", "B"), ("Z", "B"), ("Z", "B")),
        (("A", "By hand", "B"), ("B", "A"), ("By hand", "B", "A")),
    ],
    ids=["turned", "renamed", "beside one by hand"],
)
@pytest.mark.parametrize("adds_first", [True, False])
def test_actors_follow_those_added_by_hand_in_the_order_of_stash(
    here: tuple[str, ...], stash: tuple[str, ...], after: tuple[str, ...], *, adds_first: bool
) -> None:
    item = an_item(actors=here)
    first = planned(item, wanted(actors=stash), owned(actors=("A", "B")))
    assert applied(item, first, adds_first=adds_first).actors == after
    assert len(first.steps) == 2
    assert planned(applied(item, first), wanted(actors=stash), Owned(pushed=first.pushed)).is_empty


def test_adding_an_actor_at_the_end_removes_nobody() -> None:
    done = planned(an_item(actors=("A",)), wanted(actors=("A", "B")), owned(actors=("A",)))
    assert sent_by(done) == (("actor[0].tag.tag", "B"), ("actor.locked", "1"))


def test_an_order_that_plex_ignores_is_sent_once() -> None:
    item = an_item(actors=("A", "B"))
    first = planned(item, wanted(actors=("B", "A")), owned(actors=("A", "B")))
    assert first.sends
    assert planned(item, wanted(actors=("B", "A")), Owned(pushed=first.pushed)).is_empty


def test_the_order_of_genres_is_left_to_plex() -> None:
    assert planned(an_item(genres=("A", "B")), wanted(genres=("B", "A")), owned(genres=("A", "B"))).is_empty


def test_an_order_that_arrived_before_a_crash_is_not_sent_again() -> None:
    item = an_item(actors=("c",))
    first = planned(item, wanted(actors=("a", "b", "c")), owned(actors=("b",)))
    own = Owned(pushed={Field.ACTORS: ("b",)}, intents=first.intents)
    again = planned(applied(item, first), wanted(actors=("a", "b", "c")), own)
    assert again.is_empty
    assert again.pushed == first.pushed


def test_an_order_that_may_not_have_arrived_before_a_crash_is_sent_again() -> None:
    item = an_item(actors=("a", "b"))
    first = planned(item, wanted(actors=("b", "a")), owned(actors=("a", "b")))
    own = Owned(pushed={Field.ACTORS: ("a", "b")}, intents=first.intents)
    assert applied(item, planned(item, wanted(actors=("b", "a")), own)).actors == ("b", "a")


@pytest.mark.parametrize("keep", [True, False])
def test_a_kill_between_removing_and_adding_again_loses_nobody(*, keep: bool) -> None:
    item = an_item(actors=("A", "B"))
    first = planned(item, wanted(actors=("B", "A")), owned(actors=("A", "B")), keep=keep)
    between = after_put(item, parameters_of(first.steps[0]))
    assert between.actors == ()
    own = Owned(pushed={Field.ACTORS: ("A", "B")}, intents=first.intents)
    assert applied(between, planned(between, wanted(actors=("B", "A")), own, keep=keep)).actors == ("B", "A")


def test_a_picture_alone_is_sent_for_an_actor_who_has_none() -> None:
    roles = (Role(name="A", text="Batman", thumb=""), Role(name="B", text="", thumb=""))
    item = an_item(actors=("A", "B"), roles=roles)
    want = Wanted(values={Field.ACTORS: ("A", "B")}, file_stem="", pictures={"b": "http://b"})
    done = plan(item, want, owned(actors=("A", "B")), keep_plex_edits=False)
    assert done.sends
    assert done.is_empty
    assert sent_by(done) == (
        ("actor[0].tag.tag", "B"),
        ("actor[0].tag.thumb", "http://b"),
        ("actor.locked", "1"),
    )
    pictured = an_item(actors=("A", "B"), roles=(Role(name="B", text="", thumb="http://b"),))
    assert not plan(pictured, want, owned(actors=("A", "B")), keep_plex_edits=False).sends
