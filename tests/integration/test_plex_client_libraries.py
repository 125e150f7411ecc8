"""PlexClient meets a library that was removed, or made anew under another key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import LibraryGone, PlexServerError, PlexSetup, Rejected
from sim.faults import Fault
from sim.plex.simulator import PlexSim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plex.model import Section

READS = pytest.mark.parametrize(
    "read",
    [
        lambda client, section: client.find_by_name(section, "a.mp4"),
        lambda client, section: client.find_by_path(section, "/media/a.mp4"),
        lambda client, section: list(client.sweep(section)),
        lambda client, section: list(client.changes(section, since=5)),
        lambda client, section: client.shows_paths([section]),
    ],
    ids=["by name", "by path", "sweep", "changes", "paths"],
)


@pytest.fixture
def sim() -> Iterator[PlexSim]:
    with PlexSim() as sim:
        sim.add_section("Movies", locations=["/media"])
        sim.add_item(1, files=[("/media/a.mp4", 1)])
        yield sim


def client_of(sim: PlexSim, *libraries: str) -> PlexClient:
    return PlexClient(PlexConnection(url=sim.url, token=sim.token, libraries=libraries, read_timeout_s=5))


@READS
def test_a_library_made_anew_is_told_by_its_own_error_and_the_new_list_is_there(
    sim: PlexSim, read: Callable[[PlexClient, Section], object]
) -> None:
    client = client_of(sim, "Movies")
    (section,) = client.sections()
    new = sim.remake_section(1)
    with pytest.raises(LibraryGone) as raised:
        read(client, section)
    assert raised.value.name == "PlexServerError"
    sim.clear_requests()
    assert [each.key for each in client.sections()] == [new]
    assert sim.requests == []


@READS
def test_a_configured_library_that_is_gone_is_a_matter_of_the_settings(
    sim: PlexSim, read: Callable[[PlexClient, Section], object]
) -> None:
    sim.add_section("Other")
    client = client_of(sim, "Movies")
    (section,) = client.sections()
    sim.delete_section(1)
    with pytest.raises(PlexSetup, match="no movie library named Movies"):
        read(client, section)


def test_a_library_that_is_listed_and_answers_404_is_a_failure_of_the_server(sim: PlexSim) -> None:
    client = client_of(sim)
    (section,) = client.sections()
    sim.fault(Fault.answer(404), path="/library/sections/1/all")
    with pytest.raises(PlexServerError) as raised:
        list(client.sweep(section))
    assert not isinstance(raised.value, LibraryGone)


def test_a_proxy_that_answers_404_to_everything_says_nothing_about_a_library(sim: PlexSim) -> None:
    client = client_of(sim)
    (section,) = client.sections()
    sim.fault(Fault.answer(404))
    with pytest.raises(PlexServerError) as raised:
        list(client.sweep(section))
    assert not isinstance(raised.value, LibraryGone)
    with pytest.raises(PlexServerError):
        client.all_sections()


def test_a_scan_that_is_refused_makes_the_list_void(sim: PlexSim) -> None:
    client = client_of(sim)
    (section,) = client.sections()
    sim.delete_section(1)
    with pytest.raises(Rejected):
        client.scan(section, "/media")
    assert client.libraries.believed is None
