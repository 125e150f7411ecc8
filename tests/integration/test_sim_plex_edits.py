"""The simulated Plex as plexapi, an independent client, sees it: edits, locks, tags and ratings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from plexapi.exceptions import NotFound, Unauthorized

from sim.plex.model import Credit
from sim.plex.quirks import TagOrder, days_later
from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        yield sim


@pytest.fixture
def fetch(plex: PlexSim) -> Callable[[int], Any]:
    fetch_item: Callable[[int], Any] = connect(plex).fetchItem
    return fetch_item


def add(plex: PlexSim, **values: Any) -> int:
    return plex.add_item(1, files=[("/media/A film.mp4", 10)], **values)


def ask(plex: PlexSim, method: str, path: str) -> requests.Response:
    return requests.request(method, plex.url + path, headers={"X-Plex-Token": TOKEN}, timeout=30)


def put(plex: PlexSim, query: str) -> None:
    assert ask(plex, "PUT", f"/library/sections/1/all?type=1&{query}").status_code == 200


def test_a_new_item_has_the_stem_of_its_file_as_title(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    assert fetch(add(plex)).title == "A film"


def test_an_agent_keeps_locked_edits_and_reverts_the_others(
    plex: PlexSim, fetch: Callable[[int], Any]
) -> None:
    key = add(plex, summary="from the agent", genres=("Drama",))
    fetch(key).editTitle("Kept").editSummary("Lost", locked=False)
    fetch(key).addGenre("Lost too", locked=False)
    assert plex.item(key).summary == "Lost"
    assert plex.item(key).genres == ("Drama", "Lost too")
    assert plex.item(key).locked == {"title"}
    fetch(key).refresh()
    after = plex.item(key)
    assert (after.title, after.summary, after.genres) == ("Kept", "from the agent", ("Drama",))


def test_an_edit_can_unlock_a_field_and_keeps_a_lock_that_it_does_not_mention(
    plex: PlexSim, fetch: Callable[[int], Any]
) -> None:
    key = add(plex)
    fetch(key).editTitle("A")
    fetch(key).edit(**{"title.value": "B"})
    assert (plex.item(key).title, plex.item(key).locked) == ("B", frozenset({"title"}))
    fetch(key).edit(**{"title.locked": 0})
    assert (plex.item(key).title, plex.item(key).locked) == ("B", frozenset())


def test_batch_edits_are_a_single_put(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, genres=("Old",), directors=("Ann",))
    movie = fetch(key)
    plex.clear_requests()
    movie.batchEdits()
    movie.editTitle("T").editStudio("S").editOriginallyAvailable("2004-03-02").addDirector("Bob").removeGenre("Old")
    movie.saveEdits()
    assert [request.method for request in plex.requests].count("PUT") == 1
    item = plex.item(key)
    assert (item.title, item.studio, item.originally_available_at) == ("T", "S", "2004-03-02")
    assert (item.genres, item.directors) == ((), ("Ann", "Bob"))
    assert item.locked == {"title", "studio", "originallyAvailableAt", "director", "genre"}


@pytest.mark.parametrize("name", ["a, b", "100%", "A+B", "50%25", "x&y=z", "Ünï 🎬", "\"<q>'", "%2C", "a/b?c#d"])
def test_every_tag_name_can_be_added_and_removed(plex: PlexSim, fetch: Callable[[int], Any], name: str) -> None:
    key = add(plex, genres=("Stays",))
    fetch(key).addGenre(name)
    assert [genre.tag for genre in fetch(key).genres] == ["Stays", name]
    fetch(key).removeGenre(name)
    assert plex.item(key).genres == ("Stays",)


def test_a_comma_escaped_once_is_two_names(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, genres=("a, b", "a", "b"))
    fetch(key).edit(**{"genre[].tag.tag-": "a,b"})
    assert plex.item(key).genres == ("a, b",)


def test_tags_keep_the_order_of_their_indices(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    names = [f"tag {number}" for number in range(12)]
    key = add(plex)
    fetch(key).addGenre(names)  # plexapi sends genre[10] before genre[2]
    assert list(plex.item(key).genres) == names


def test_the_first_spelling_of_a_tag_wins_for_all_items(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    first, second = add(plex, genres=("Blonde",)), add(plex)
    fetch(second).addGenre(["BLONDE", "blonde"])
    assert plex.item(second).genres == ("Blonde",)
    fetch(first).removeGenre("bLONDE")
    assert plex.item(first).genres == ()


def test_case_matters_beyond_ascii(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, genres=("Ärger",))
    fetch(key).addGenre("ärger")
    assert plex.item(key).genres == ("Ärger", "ärger")


def test_an_actors_picture_belongs_to_the_tag_and_the_role_to_the_item(
    plex: PlexSim, fetch: Callable[[int], Any]
) -> None:
    first, second = add(plex, actors=("Ann",)), add(plex, actors=("Ann",))
    picture = "http://stash/performer/1/image?t=1&x=2"
    edit = {"actor[0].tag.tag": "ann", "actor[0].tag.thumb": picture, "actor[0].tagging.text": "Herself"}
    fetch(first).edit(**edit, **{"actor.locked": 1})
    assert plex.item(first).roles == (Credit(name="Ann", thumb=picture, role="Herself"),)
    assert plex.item(second).roles == (Credit(name="Ann", thumb=picture),)
    assert fetch(second).roles[0].thumb == picture


def test_a_person_who_is_removed_and_added_again_loses_role_and_tag_key_but_no_picture(plex: PlexSim) -> None:
    ann = Credit(name="Ann", thumb="https://plex/ann.jpg", role="Herself", tag_key="5d776825880197001ec9038f")
    key, other = add(plex, actors=(ann, "Bob")), add(plex, actors=("Ann",))
    put(plex, f"id={key}&actor[0].tag.tag=Ann&actor[0].tag.thumb=https://stash/ann.jpg")
    again = replace(ann, thumb="https://stash/ann.jpg")
    assert plex.item(key).roles == (again, Credit(name="Bob"))
    put(plex, f"id={key}&actor[].tag.tag-=Ann")
    put(plex, f"id={key}&actor[0].tag.tag=Ann")
    lost = replace(again, role="", tag_key="")
    assert plex.item(key).roles == (Credit(name="Bob"), lost)
    assert plex.item(other).roles == (lost,)
    plex.metadata_refresh(key)
    assert plex.item(key).roles == (again, Credit(name="Bob"))


def test_a_persons_edit_of_the_cast_keeps_roles_and_tag_keys(plex: PlexSim) -> None:
    ann, bob = (Credit(name=name, role=f"as {name}", tag_key=f"5d{name}") for name in ("Ann", "Bob"))
    key = add(plex, actors=(ann, bob))
    plex.edit_by_hand(key, actors=("Carl", "Bob"))
    assert plex.item(key).roles == (Credit(name="Carl"), bob)
    plex.metadata_refresh(key)
    assert plex.item(key).roles == (Credit(name="Carl"), bob)


@pytest.mark.parametrize(
    ("order", "there"),
    [(TagOrder.REMOVE_FIRST, ("Bob", "Carl", "Ann")), (TagOrder.ADD_FIRST, ("Bob", "Carl"))],
)
def test_one_put_removes_and_adds_in_either_order(plex: PlexSim, order: TagOrder, there: tuple[str, ...]) -> None:
    plex.quirks.tag_order = order
    key = add(plex, actors=("Ann", "Bob"))
    put(plex, f"id={key}&actor[].tag.tag-=Ann&actor[0].tag.tag=Carl&actor[1].tag.tag=Ann")
    assert plex.item(key).actors == there


def test_people_of_an_item_are_shown_as_recorded_servers_show_them(plex: PlexSim) -> None:
    ann = Credit(name="Ann", thumb="https://plex/ann.jpg", role="Herself", tag_key="5d776825880197001ec9038f")
    key = add(plex, actors=(ann, "Bob"), directors=(replace(ann, role=""),), writers=("Ann",))
    video = ET.fromstring(ask(plex, "GET", f"/library/metadata/{key}").content)[0]
    (director,), (writer,), (first, second) = (video.findall(name) for name in ("Director", "Writer", "Role"))
    assert first.attrib.keys() == {"id", "filter", "tag", "tagKey", "role", "thumb"}
    assert first.get("filter") == f"actor={first.get('id')}"
    assert (first.get("tagKey"), first.get("thumb"), first.get("role")) == (ann.tag_key, ann.thumb, "Herself")
    assert second.attrib.keys() == {"id", "filter", "tag"}
    assert director.attrib.keys() == {"id", "filter", "tag", "tagKey", "thumb"}
    assert writer.attrib.keys() == {"id", "filter", "tag"}
    listed = ET.fromstring(ask(plex, "GET", "/library/sections/1/all?type=1").content)[0]
    assert [role.attrib for role in listed.findall("Role")] == [{"tag": "Ann"}, {"tag": "Bob"}]


def test_values_can_be_shown_differently_from_how_they_are_stored(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, originally_available_at="2004-03-01", genres=("drama",), actors=("ann",), studio="s")
    plex.quirks.shown |= {"originallyAvailableAt": days_later(-1), "genre": str.title, "actor": str.upper}
    for movie in (fetch(key), connect(plex).library.section("Movies").all()[0]):
        assert f"{movie.originallyAvailableAt:%Y-%m-%d}" == "2004-02-29"
        assert ([genre.tag for genre in movie.genres], [role.tag for role in movie.roles]) == (["Drama"], ["ANN"])
        assert movie.studio == "s"
    item = plex.item(key)
    assert (item.originally_available_at, item.genres, item.actors) == ("2004-03-01", ("drama",), ("ann",))
    plex.quirks.shown.clear()
    assert [genre.tag for genre in fetch(key).genres] == ["drama"]


def test_collections_are_locked_whatever_the_client_says(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    fetch(key).addCollection("Studio", locked=False)
    assert plex.item(key).collections == ("Studio",)
    assert plex.item(key).locked == {"collection"}
    plex.metadata_refresh(key)
    assert plex.item(key).collections == ("Studio",)
    plex.unlock_by_hand(key, ["collection"])
    fetch(key).removeCollection("Studio", locked=False)
    assert plex.item(key).locked == {"collection"}


def test_a_rating_changes_neither_times_nor_locks(fetch: Callable[[int], Any], plex: PlexSim) -> None:
    key = add(plex, title="T")
    before = plex.item(key).updated_at
    fetch(key).rate(8.5)
    assert fetch(key).userRating == 8.5
    assert (plex.item(key).locked, plex.item(key).updated_at) == (frozenset(), before)
    fetch(key).rate()
    assert fetch(key).userRating is None


def test_a_replaced_file_makes_a_new_item_without_edits(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, studio="agent")
    fetch(key).editTitle("Edited").editStudio("Edited").rate(5)
    new_key = plex.replace_file(key)
    assert new_key != key
    with pytest.raises(NotFound):
        fetch(key)
    item = plex.item(new_key)
    assert (item.title, item.studio, item.user_rating, item.locked) == ("A film", "agent", None, frozenset())
    assert item.files == (("/media/A film.mp4", 11),)


def test_edits_set_updated_at_in_whole_seconds() -> None:
    now = [1000.2]
    with PlexSim(token=TOKEN, clock=lambda: now[0]) as plex:
        plex.add_section("Movies")
        key = add(plex)
        movie = connect(plex).fetchItem(key)
        now[0] = 1000.9
        movie.editTitle("A")
        assert plex.item(key).updated_at == 1000
        now[0] = 1001.0
        movie.editTitle("B")
        assert plex.item(key).updated_at == 1001


def test_an_incomplete_date_is_dropped(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, originally_available_at="2004-03-02")
    assert fetch(key).year == 2004
    fetch(key).editOriginallyAvailable("2005")
    assert plex.item(key).originally_available_at == ""


def test_unknown_parameters_are_ignored(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex, title="T")
    before = plex.item(key)
    fetch(key).edit(**{"nonsense.value": "x", "mood[0].tag.tag": "x", "nonsense.locked": 1, "foo": "bar"})
    assert plex.item(key) == before


def test_an_edit_without_ids_changes_the_whole_section(plex: PlexSim) -> None:
    first, second = add(plex), add(plex)
    connect(plex).library.section("Movies").lockAllField("studio")
    assert plex.item(first).locked == plex.item(second).locked == {"studio"}


def test_one_edit_can_change_several_items(plex: PlexSim) -> None:
    keys = [add(plex), add(plex)]
    section = connect(plex).library.section("Movies")
    section.multiEdit(section.all(), **{"studio.value": "S", "studio.locked": 1})
    assert [plex.item(key).studio for key in keys] == ["S", "S"]


def test_one_put_sets_values_tags_and_locks_of_many_items(plex: PlexSim) -> None:
    keys = [add(plex, genres=("there",)) for _ in range(300)]
    ids = ",".join(map(str, keys[:-1]))
    put(plex, f"id={ids}&studio.value=S&genre[0].tag.tag=G&genre.locked=1&thumb.locked=1")
    assert {(plex.item(key).studio, plex.item(key).genres) for key in keys[:-1]} == {("S", ("there", "G"))}
    assert {plex.item(key).locked for key in keys[:-1]} == {frozenset({"genre", "thumb"})}
    assert (plex.item(keys[-1]).studio, plex.item(keys[-1]).locked) == ("", frozenset())


def test_the_status_of_editing_a_missing_item_can_be_chosen(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    movie = fetch(key)
    plex.remove_item(key)
    with pytest.raises(NotFound):
        movie.editTitle("T")
    plex.quirks.edit_of_missing = 200
    movie.editTitle("T")


def test_an_item_cannot_be_edited_through_another_section(plex: PlexSim) -> None:
    plex.add_section("Other")
    other = plex.add_item(2, files=[("/other/b.mp4", 1)])
    with pytest.raises(NotFound):
        connect(plex).query(f"/library/sections/1/all?type=1&id={other}&title.value=x", method=requests.put)
    assert plex.item(other).title == "b"


def test_edits_by_hand_lock_and_replace_whole_lists(plex: PlexSim) -> None:
    key = add(plex, title="A", genres=("a", "b"), actors=("x",))
    plex.edit_by_hand(key, title="B", summary="", genres=("b", "c"))
    item = plex.item(key)
    assert (item.title, item.genres, item.actors) == ("B", ("b", "c"), ("x",))
    assert item.locked == {"title", "summary", "genre"}
    with pytest.raises(TypeError, match="'tilte'"):
        plex.edit_by_hand(key, tilte="B")


def test_only_identity_needs_no_token(plex: PlexSim) -> None:
    server = connect(plex)
    plex.token = "another"
    assert server.identity().machineIdentifier == server.machineIdentifier
    with pytest.raises(Unauthorized):
        server.library.sections()


XML_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from("\t\n\r&<>\"'"), min_size=1, max_size=40
)


def test_every_text_comes_back_as_sent(plex: PlexSim, fetch: Callable[[int], Any]) -> None:
    key = add(plex)
    movie = fetch(key)

    @settings(max_examples=60, deadline=None)
    @given(text=XML_TEXT)
    def round_trip(text: str) -> None:
        movie.editSummary(text)
        assert fetch(key).summary == text
        assert plex.item(key).summary == text

    round_trip()


def test_control_characters_come_out_raw_and_break_the_xml(
    plex: PlexSim, fetch: Callable[[int], Any]
) -> None:
    key = add(plex)
    fetch(key).editSummary("a\x07b")
    assert plex.item(key).summary == "a\x07b"
    assert fetch(key).summary == "ab"  # plexapi cleans the XML and parses it again
