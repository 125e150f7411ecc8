"""Properties of a plan for any item, any wanted values and any history."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from plex.fields import LISTS, Field, Value, clean_values, values_of
from plex.plan import Owned, Wanted, plan
from plex.text import loose_form, name_key
from tests.support.plex_items import an_item, applied, sent_by

if TYPE_CHECKING:
    from plex.fields import Values
    from plex.model import PlexItem

texts = st.sampled_from(["", "a", "b", "A", "a\n\nb", "a b", " a ", "x\x00", "日本, & 100%", "é", "e\u0301"])
dates = st.sampled_from(["", "2004", "2004-03-01", "2004-13", "1999-12-31"])
ratings = st.sampled_from(["", "0", "8", "8.0", "8.5", "10", "11"])
names = st.lists(
    st.sampled_from(["a", "A", "b", "c, d", "c", "d", "e&f", "100%", "%2C", '"q"', "日本", "é", "É", " a ", "x/y"]),
    max_size=4,
).map(tuple)
# Values that Plex shows were cleaned by it: no repeated tags, whole dates.
shown_dates = st.sampled_from(["", "2004-01-01", "2004-03-01"])
shown_names = st.lists(
    st.sampled_from(["a", "b", "c, d", "c", "e&f", "%2C", "日本", "é", "hand"]), max_size=4, unique_by=name_key
).map(tuple)


def strategy_of(field: Field) -> st.SearchStrategy[Value]:
    kinds: dict[Field, st.SearchStrategy[Value]] = {Field.DATE: dates, Field.RATING: ratings}
    return names if field in LISTS else kinds.get(field, texts)


wishes = st.fixed_dictionaries({}, optional={field: strategy_of(field) for field in Field})
wanteds = wishes.map(lambda values: Wanted(values=values, file_stem="stem"))
# Stored values were cleaned before.
pasts = wishes.map(clean_values)
histories = st.builds(Owned, pushed=pasts, intents=st.lists(pasts, max_size=2).map(tuple))
items = st.builds(
    an_item,
    title=texts,
    summary=texts,
    date=shown_dates,
    studio=texts,
    rating=st.sampled_from(["", "8.0", "3"]),
    directors=shown_names,
    actors=shown_names,
    genres=shown_names,
    collections=shown_names,
    locked=st.frozensets(st.sampled_from([field.value for field in Field])),
)
flags = st.booleans()


@given(items, wanteds, histories, flags, st.fixed_dictionaries({"adds_first": flags, "loses_line_ends": flags}))
def test_an_applied_plan_leaves_nothing_to_plan(
    item: PlexItem, want: Wanted, own: Owned, keep: bool, habits: dict[str, bool]
) -> None:
    done = plan(item, want, own, keep_plex_edits=keep)
    after = applied(item, done, **habits)
    again = plan(after, want, Owned(pushed=done.pushed), keep_plex_edits=keep)
    assert again.is_empty
    assert again.steps == ()
    assert again.rating is None


@given(items, wanteds, histories, flags)
def test_an_applied_plan_whose_result_was_never_stored_is_not_sent_twice(
    item: PlexItem, want: Wanted, own: Owned, keep: bool
) -> None:
    """Except for the order of actors: nothing tells whether it arrived, and sent once too often it does no harm."""
    done = plan(item, want, own, keep_plex_edits=keep)
    after = applied(item, done)
    unsettled = Owned(pushed=own.pushed, intents=(*own.intents, *done.intents))
    again = plan(after, want, unsettled, keep_plex_edits=keep)
    assert again.changes.keys() <= {Field.ACTORS}
    assert keys_of(values_of(applied(after, again))[Field.ACTORS]) == keys_of(values_of(after)[Field.ACTORS])
    assert again.pushed == done.pushed


@given(items, wanteds, histories, flags, flags)
def test_names_added_by_a_person_stay(
    item: PlexItem, want: Wanted, own: Owned, keep: bool, adds: bool
) -> None:
    after = values_of(applied(item, plan(item, want, own, keep_plex_edits=keep), adds_first=adds))
    for field in LISTS:
        by_hand = keys_of(values_of(item)[field]) - ever_owned_names(own, field)
        assert by_hand <= keys_of(after[field])


@given(items, wanteds, flags)
def test_the_first_push_empties_nothing(item: PlexItem, want: Wanted, keep: bool) -> None:
    after = values_of(applied(item, plan(item, want, Owned(pushed={}), keep_plex_edits=keep)))
    for field, value in values_of(item).items():
        assert keys_of(value) <= keys_of(after[field]) if field in LISTS else after[field] or not value


@given(items, wanteds, wanteds, flags, flags)
def test_after_a_crash_a_value_removed_in_stash_leaves_plex_whether_or_not_it_had_arrived(
    item: PlexItem, first: Wanted, second: Wanted, arrived: bool, keep: bool
) -> None:
    before = values_of(item)
    sent = plan(item, first, Owned(pushed={}), keep_plex_edits=keep)
    now = applied(item, sent) if arrived else item
    after = values_of(
        applied(now, plan(now, second, Owned(pushed={}, intents=sent.intents), keep_plex_edits=keep))
    )
    for field in sent.changes.keys() & second.values.keys() & LISTS:
        dropped = keys_of(sent.changes[field][1]) - keys_of(before[field])
        assert not (dropped - cleaned_keys(second, field)) & keys_of(after[field])
    for field in sent.changes.keys() & second.values.keys() - LISTS:
        if field is not Field.TITLE and not second.values[field]:
            # A value that differs only in white space or Unicode form counts as pushed, whether it arrived or not.
            is_ours = arrived or loose_form(str(before[field])) == loose_form(str(sent.changes[field][1]))
            assert after[field] == ("" if is_ours else before[field])


@given(items, wanteds, histories, flags)
def test_a_field_that_differs_from_every_owned_value_is_kept_if_configured(
    item: PlexItem, want: Wanted, own: Owned, adds: bool
) -> None:
    here = values_of(item)
    after = values_of(applied(item, plan(item, want, own, keep_plex_edits=True), adds_first=adds))
    for field in set(own.pushed) - LISTS:
        ours = {loose_form(str(values[field])) for values in (own.pushed, *own.intents) if field in values}
        if loose_form(str(here[field])) not in ours:
            assert after[field] == here[field]


@given(items, wanteds, histories, flags)
def test_plex_gets_the_names_of_stash_if_edits_are_not_kept(
    item: PlexItem, want: Wanted, own: Owned, adds: bool
) -> None:
    after = values_of(applied(item, plan(item, want, own, keep_plex_edits=False), adds_first=adds))
    for field in want.values:
        if field in LISTS:
            assert cleaned_keys(want, field) <= keys_of(after[field])


@given(items, wanteds, histories, flags)
def test_every_field_that_is_sent_is_locked_except_collections(
    item: PlexItem, want: Wanted, own: Owned, keep: bool
) -> None:
    done = plan(item, want, own, keep_plex_edits=keep)
    locked = {key.removesuffix(".locked") for key, _ in sent_by(done) if key.endswith(".locked")}
    assert locked == {field.value for field in done.changes.keys() - {Field.COLLECTIONS, Field.RATING}}
    assert all(set(intent) == set(done.changes) for intent in done.intents)


@given(items, histories, flags)
def test_fields_that_are_not_wanted_are_not_touched(item: PlexItem, own: Owned, keep: bool) -> None:
    done = plan(item, Wanted(values={}, file_stem="stem"), own, keep_plex_edits=keep)
    assert done.is_empty
    assert replace(item) == applied(item, done)


def keys_of(value: Value) -> set[str]:
    return {name_key(name) for name in value}


def cleaned_keys(want: Wanted, field: Field) -> set[str]:
    return {name_key(" ".join(name.split())) for name in want.values[field]}


def ever_owned_names(own: Owned, field: Field) -> set[str]:
    histories: tuple[Values, ...] = (own.pushed, *own.intents)
    return {name_key(name.strip()) for values in histories for name in values.get(field, ())}
