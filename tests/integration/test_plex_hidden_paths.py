"""A token that sees items and files, but not where any file is: a shared user's, for example."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import NotInPlex, PathsHidden
from plex.find import SWEEP_MIN_SCENES, Finder
from plex.health import Health, probe
from plex.index import Index
from sim.plex.simulator import PlexSim
from tests.support.hidden_paths import PathHider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "right"


@pytest.fixture
def sim() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as server:
        server.add_section("Empty", locations=["/empty"])
        server.add_section("Movies", locations=["/media"])
        for number in range(3):
            server.add_item(2, files=[(f"/media/{number}.mp4", 1)])
        yield server


@pytest.fixture
def hider(sim: PlexSim) -> Iterator[PathHider]:
    with PathHider(sim) as between:
        yield between


@pytest.fixture
def client(hider: PathHider) -> Iterator[PlexClient]:
    made = PlexClient(PlexConnection(url=hider.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=5))
    yield made
    made.close()


@pytest.fixture
def finder(client: PlexClient, tmp_path: Path) -> Iterator[Finder]:
    index = Index(str(tmp_path), "one server")
    yield Finder(client, index, clock=Clock(), log=logging.getLogger("test"), rules=[("/data", "/media")])
    index.close()


def probed(hider: PathHider) -> Health:
    return probe(PlexConnection(url=hider.url, token=TOKEN), clock=Clock())


@pytest.mark.parametrize("path", ["/data/1.mp4", "/data/none.mp4"])
def test_a_file_that_such_a_token_cannot_find_is_not_called_missing(finder: Finder, path: str) -> None:
    with pytest.raises(PathsHidden, match="may not see the paths of the files") as raised:
        finder.find([(path, 1)], since=0)
    assert "owner" in str(raised.value)
    assert "Path map" not in str(raised.value)


def test_a_sweep_ends_at_the_first_page_without_a_path(sim: PlexSim, client: PlexClient, finder: Finder) -> None:
    hidden = client.sections()[1]
    sim.clear_requests()
    with pytest.raises(PathsHidden):
        list(client.sweep(hidden, page_size=1))
    assert len(sim.requests) == 3  # the page, and a few items of each library
    with pytest.raises(PathsHidden):
        finder.prepare([[("/data/1.mp4", 1)]] * SWEEP_MIN_SCENES)
    assert finder.known_keys([("/data/1.mp4", 1)]) == ()


def test_what_an_earlier_token_saw_is_not_called_missing(hider: PathHider, client: PlexClient, finder: Finder) -> None:
    hider.hides = False
    assert [match.item.rating_key for match in finder.find([("/data/1.mp4", 1)], since=0)] == [2]
    hider.hides = True
    assert client.read_items([2])[2].has_hidden_files
    finder.forget(2)
    with pytest.raises(PathsHidden):
        finder.find([("/data/1.mp4", 1)], since=0)


def test_all_is_well_as_soon_as_a_path_is_seen(hider: PathHider, finder: Finder) -> None:
    with pytest.raises(PathsHidden):
        finder.find([("/data/1.mp4", 1)], since=0)
    assert isinstance(probed(hider).error, PathsHidden)
    hider.hides = False
    assert probed(hider).error is None
    assert [match.item.rating_key for match in finder.find([("/data/1.mp4", 1)], since=0)] == [2]
    with pytest.raises(NotInPlex):
        finder.find([("/data/none.mp4", 1)], since=0)


def test_a_probe_tells_such_a_token_from_a_missing_library(hider: PathHider) -> None:
    health = probed(hider)
    assert health.ready
    assert health.token_ok
    assert health.libraries == ("Empty", "Movies")
    assert "may not see the paths of the files" in health.reason


def test_libraries_without_any_file_say_nothing_about_the_token(sim: PlexSim, hider: PathHider, finder: Finder) -> None:
    for item in sim.items(2):
        sim.remove_item(item.rating_key)
    assert probed(hider).error is None
    with pytest.raises(NotInPlex):
        finder.find([("/data/1.mp4", 1)], since=0)


def test_a_miss_asks_once_whether_paths_are_seen_at_all(sim: PlexSim, hider: PathHider, finder: Finder) -> None:
    hider.hides = False
    for requests in (5, 2):  # libraries, a search of each, and a few items until a path is seen; then the searches
        sim.clear_requests()
        with pytest.raises(NotInPlex):
            finder.find([("/data/none.mp4", 1)], since=0)
        assert len(sim.requests) == requests
