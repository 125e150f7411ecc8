"""The plugin reads everything that real Plex servers answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import requests

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.model import parse_items, parse_lean_items, parse_pictures, parse_sections
from plex.paths import base_name
from tests.support.recorded_plex import NO_RECORDINGS, recordings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.recorded_plex import RecordedPlex

SECTION = 1


@pytest.fixture
def client(recorded: RecordedPlex) -> Iterator[PlexClient]:
    made = PlexClient(PlexConnection(url=recorded.url, token="any", connect_timeout_s=2, read_timeout_s=5))
    yield made
    made.close()


def is_made_by_plex(path: str) -> bool:
    """Whether Plex made this version for a kind of device: no scene's file."""
    return re.search(r"[/\\]Plex Versions[/\\]", path) is not None


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in recordings()] or [pytest.param(None, marks=NO_RECORDINGS)]
)
def test_a_recording_is_read_in_full(path: Path) -> None:
    root = ET.parse(path).getroot()
    sections, pictures = parse_sections(root), parse_pictures(root)
    lean, items = parse_lean_items(root, SECTION), parse_items(root)
    videos = root.findall("Video")
    assert [item.rating_key for item in lean] == [item.rating_key for item in items]
    assert [str(item.rating_key) for item in items] == [video.get("ratingKey") for video in videos]
    assert [item.title for item in items] == [video.get("title") for video in videos]
    for item, video in zip(items, videos, strict=True):
        files = [part.get("file", "") for part in video.iter("Part")]
        assert [part.path for part in item.parts] == [file for file in files if not is_made_by_plex(file)]
        assert all(part.size for part in item.parts)
        assert list(item.actors) == [role.get("tag") for role in video.findall("Role")]
        assert [role.text for role in item.roles] == [role.get("role", "") for role in video.findall("Role")]
    photos = root.findall("Photo")
    assert bool(pictures.selected) == bool(photos)
    assert len(pictures.uploads) == sum("upload%3A" in photo.get("key", "") for photo in photos)
    folders = [location.get("path") for location in root.iter("Location")]
    assert [folder for section in sections for folder in section.locations] == folders


def test_the_client_can_use_a_recorded_server(recorded: RecordedPlex, client: PlexClient) -> None:
    assert client.identity().machine_identifier
    sections = client.all_sections()
    files = [each for each in recorded.files() if not is_made_by_plex(each[1])]
    for section in sections:
        own = sorted((path, size or None) for key, path, size in files if key == str(section.key))
        if not own:
            continue
        swept = list(client.sweep(section, page_size=2))
        assert sorted((part.path, part.size) for item in swept for part in item.parts) == own
        for item in client.read_items([item.rating_key for item in swept]).values():
            assert item.section_key == section.key
            assert client.list_pictures(item.rating_key, "posters") is not None
        for path, _ in own:
            found = client.find_by_name(section, base_name(path)) or ()
            assert path in {part.path for item in found for part in item.parts}
    assert recorded.writes == []


def test_a_recorded_server_refuses_edits_unless_told_to_keep_them(recorded: RecordedPlex) -> None:
    if not recorded.items():
        pytest.skip("no items were recorded")
    section, key = recorded.items()[0]
    edit = f"{recorded.url}/library/sections/{section}/all?type=1&id={key}&title.value=Edited&title.locked=1"
    assert requests.put(edit, timeout=5).status_code == 403
    recorded.takes_edits = True
    assert requests.put(f"{edit}&actor[0].tag.tag=New&actor[0].tagging.text=Herself", timeout=5).status_code == 200
    assert requests.put(f"{recorded.url}/:/rate?key={key}&identifier=x&rating=8", timeout=5).status_code == 200
    root = ET.fromstring(requests.get(f"{recorded.url}/library/metadata/{key}", timeout=5).content)
    (item,) = parse_items(root)
    assert (item.title, item.rating, item.roles[-1].name, item.roles[-1].text) == ("Edited", "8", "New", "Herself")
    assert "title" in item.locked
    assert [request.method for request in recorded.writes] == ["PUT"] * 3
