"""What a user learns who looks at nothing but the log page of a real Stash, which shows the newest 30 lines."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from sim.plex.simulator import Fault
from status.report import MAX_LINES
from tests.support.real_stash import reason_to_skip
from tests.support.real_world import TOKEN, RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "[Plugin / PlexSync] "
SOON_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    level: str
    text: str
    at: float


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    with real_world(tmp_path_factory.mktemp("log"), scenes=4) as world:
        query = "mutation($i: ConfigGeneralInput!) { configureGeneral(input: $i) { logLevel } }"
        world.stash.gql(query, {"i": {"logLevel": "Info"}})  # as Stash is installed
        yield world


def page(world: RealWorld) -> list[Line]:
    """PlexSync's lines on the log page, the newest first."""
    logs = world.stash.gql("{ logs { time level message } }")["logs"]
    return [
        Line(level=each["level"], text=each["message"].removeprefix(PREFIX), at=epoch(each["time"]))
        for each in logs
        if each["message"].startswith(PREFIX)
    ]


def epoch(text: str) -> float:
    """Stash writes nanoseconds, which datetime does not read."""
    whole, _, rest = text.partition(".")
    offset = rest.lstrip("0123456789").replace("Z", "+00:00") or "+00:00"
    fraction = rest[: len(rest) - len(rest.lstrip("0123456789"))][:6].ljust(6, "0")
    return datetime.fromisoformat(f"{whole}.{fraction}{offset}").timestamp()


def wait_for(world: RealWorld, words: str) -> Line:
    """The line with these words, once it is there."""
    world.wait_until(lambda: any(words in line.text for line in page(world)))
    return next(line for line in page(world) if words in line.text)


def logged_at(world: RealWorld, words: str) -> float:
    """When the worker wrote this to its own log."""
    world.wait_until(lambda: words in world.log())
    line = next(line for line in world.log().splitlines() if words in line)
    return datetime.strptime(line[:23], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()


def test_the_first_success_is_on_the_page(world: RealWorld) -> None:
    world.stash.update_scene(1, title="first")
    line = wait_for(world, "PlexSync works")
    assert (line.level, '"first" (scene 1)' in line.text) == ("Info", True)


def test_an_outage_is_told_by_the_page_alone(world: RealWorld) -> None:
    world.plex.fault(Fault.refused())
    for scene_id in (1, 2, 3):
        world.stash.update_scene(scene_id, title="during the outage")
    begin = wait_for(world, "Outage of Plex")
    assert begin.level == "Warning"
    assert "connection refused" in begin.text
    assert begin.at - logged_at(world, "an outage begins") < SOON_S
    world.plex.heal()
    end = wait_for(world, "Plex is back after an outage of")
    assert end.level == "Info"
    assert end.at - logged_at(world, "the outage is over") < SOON_S
    assert "3 scenes were pushed" in end.text
    assert [world.item(scene_id).title for scene_id in (1, 2, 3)] == ["during the outage"] * 3


def test_a_report_is_readable_on_the_page_and_pushes_nothing_out(world: RealWorld) -> None:
    world.stash.run_task("plexsync", "View Queue Status")
    lines = page(world)
    report = [line.text for line in lines if line.at > lines[0].at - 2]
    assert report[0].startswith("Queue:")
    assert len(report) <= MAX_LINES
    assert any("Outage of Plex" in line.text for line in lines)


def test_a_wrong_token_and_its_cure_are_on_the_page(world: RealWorld) -> None:
    world.stash.configure_plugin("plexsync", plex_url=world.plex.url, plex_token="another")
    world.stash.update_scene(4, title="with a wrong token")
    line = wait_for(world, "PlexSync pushes nothing for now")
    assert line.level == "Error"
    assert '"Plex token"' in line.text
    world.configure()
    wait_for(world, "PlexSync pushes again")
    assert TOKEN not in " ".join(line.text for line in page(world))


def test_a_disabled_plugin_is_asked_once_at_most(world: RealWorld) -> None:
    """Last in this file: the plugin stays disabled."""
    world.stash.update_scene(1, title="in Plex")
    world.wait_until(lambda: bool(world.item(1).title == "in Plex"))
    world.plex.fault(Fault.refused())
    world.stash.update_scene(1, title="not any more")
    world.switch_plugin(on=False)
    time.sleep(5)  # whether the worker has noticed the outage or not, it has ended by now
    logs = world.stash.gql("{ logs { message } }")["logs"]
    assert sum("plexsync is disabled" in each["message"] for each in logs) <= 1
