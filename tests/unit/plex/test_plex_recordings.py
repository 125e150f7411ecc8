"""Answers of real Plex servers, read by the parsers. PLEXSYNC_TEST_RECORDED names their folder.

Without that variable the tests are skipped. A file is named after what it answers: sections-*, all-* (a listing),
metadata-* or posters-*.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from plex.match import Grade, PathRules, match_file
from plex.model import parse_items, parse_lean_items, parse_pictures, parse_sections

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.model import LeanItem, PlexItem

FOLDER = os.environ.get("PLEXSYNC_TEST_RECORDED", "")
FILES = sorted(Path(FOLDER).rglob("*.xml")) if FOLDER else []

pytestmark = pytest.mark.skipif(not FILES, reason="PLEXSYNC_TEST_RECORDED names no folder with recordings")


def recorded(kind: str) -> list[Path]:
    return [path for path in FILES if path.name.startswith(f"{kind}-")]


def paths_of(items: Iterable[LeanItem | PlexItem]) -> list[str]:
    return [part.path for item in items for part in item.parts]


def file_names(container: ET.Element) -> list[str]:
    """The names of all files except versions for devices."""
    return [
        part.get("file", "")
        for media in container.iter("Media")
        if not media.get("proxyType")
        for part in media.iter("Part")
        if part.get("file")
    ]


@pytest.mark.parametrize("path", recorded("sections"), ids=lambda path: path.name)
def test_every_library_is_read_with_its_folders(path: Path) -> None:
    container = ET.parse(path).getroot()
    sections = parse_sections(container)
    assert len(sections) == len(container.findall("Directory"))
    assert all(section.title and section.type and section.locations for section in sections)
    assert any(section.type == "movie" for section in sections)


@pytest.mark.parametrize("path", recorded("all"), ids=lambda path: path.name)
def test_every_item_of_a_listing_is_read_and_found_by_its_files(path: Path) -> None:
    container = ET.parse(path).getroot()
    items = parse_lean_items(container, 1)
    assert len(items) == len(container.findall("Video"))
    assert paths_of(items) == file_names(container)
    assert not any(item.has_hidden_files for item in items)
    for item in items:
        for part in item.parts:
            found = match_file((part.path, part.size or 0), items, PathRules())
            assert {match.item.rating_key: match.grade for match in found.matches} == {item.rating_key: Grade.PATH}


@pytest.mark.parametrize("path", recorded("metadata"), ids=lambda path: path.name)
def test_every_item_is_read_whole(path: Path) -> None:
    container = ET.parse(path).getroot()
    items = parse_items(container)
    assert len(items) == len(container.findall("Video"))
    assert paths_of(items) == file_names(container)
    for item, video in zip(items, container.findall("Video"), strict=True):
        assert (item.title, item.summary) == (video.get("title"), video.get("summary", ""))
        assert item.section_key
        assert len(item.actors) == len(item.roles) == len(video.findall("Role"))
        assert [role.text for role in item.roles] == [role.get("role", "") for role in video.findall("Role")]


@pytest.mark.parametrize("path", recorded("posters"), ids=lambda path: path.name)
def test_every_picture_is_read(path: Path) -> None:
    container = ET.parse(path).getroot()
    pictures = parse_pictures(container)
    assert pictures.selected
    assert pictures.uploads
    assert len(pictures.uploads) <= len(container.findall("Photo"))
