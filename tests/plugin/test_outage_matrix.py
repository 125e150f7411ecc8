"""Every kind of outage, each beginning while PlexSync is idle, during a drain, and during a single edit.

Each time: no edit is lost, nothing is charged or given up, and everything arrives without any invocation.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.outage_world import OutageWorld, is_of_probe
from tests.support.troubles import Trouble, troubles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Added to what the schedule allows, for a busy machine.
SLACK_S = 15.0
LONGEST_INTERVAL_S = 60.0
LATENCY_S = 0.05
FLAPPING_S = 2.0


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OutageWorld]:
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with OutageWorld(tmp_path) as world:
        yield world


@pytest.mark.parametrize("trouble", list(troubles()), ids=lambda trouble: trouble.name)
def test_an_outage_costs_nothing_but_time(world: OutageWorld, trouble: Trouble) -> None:
    scenes = world.add_scenes(8)
    world.edit_at_once({scenes[0]: "before"})
    world.wait_for_titles({scenes[0]: "before"})
    world.wait_idle()
    _begun_while_idle(world, trouble, scenes)
    _begun_in_a_drain(world, trouble, scenes)
    _begun_in_a_put(world, trouble, scenes)
    assert not world.dead_letters()


def _begun_while_idle(world: OutageWorld, trouble: Trouble, scenes: list[int]) -> None:
    end = trouble.begin(world)
    titles = dict.fromkeys(scenes[:2], "edited while Plex was away")
    world.edit_at_once(titles)
    _wait_until_it_shows(world, trouble)
    _recover(world, trouble, end, titles)


def _begun_in_a_drain(world: OutageWorld, trouble: Trouble, scenes: list[int]) -> None:
    world.plex.clear_requests()
    world.plex.latency_s = LATENCY_S
    titles = dict.fromkeys(scenes[:6], "edited before Plex went away")
    world.edit_at_once(titles)
    world.wait_until(lambda: len(world.puts()) >= 2, "two edits in Plex")
    end = trouble.begin(world)
    world.plex.latency_s = 0.0
    titles[scenes[7]] = "edited after that"
    world.stash.update_scene(scenes[7], title=titles[scenes[7]])
    _wait_until_it_shows(world, trouble)
    _replace_the_worker(world, trouble)
    _recover(world, trouble, end, titles)


def _begun_in_a_put(world: OutageWorld, trouble: Trouble, scenes: list[int]) -> None:
    world.plex.clear_requests()
    titles = {scenes[2]: "edited at the last moment"}
    end = trouble.begin_in_a_put(world, lambda: world.edit_at_once(titles))
    titles[scenes[3]] = "edited after that"
    world.stash.update_scene(scenes[3], title=titles[scenes[3]])
    _wait_until_it_shows(world, trouble)
    _recover(world, trouble, end, titles)


def _wait_until_it_shows(world: OutageWorld, trouble: Trouble) -> None:
    """Until the drain has stopped; trouble that flaps is given some time instead."""
    if not trouble.stops:
        time.sleep(FLAPPING_S)
        return
    world.wait_stopped(trouble.stops)
    assert set(world.attempts().values()) <= {0}, "an outage must not be charged"


def _replace_the_worker(world: OutageWorld, trouble: Trouble) -> None:
    """SIGKILL during the outage; the next worker finds the drain stopped and does not resume it."""
    world.new_worker()
    if trouble.stops in {"circuit", "auth"}:
        assert trouble.stops in world.stopped_by()
        assert set(world.attempts().values()) <= {0}


def _recover(world: OutageWorld, trouble: Trouble, end: Callable[[], None], titles: dict[int, str]) -> None:
    """Plex is well again: after the next probe everything arrives by itself."""
    started, stopped_at = len(world.started()), time.time()
    end()
    ended_at = time.time()
    world.wait_for_titles(titles)
    world.wait_idle()
    world.wait_until(lambda: not world.stopped_by(), "the drain to resume")
    world.wait_circuit("closed")
    assert len(world.started()) == started
    assert not world.dead_letters()
    if trouble.stops:
        first_put = min(each.at for each in world.puts(since=ended_at))
        assert first_put < ended_at + world.scaled(LONGEST_INTERVAL_S) + SLACK_S
    if trouble.stops in {"circuit", "auth"}:
        assert all(map(is_of_probe, world.requests_between(stopped_at, ended_at)))
