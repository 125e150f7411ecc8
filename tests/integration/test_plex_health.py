from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from local.container import is_in_container
from plex.connection import PlexConnection
from plex.errors import PlexAuthError, PlexBusy, PlexServerDown, PlexSetup, PlexTimeout
from plex.health import Health, probe
from sim.faults import Fault
from sim.plex.simulator import PlexSim
from tests.support.raw_server import RawServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "right"


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        sim.add_section("Shows", section_type="show")
        yield sim


def probed(
    plex: PlexSim, *, token: str = TOKEN, libraries: tuple[str, ...] = (), read_timeout_s: float = 10.0
) -> Health:
    connection = PlexConnection(url=plex.url, token=token, libraries=libraries)
    return probe(connection, clock=Clock(), connect_timeout_s=2.0, read_timeout_s=read_timeout_s)


def test_a_healthy_server_is_ready(plex: PlexSim) -> None:
    health = probed(plex, libraries=("movies",))
    assert health.healthy
    assert health.ready
    assert health.token_ok is True
    assert health.version.startswith("1.")
    assert health.latency_ms is not None
    assert health.latency_ms > 0
    assert health.libraries == ("Movies",)
    assert (health.error, health.reason) == (None, "")


def test_a_starting_server_is_healthy_but_not_ready(plex: PlexSim) -> None:
    plex.fault(Fault.starting())
    health = probed(plex)
    assert health.healthy
    assert not health.ready
    assert health.token_ok is None
    assert isinstance(health.error, PlexServerDown)
    assert "starting up" in health.reason


def test_a_server_without_its_database_is_not_ready(plex: PlexSim) -> None:
    plex.fault(Fault.answer(503), path="/library/sections/1/all")
    assert not probed(plex).ready


def test_a_server_that_is_off_is_not_healthy(plex: PlexSim) -> None:
    plex.fault(Fault.refused())
    health = probed(plex)
    assert not health.healthy
    assert health.latency_ms is None
    assert isinstance(health.error, PlexServerDown)
    assert "refused" in health.reason


def test_a_silent_server_is_awaited_only_as_long_as_the_probe_allows(plex: PlexSim) -> None:
    plex.fault(Fault.hang())
    health = probed(plex, read_timeout_s=0.3)
    assert not health.healthy
    assert isinstance(health.error, PlexTimeout)


def test_a_rejected_token_is_reported(plex: PlexSim) -> None:
    health = probed(plex, token="wrong")
    assert health.healthy
    assert not health.ready
    assert health.token_ok is False
    assert isinstance(health.error, PlexAuthError)


def test_a_busy_server_is_reported_as_busy(plex: PlexSim) -> None:
    plex.fault(Fault.answer(429), path="/library")
    assert isinstance(probed(plex).error, PlexBusy)


def test_a_missing_library_is_a_setup_error_of_a_ready_server(plex: PlexSim) -> None:
    health = probed(plex, libraries=("Movies", "Gone", "Shows"))
    assert health.ready
    assert health.libraries == ("Movies",)
    assert health.libraries_missing == ("Gone", "Shows")
    assert isinstance(health.error, PlexSetup)
    assert "Gone" in health.reason


def test_an_invalid_address_is_a_setup_error() -> None:
    health = probe(PlexConnection(url="nonsense", token="x"), clock=Clock())
    assert not health.healthy
    assert isinstance(health.error, PlexSetup)


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "404 Not Found"])
def test_a_router_is_no_plex_server(status: str) -> None:
    with RawServer(answer(status, b"<!DOCTYPE html><html><body>Router</body></html>")) as server:
        health = probe(PlexConnection(url=server.url, token="x"), clock=Clock())
    assert not health.healthy
    assert "that is not a Plex server" in health.reason


def test_localhost_in_a_container_gets_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    reason = probe(PlexConnection(url=f"http://localhost:{port}", token="x"), clock=Clock()).reason
    assert "refused" in reason
    assert ("localhost means the container itself" in reason) is is_in_container()
