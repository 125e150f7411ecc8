"""The listings of the simulated Plex: few tags, filters, pages, scans; and what a page of 100,000 items costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
import requests
from plexapi.exceptions import NotFound

from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media", "/more"])
        yield sim


def ask(plex: PlexSim, path: str, **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(plex.url + path, headers={"X-Plex-Token": TOKEN, **names}, timeout=30)


def listed(plex: PlexSim, query: str) -> list[str]:
    answer = ask(plex, f"/library/sections/1/all?{query}")
    assert answer.status_code == 200
    return [video.attrib["title"] for video in ET.fromstring(answer.content).iter("Video")]


def add(plex: PlexSim, name: str, **values: Any) -> int:
    return plex.add_item(1, files=[(f"/media/{name}.mp4", 1)], **values)


def test_sections_show_type_title_and_folders(plex: PlexSim) -> None:
    plex.add_section("Shows", section_type="show", locations=["/shows"])
    sections = connect(plex).library.sections()
    assert [(section.key, section.type, section.title, section.locations) for section in sections] == [
        (1, "movie", "Movies", ["/media", "/more"]),
        (2, "show", "Shows", ["/shows"]),
    ]
    plex.rename_section(1, "Films")
    with pytest.raises(NotFound):
        connect(plex).library.section("Movies")


def test_a_listing_shows_two_tags_of_each_kind_three_roles_and_no_locks(plex: PlexSim) -> None:
    names = ("a", "b", "c", "d")
    key = add(plex, "x", genres=names, countries=names, collections=names, directors=names, actors=names, labels=names)
    plex.edit_by_hand(key, title="locked")
    video = ET.fromstring(ask(plex, "/library/sections/1/all?type=1").content)[0]
    counts = {name: len(video.findall(name)) for name in ("Genre", "Country", "Collection", "Director", "Role")}
    assert counts == {"Genre": 2, "Country": 2, "Collection": 2, "Director": 2, "Role": 3}
    assert (video.findall("Label"), video.findall("Field")) == ([], [])
    whole = ET.fromstring(ask(plex, f"/library/metadata/{key}").content)[0]
    assert {len(whole.findall(name)) for name in (*counts, "Label")} == {4}
    assert [field.attrib for field in whole.findall("Field")] == [{"locked": "1", "name": "title"}]


def test_excluded_fields_and_elements_are_missing(plex: PlexSim) -> None:
    add(plex, "x", summary="long", genres=("a",), actors=("b",))
    query = "type=1&excludeFields=summary,tagline&excludeElements=Genre,Role"
    video = ET.fromstring(ask(plex, f"/library/sections/1/all?{query}").content)[0]
    assert "summary" not in video.attrib
    assert [child.tag for child in video] == ["Media"]


def test_a_list_of_keys_returns_the_existing_items_and_404_if_there_are_none(plex: PlexSim) -> None:
    first, second = add(plex, "a"), add(plex, "b")
    answer = ET.fromstring(ask(plex, f"/library/metadata/{second},99,{first}").content)
    assert (answer.attrib["size"], [video.attrib["title"] for video in answer]) == ("2", ["b", "a"])
    assert ask(plex, "/library/metadata/98,99").status_code == 404
    assert ask(plex, "/library/metadata/98").status_code == 404


def test_versions_and_parts_are_distinct(plex: PlexSim) -> None:
    key = plex.add_item(1, files=[[("/media/cd1.avi", 1), ("/media/cd2.avi", 2)], ("/media/whole.mkv", 3)])
    movie = connect(plex).fetchItem(key)
    assert [[(part.file, part.size) for part in media.parts] for media in movie.media] == [
        [("/media/cd1.avi", 1), ("/media/cd2.avi", 2)],
        [("/media/whole.mkv", 3)],
    ]
    assert [movie.title for movie in connect(plex).library.section("Movies").all()] == ["cd1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("First.mp4", ["First"]),
        ("fIRST", ["First"]),
        ("/media/", ["First", "Second, part 1", "a third", "Ärger"]),
        ("Second, third", ["Second, part 1", "a third"]),
        ("ärger", []),
        ("%C3%84rger", ["Ärger"]),
        ("nowhere", []),
    ],
)
def test_the_file_filter_means_contains_in_any_case_and_a_comma_means_or(
    plex: PlexSim, text: str, found: list[str]
) -> None:
    for name in ("First", "Second, part 1", "a third", "Ärger"):
        add(plex, name)
    assert sorted(listed(plex, f"type=1&file={text}")) == found


def test_file_without_type_is_an_internal_error(plex: PlexSim) -> None:
    add(plex, "a")
    assert ask(plex, "/library/sections/1/all?file=a").status_code == 500
    assert listed(plex, "type=1&file=a") == ["a"]


def test_a_server_may_ignore_the_file_filter(plex: PlexSim) -> None:
    add(plex, "a"), add(plex, "b")
    plex.quirks.file_filter = False
    assert listed(plex, "type=1&file=a.mp4") == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("updatedAt>=200", ["b", "c"]),
        ("updatedAt%3E=200", ["b", "c"]),
        ("updatedAt>>=200", ["c"]),
        ("addedAt<=100", ["a"]),
        ("addedAt<<=200", ["a"]),
        ("addedAt>>=-30d", []),
        ("title=B", ["b"]),
        ("title==B", ["b"]),
        ("title%3D=B", ["b"]),
        ("title!=b", ["a", "c"]),
        ("title=a,c", ["a", "c"]),
        ("addedAt>=200&title=c,a", ["c"]),
        ("sort=addedAt:desc", ["c", "b", "a"]),
        ("sort=titleSort:desc&limit=2", ["c", "b"]),
        ("nonsense=1&foo>=2", ["a", "b", "c"]),
    ],
)
def test_listings_are_filtered_and_sorted(plex: PlexSim, query: str, found: list[str]) -> None:
    for name, at in (("a", 100), ("b", 200), ("c", 300)):
        add(plex, name, added_at=at)
    assert listed(plex, f"type=1&{query}") == found


def test_plexapi_can_search(plex: PlexSim) -> None:
    key = add(plex, "a", genres=("Drama",), studio="Acme", added_at=1_700_000_000)
    add(plex, "b", genres=("Horror",), added_at=1_600_000_000)
    section = connect(plex).library.section("Movies")
    for search in (
        {"genre": "drama"},
        {"studio": "acm"},
        {"addedAt>>": "2022-01-01"},
        {"title": "A"},
        {"genre!": "horror"},
    ):
        assert [movie.ratingKey for movie in section.search(**search)] == [key], search
    assert [movie.title for movie in section.search(sort="addedAt:desc")] == ["a", "b"]
    assert section.totalSize == 2


def test_titles_sort_without_their_article(plex: PlexSim) -> None:
    for title in ("The b", "a", "A d", "c"):
        add(plex, title, title=title)
    assert listed(plex, "type=1") == ["a", "The b", "c", "A d"]


def test_pages_tell_their_offset_and_the_total(plex: PlexSim) -> None:
    for number in range(5):
        add(plex, f"item {number}")
    page = "X-Plex-Container-Start=3&X-Plex-Container-Size=10"
    by_query = ET.fromstring(ask(plex, f"/library/sections/1/all?type=1&{page}").content)
    headers = {"X_Plex_Container_Start": "3", "X_Plex_Container_Size": "10"}
    by_header = ET.fromstring(ask(plex, "/library/sections/1/all?type=1", **headers).content)
    for answer in (by_query, by_header):
        assert [answer.attrib[name] for name in ("size", "totalSize", "offset")] == ["2", "5", "3"]
        assert [video.attrib["title"] for video in answer] == ["item 3", "item 4"]
    none = ET.fromstring(ask(plex, "/library/sections/1/all?type=1&X-Plex-Container-Size=0").content)
    assert (len(none), none.attrib["totalSize"]) == (0, "5")
    whole = ET.fromstring(ask(plex, "/library/sections/1/all?type=1").content)
    assert (whole.attrib["size"], whole.attrib.get("totalSize")) == ("5", None)


def test_plexapi_reads_all_pages(plex: PlexSim) -> None:
    for number in range(250):
        add(plex, f"item {number:03}")
    titles = [movie.title for movie in connect(plex).library.section("Movies").all()]
    assert titles == [f"item {number:03}" for number in range(250)]


def test_an_edited_title_moves_the_item_in_the_listing(plex: PlexSim) -> None:
    keys = [add(plex, name) for name in ("a", "b", "c")]
    assert listed(plex, "type=1") == ["a", "b", "c"]
    plex.edit_by_hand(keys[0], title="z")
    plex.rate_by_hand(keys[1], 5)
    plex.remove_item(keys[2])
    add(plex, "m")
    assert listed(plex, "type=1") == ["b", "m", "z"]


def test_a_scan_finds_new_files_below_its_path(plex: PlexSim) -> None:
    section = connect(plex).library.section("Movies")
    plex.put_on_disk(1, files=[("/media/new/a.mp4", 1)], genres=("g",))
    plex.put_on_disk(1, files=[("/media/newer/b.mp4", 1)])
    assert listed(plex, "type=1") == []
    section.update(path="/media/new")
    assert listed(plex, "type=1") == ["a"]
    section.update()
    section.update()
    assert listed(plex, "type=1") == ["a", "b"]


def test_a_forced_refresh_of_the_section_reverts_what_is_not_locked(plex: PlexSim) -> None:
    key = add(plex, "a", title="agent")
    plex.edit_by_hand(key, locked=False, title="mine")
    connect(plex).library.section("Movies").update()
    assert plex.item(key).title == "mine"
    connect(plex).library.section("Movies").refresh()
    assert plex.item(key).title == "agent"


@pytest.mark.parametrize("path", ["/nowhere", "/library/sections/9/all", "/library/sections/9/refresh"])
def test_unknown_paths_are_not_found(plex: PlexSim, path: str) -> None:
    assert ask(plex, path).status_code == 404


def test_a_page_of_twenty_thousand_items_costs_little_more_than_one_of_a_thousand(plex: PlexSim) -> None:
    small_s = page_cpu_s(plex, items=1_000)
    assert page_cpu_s(plex, items=20_000) < 5 * small_s


def page_cpu_s(plex: PlexSim, *, items: int) -> float:
    """Fill the library up to this many items; returns the least CPU seconds of a page of 1,000 right after an edit."""
    there = len(plex.items(1))
    for number in range(there, items):
        plex.add_item(1, files=[(f"/media/{number % 100}/File {number}.mp4", number)], genres=("a", "b", "c"))
    page = f"type=1&X-Plex-Container-Start={items // 2 - 500}&X-Plex-Container-Size=1000"
    url = f"{plex.url}/library/sections/1/all?{page}&X-Plex-Token={TOKEN}"
    took = []
    with requests.Session() as session:
        for number in range(6):
            plex.edit_by_hand(1 + number, title="moved")
            began = time.process_time()
            assert len(session.get(url, timeout=30).content) > 300_000
            took.append(time.process_time() - began)
    return min(took)
