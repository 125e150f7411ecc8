from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from plex.model import PartFile, Role, parse_items, parse_lean_items, parse_sections


def test_a_whole_item_is_read() -> None:
    container = ET.fromstring(
        """<MediaContainer librarySectionID="2"><Video ratingKey="7" title="T" summary="S&#10;s" studio="St"
        originallyAvailableAt="2004-03-01" userRating="8.0" updatedAt="5" thumb="/t" art="/a">
        <Media><Part file="/m/a.mp4" size="10"/><Part file="/m/b.mp4"/></Media><Media><Part file="/m/c.mp4"/></Media>
        <Genre tag="G1"/><Genre tag="G2"/><Director tag="D"/><Role tag="R" role="Batman" thumb="http://x"/>
        <Collection tag="C"/><Field locked="1" name="title"/><Field locked="0" name="summary"/>
        </Video></MediaContainer>"""
    )
    (item,) = parse_items(container)
    assert (item.rating_key, item.section_key, item.title, item.summary) == (7, 2, "T", "S\ns")
    assert (item.date, item.studio, item.rating, item.updated_at) == ("2004-03-01", "St", "8", 5)
    assert (item.directors, item.actors, item.genres, item.collections) == (("D",), ("R",), ("G1", "G2"), ("C",))
    assert item.roles == (Role(name="R", text="Batman", thumb="http://x"),)
    assert item.locked == {"title"}
    assert item.parts[0] == PartFile(path="/m/a.mp4", size=10)
    assert [part.path for part in item.parts] == ["/m/a.mp4", "/m/b.mp4", "/m/c.mp4"]
    assert item.parts[1].size is None
    assert (item.thumb, item.art) == ("/t", "/a")


ORIGINAL = '<Media><Part file="I:\\V\\00000.MTS" size="9"/></Media>'
MARKED = '<Media proxyType="42" target="Mobile"><Part file="/elsewhere/00000 (2010).mp4" size="5"/></Media>'
IN_FOLDER = '<Media><Part file="I:\\V\\Plex Versions\\Optimized for TV\\00000 (2010).mp4" size="7"/></Media>'


@pytest.mark.parametrize("media", [ORIGINAL + MARKED, MARKED + ORIGINAL, IN_FOLDER + ORIGINAL + MARKED])
def test_a_version_that_plex_made_for_a_device_is_no_file_of_the_item(media: str) -> None:
    container = ET.fromstring(f'<MediaContainer><Video ratingKey="7">{media}</Video></MediaContainer>')
    for item in (parse_lean_items(container, 1)[0], parse_items(container)[0]):
        assert item.parts == (PartFile(path="I:\\V\\00000.MTS", size=9),)


@pytest.mark.parametrize("media", [MARKED, IN_FOLDER, IN_FOLDER.replace("\\", "/").replace("Plex V", "plex v")])
def test_an_item_that_is_only_such_a_version_has_no_files(media: str) -> None:
    container = ET.fromstring(f'<MediaContainer><Video ratingKey="7">{media}</Video></MediaContainer>')
    assert parse_lean_items(container, 1)[0].parts == parse_items(container)[0].parts == ()


def test_a_file_is_not_taken_for_such_a_version_because_of_its_name() -> None:
    path = "/v/Plex Versions compared/Plex Versions"
    media = f'<Media proxyType="1"><Part file="{path}"/></Media>'
    container = ET.fromstring(f'<MediaContainer><Video ratingKey="7">{media}</Video></MediaContainer>')
    assert [part.path for part in parse_items(container)[0].parts] == [path]


@pytest.mark.parametrize(
    ("media", "is_hidden"),
    [
        ('<Media><Part size="1"/><Part size="2"/></Media><Media proxyType="42"><Part/></Media>', True),
        ('<Media><Part size="1"/><Part file="/a.mp4"/></Media>', False),
        (MARKED, False),
        ("<Media/>", False),
        ("", False),
    ],
)
def test_an_item_whose_files_all_lack_a_path_is_not_one_without_files(media: str, *, is_hidden: bool) -> None:
    container = ET.fromstring(f'<MediaContainer><Video ratingKey="7">{media}</Video></MediaContainer>')
    assert parse_lean_items(container, 1)[0].has_hidden_files is is_hidden
    assert parse_items(container)[0].has_hidden_files is is_hidden


def test_an_item_without_attributes_has_empty_values() -> None:
    (item,) = parse_items(ET.fromstring('<MediaContainer><Video ratingKey="7"/></MediaContainer>'))
    assert (item.title, item.summary, item.date, item.studio, item.rating) == ("", "", "", "", "")
    assert (item.genres, item.locked, item.parts, item.updated_at) == ((), frozenset(), (), 0)


def test_elements_that_cannot_be_used_are_left_out() -> None:
    container = ET.fromstring(
        '<MediaContainer><Video title="no key"/><Video ratingKey="x"/><Video ratingKey="3" addedAt="9">'
        '<Media><Part size="1"/></Media><Genre/></Video><Directory ratingKey="4"/></MediaContainer>'
    )
    (item,) = parse_lean_items(container, 1)
    assert (item.rating_key, item.section_key, item.added_at, item.parts) == (3, 1, 9, ())
    assert parse_items(container)[0].genres == ()


def test_sections_of_all_types_are_read() -> None:
    container = ET.fromstring(
        '<MediaContainer><Directory key="1" title="Movies" type="movie"><Location path="/a"/><Location path="/b"/>'
        '</Directory><Directory key="2" title="TV" type="show"/><Directory key="all" title="x"/></MediaContainer>'
    )
    movies, shows = parse_sections(container)
    assert (movies.key, movies.title, movies.type, movies.locations) == (1, "Movies", "movie", ("/a", "/b"))
    assert (shows.key, shows.type) == (2, "show")
