"""A value that Plex shows otherwise than it was sent is sent twice at most, and its form is PlexSync's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plex.altered import as_sent, find_alterations, merge_alterations, still_altered
from plex.edit import parameters_of
from plex.fields import LISTS, Field, Value, clean_value, values_of
from plex.plan import Owned, Plan, Wanted, plan
from plex.text import name_key
from sim.plex.quirks import days_later
from tests.support.plex_items import NAMES, an_item, applied, sent_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plex.altered import Alterations
    from plex.model import PlexItem

    Show = Callable[[str], str]

SWAPPED = {"a": "b", "b": "a", "é": "É", "éva": "ÉVA"}
ACCENTS: Mapping[Field, Show] = {Field.GENRES: str.upper, Field.ACTORS: str.upper}
A_DAY_OFF: Mapping[Field, Show] = {Field.DATE: days_later(1)}


@dataclass(slots=True)
class Server:
    """An item of a Plex that shows some fields otherwise than they were sent, and what PlexSync knows of it."""

    stored: PlexItem
    show: Mapping[Field, Show]
    keep: bool = False
    pushed: Mapping[Field, Value] = field(default_factory=dict)
    altered: Alterations = field(default_factory=dict)
    sent: list[tuple[tuple[str, str], ...]] = field(default_factory=list)

    @property
    def shown(self) -> PlexItem:
        values = {NAMES[name.value]: _shown(value, self.show[name]) for name, value in values_of(self.stored).items()
                  if name in self.show}
        return replace(self.stored, **values)  # type: ignore[arg-type]  # by name

    def plan(self, **wanted: Value) -> Plan:
        values = {Field[name.upper()]: value for name, value in wanted.items()}
        want, owned = Wanted(values=values, file_stem="stem"), Owned(pushed=self.pushed)
        return plan(self.shown, want, owned, keep_plex_edits=self.keep, altered=self.altered)

    def push(self, **wanted: Value) -> Plan:
        """As push/ does it: what was sent again is looked at, or everything where edits are kept."""
        edit = self.plan(**wanted)
        self.stored, self.pushed = applied(self.stored, edit), edit.pushed
        sent = edit.sent if self.keep else edit.resent
        self.altered = merge_alterations(edit.altered, find_alterations(sent, edit.pushed, self.shown))
        if edit.sends:
            self.sent.append(sent_by(edit))
        return edit


def _shown(value: Value, show: Show) -> Value:
    return show(value) if isinstance(value, str) else tuple(show(name) for name in value)


def test_a_date_that_is_shown_a_day_off_is_sent_twice_and_then_settled() -> None:
    server = Server(an_item(), A_DAY_OFF)
    for _ in range(4):
        server.push(date="2004-05-06")
    assert len(server.sent) == 2
    assert server.altered == {Field.DATE: {"2004-05-06": ("2004-05-07",)}}


def test_it_is_sent_again_when_either_side_changes() -> None:
    server = Server(an_item(), A_DAY_OFF)
    for _ in range(2):
        server.push(date="2004-05-06")
    server.push(date="2010-01-01")
    assert server.stored.date == "2010-01-01"
    server.push(date="2010-01-01")
    assert server.altered == {Field.DATE: {"2010-01-01": ("2010-01-02",)}}
    server.stored = replace(server.stored, date="1999-01-01")  # by hand
    assert server.plan(date="2010-01-01").changes == {Field.DATE: ("1999-01-02", "2010-01-01")}


def test_a_value_of_stash_that_plex_shows_already_is_not_sent() -> None:
    server = Server(an_item(), A_DAY_OFF)
    for _ in range(2):
        server.push(date="2004-05-06")
    assert server.push(date="2004-05-07").is_empty
    assert server.altered == {}


def test_a_server_that_shows_values_right_again_is_believed() -> None:
    server = Server(an_item(), A_DAY_OFF)
    for _ in range(2):
        server.push(date="2004-05-06")
    server.show = {}
    assert server.push(date="2004-05-06").is_empty
    assert server.altered == {}


def test_an_edit_by_a_person_is_no_alteration_however_often_it_is_made() -> None:
    server = Server(an_item(), {})
    for _ in range(4):
        server.push(title="Stash", genres=("A",))
        assert server.stored.title == "Stash"
        assert server.stored.genres == ("A",)
        assert server.altered == {}
        server.stored = replace(server.stored, title="By hand", genres=())


@pytest.mark.parametrize("keep", [True, False])
def test_the_form_in_plex_is_no_edit_of_a_person(*, keep: bool) -> None:
    server = Server(an_item(), {**A_DAY_OFF, **ACCENTS, Field.TITLE: str.upper}, keep=keep)
    for _ in range(3):
        server.push(date="2004-05-06", title="Title", genres=("éva",))
    server.keep = True
    server.push(date="2010-01-01", title="Other", genres=("éva", "zoé"))
    assert (server.stored.date, server.stored.title) == ("2010-01-01", "Other")
    assert set(server.stored.genres) == {"éva", "zoé"}


def test_an_edit_of_an_altered_value_is_kept_if_configured() -> None:
    server = Server(an_item(), {**A_DAY_OFF, **ACCENTS}, keep=True)
    server.push(date="2004-05-06", genres=("éva", "b"))
    server.stored = replace(server.stored, date="1999-01-01", genres=("b",))
    server.push(date="2010-01-01", genres=("éva", "b", "c"))
    assert server.stored.date == "1999-01-01"
    assert set(server.stored.genres) == {"b", "c"}


def test_names_in_another_form_are_sent_twice_and_removed_in_both_forms() -> None:
    server = Server(an_item(genres=("By hand",)), ACCENTS)
    for _ in range(4):
        server.push(genres=("éva", "zoé"))
    assert len(server.sent) == 2
    assert server.altered == {Field.GENRES: {"éva": ("ÉVA",), "zoé": ("ZOÉ",)}}
    removed = parameters_of(server.plan(genres=("zoé",)).steps[0])
    assert removed == (("genre[].tag.tag-", "%C3%A9va,%C3%89VA"), ("genre.locked", "1"))
    server.push(genres=("zoé",))
    assert server.stored.genres == ("By hand", "zoé")
    assert server.push(genres=("zoé",)).is_empty


def test_a_name_that_plex_does_not_show_at_all_is_sent_twice_and_removed_by_its_own_name() -> None:
    server = Server(an_item(genres=("By hand",)), {Field.GENRES: lambda name: name.replace("Jane Doe", "J. D.")})
    for _ in range(4):
        server.push(genres=("Jane Doe",))
    assert len(server.sent) == 2
    server.push(genres=())
    assert server.stored.genres == ("By hand",)


def test_a_name_that_a_person_adds_does_not_unsettle_the_others() -> None:
    server = Server(an_item(), ACCENTS)
    for _ in range(3):
        server.push(genres=("éva",))
    server.stored = replace(server.stored, genres=("éva", "hand"))
    assert server.plan(genres=("éva",)).is_empty
    assert server.push(genres=("éva", "new")).sent == {Field.GENRES: ("new",)}


def test_a_form_that_stash_wants_too_stays() -> None:
    """The name was corrected in Stash to what Plex shows."""
    server = Server(an_item(), ACCENTS)
    for _ in range(2):
        server.push(genres=("éva",))
    edit = server.push(genres=("ÉVA",))
    assert ("genre[].tag.tag-", "%C3%A9va") in sent_by(edit)


def test_the_title_made_of_the_files_name_may_be_altered() -> None:
    server = Server(an_item(title=""), {Field.TITLE: str.upper})
    for _ in range(4):
        server.push(title="")
    assert len(server.sent) == 2


def test_actors_keep_their_order_and_their_altered_ones() -> None:
    server = Server(an_item(), ACCENTS)
    for _ in range(4):
        server.push(actors=("éva", "Ann"))
    assert len(server.sent) == 2
    server.push(actors=("Ann", "éva"))
    assert server.stored.actors == ("Ann", "éva")
    assert server.push(actors=("Ann", "éva")).is_empty


# Properties

SHOWS: list[Show] = [
    str.upper, str.title, lambda text: text[:2], lambda text: SWAPPED.get(text, text), lambda _: "same",
    lambda text: f" {text}!", lambda text: text.replace("é", "e"),
]  # fmt: skip
texts = st.sampled_from(["", "a", "b", "éva", "ÉVA", "eva", "a b", "long title"])
names = st.lists(texts, max_size=3).map(tuple)
wanteds = st.fixed_dictionaries({}, optional={"title": texts, "studio": texts, "genres": names, "actors": names})
shows = st.dictionaries(
    st.sampled_from([Field.TITLE, Field.STUDIO, Field.GENRES, Field.ACTORS]), st.sampled_from(SHOWS), max_size=4
)
by_hand = st.lists(st.sampled_from(["hand", "Ève"]), max_size=2, unique=True).map(tuple)


@given(shows, by_hand, st.lists(wanteds, min_size=1, max_size=3), st.booleans())
def test_whatever_plex_alters_each_value_is_sent_twice_at_most(
    show: Mapping[Field, Show], hand: tuple[str, ...], versions: list[dict[str, Value]], keep: bool
) -> None:
    server = Server(an_item(genres=hand, actors=hand), show, keep)
    for wanted in versions:
        before = len(server.sent)
        for _ in range(4):
            server.push(**wanted)
        assert not server.plan(**wanted).sends
        assert len(server.sent) - before <= 2


@given(shows, by_hand, wanteds, wanteds)
def test_whatever_plex_alters_it_stores_what_stash_has_and_what_a_person_added(
    show: Mapping[Field, Show], hand: tuple[str, ...], first: dict[str, Value], second: dict[str, Value]
) -> None:
    server = Server(an_item(genres=hand, actors=hand), show)
    for wanted in (first, first, first, second, second):
        server.push(**wanted)
    stored, shown = values_of(server.stored), values_of(server.shown)
    for name, value in second.items():
        key = Field[name.upper()]
        if key in LISTS:
            have = {name_key(each) for each in (*stored[key], *shown[key])}
            assert {name_key(each) for each in clean_value(key, value)} <= have
            assert {name_key(each) for each in hand} <= have
        elif value:
            assert clean_value(key, value) in (stored[key], shown[key])


def test_an_alteration_of_a_value_that_is_no_longer_owned_is_forgotten() -> None:
    altered = {Field.DATE: {"2004-05-06": ("2004-05-07",)}, Field.GENRES: {"a": ("b",), "c": ("d",)}}
    in_plex = values_of(an_item(date="2004-05-07", genres=("b", "d")))
    assert still_altered(altered, in_plex, {Field.GENRES: ("c",)}) == {Field.GENRES: {"c": ("d",)}}


def test_a_form_that_is_gone_no_longer_stands_for_the_name() -> None:
    altered = {Field.GENRES: {"éva": ("ÉVA",)}}
    with_it, without = (values_of(an_item(genres=names)) for names in (("x", "ÉVA", "y"), ("x", "y")))
    assert as_sent(with_it, {}, altered)[Field.GENRES] == ("x", "éva", "y")
    assert as_sent(without, {}, altered)[Field.GENRES] == ("x", "y")
