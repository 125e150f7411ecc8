"""Libraries that are added, deleted and recreated in the simulated Plex, and what their agents say about an item."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import requests

from sim.plex.guids import DEFAULT_AGENT, NO_AGENT
from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN, connect

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        yield sim


def video(plex: PlexSim, key: int) -> ET.Element:
    answer = requests.get(f"{plex.url}/library/metadata/{key}?X-Plex-Token={TOKEN}", timeout=30)
    return ET.fromstring(answer.content)[0]


def keys_of(plex: PlexSim) -> dict[int, str]:
    return {section.key: section.title for section in connect(plex).library.sections()}


def test_a_deleted_library_takes_its_items_along_and_its_key_is_never_used_again(plex: PlexSim) -> None:
    first, second = (plex.add_section(name) for name in ("Movies", "More"))
    stays, gone = (plex.add_item(section, files=[("/a.mp4", 1)]) for section in (first, second))
    plex.delete_section(second)
    assert keys_of(plex) == {first: "Movies"}
    assert plex.item(stays).section_key == first
    with pytest.raises(KeyError):
        plex.item(gone)
    assert plex.add_section("More") == second + 1


def test_a_recreated_library_and_its_items_have_new_keys(plex: PlexSim) -> None:
    old = plex.add_section("Movies", locations=["/media"])
    key = plex.add_item(old, files=[("/media/a.mp4", 1)], studio="agent", collections=("C",))
    plex.edit_by_hand(key, title="By hand", studio="by hand")
    plex.put_on_disk(old, files=[("/media/b.mp4", 1)])
    new = plex.remake_section(old)
    assert keys_of(plex) == {new: "Movies"}
    assert new != old
    (item,) = plex.items(new)
    assert item.rating_key != key
    assert (item.title, item.studio, item.locked, item.files) == ("a", "agent", frozenset(), (("/media/a.mp4", 1),))
    plex.edit_by_hand(item.rating_key, collections=())
    assert plex.item(item.rating_key).collections == ()
    assert len(plex.scan(new)) == 1


def test_the_machine_identifier_can_change_while_the_server_runs(plex: PlexSim) -> None:
    before = connect(plex).machineIdentifier
    plex.machine_identifier = "another"
    assert connect(plex).machineIdentifier == "another" != before
    assert ET.fromstring(requests.get(f"{plex.url}/identity", timeout=30).content).get("machineIdentifier") == "another"


@pytest.mark.parametrize(
    ("agent", "guid", "subtype"),
    [
        (DEFAULT_AGENT, r"local://1", None),
        (NO_AGENT, r"com\.plexapp\.agents\.none://[0-9a-f]{40}\?lang=xn", "clip"),
    ],
)
def test_an_agent_gives_guid_and_subtype(plex: PlexSim, agent: str, guid: str, subtype: str | None) -> None:
    section = plex.add_section("Movies", agent=agent)
    key = plex.add_item(section, files=[("/media/a.mp4", 1)])
    shown = video(plex, key)
    assert re.fullmatch(guid, shown.attrib["guid"])
    assert shown.get("subtype") == subtype
    assert connect(plex).library.section("Movies").agent == agent


def test_an_item_can_have_a_guid_and_subtype_of_its_own(plex: PlexSim) -> None:
    section = plex.add_section("Movies", agent=NO_AGENT)
    guid = "plex://movie/5d776830f59e58002189813a"
    shown = video(plex, plex.add_item(section, files=[("/a.mp4", 1)], guid=guid, subtype=""))
    assert (shown.get("guid"), shown.get("subtype")) == (guid, None)


@pytest.mark.parametrize(
    ("original", "optimized"),
    [
        ("/media/x/a (2010).mkv", "/media/x/Plex Versions/Optimized for Mobile/a (2010).mp4"),
        ("I:\\Videos\\x\\a.MTS", "I:\\Videos\\x\\Plex Versions\\Optimized for Mobile\\a.mp4"),
    ],
)
def test_an_optimized_version_lies_in_a_folder_of_plex_beside_the_original(
    plex: PlexSim, original: str, optimized: str
) -> None:
    key = plex.add_item(plex.add_section("Movies"), files=[(original, 1000)])
    assert plex.add_optimized_version(key) == optimized
    first, second = video(plex, key).findall("Media")
    assert (first.get("proxyType"), first[0].get("file")) == (None, original)
    assert (second.get("proxyType"), second[0].get("file")) == ("42", optimized)
    assert second.get("target") == second.get("title") == "Optimized for Mobile"
    assert [path for path, _ in plex.item(key).files] == [original, optimized]
