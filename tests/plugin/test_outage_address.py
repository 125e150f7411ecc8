"""An address of Plex that has never worked since it was set is no outage of Plex."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.outage_world import OutageWorld
from tests.support.troubles import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OutageWorld]:
    with OutageWorld(tmp_path) as world:
        yield world


@pytest.fixture
def nowhere() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as reserved:
        reserved.bind((HERE, 0))
        yield f"http://{HERE}:{reserved.getsockname()[1]}"


def assert_no_outage(world: OutageWorld) -> None:
    status = world.stash.operation(mode="queue_status")
    assert status["outages"] == []
    assert status["recovery"]["rate_per_s"] is None
    assert status["recovery"]["last_recovery_at"] is None
    assert not world.dead_letters()


@pytest.mark.parametrize("wrong", ["nowhere", "name", "no tls"])
def test_the_first_address_if_it_was_wrong_had_no_outage(world: OutageWorld, nowhere: str, wrong: str) -> None:
    scenes = world.add_scenes(6)
    addresses = {
        "nowhere": nowhere,
        "name": "http://no.such.host.invalid:32400",
        "no tls": f"https://{HERE}:{world.plex.port}",
    }
    world.configure(plex_url=addresses[wrong])
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: bool(world.stopped_by() & {"circuit", "setup"}), "the drain to stop")
    assert set(world.attempts().values()) == {0}
    world.configure()
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert_no_outage(world)
    assert "Plex is back" not in world.log_text()


def test_a_new_address_that_does_not_work_is_a_matter_of_set_up(world: OutageWorld, nowhere: str) -> None:
    first, *others = world.add_scenes(4)
    world.stash.update_scene(first, title="before")
    world.wait_for_titles({first: "before"})
    world.configure(plex_url=nowhere)
    world.edit_at_once(dict.fromkeys(others, "edited"))
    world.wait_stopped("setup")
    status = world.stash.operation(mode="queue_status")
    assert status["draining"]["stopped_by"] == "setup"
    assert "never answered at this address" in status["draining"]["message"]
    assert status["circuit"]["state"] == "closed"
    world.new_worker()
    world.wait_stopped("setup")
    world.configure()
    world.wait_for_titles(dict.fromkeys(others, "edited"))
    world.wait_idle()
    assert_no_outage(world)
