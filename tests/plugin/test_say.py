"""The operation `say` of the real script, in a simulated Stash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.stash.simulator import GraphQLRefusedError
from tests.support.task_runs import task_input

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

LINES = [{"level": "warning", "text": "Plex is away: \N{SNOWMAN}"}, {"level": "info", "text": "Plex is back."}]


def test_say_writes_to_the_log_and_touches_nothing_else(world: PluginWorld) -> None:
    assert world.stash.operation(mode="say", lines=LINES) == {"lines": 2}
    assert [(line.level, line.text) for line in world.stash.log if line.plugin == "PlexSync"] == [
        ("warning", "Plex is away: \N{SNOWMAN}"),
        ("info", "Plex is back."),
    ]
    assert not world.directory.exists()
    assert world.worker_pids() == []


def test_say_loads_no_package(world: PluginWorld) -> None:
    """It answers also where only the standard library is, and sooner than a task."""
    answer = world.run_script(task_input(world, "say", lines=["x"]), python=("-S", "-X", "importtime"))
    assert answer.json == {"output": {"lines": 1}}
    loaded = {line.rpartition(b"|")[2].strip().split(b".")[0].decode() for line in answer.stderr.splitlines()}
    assert not loaded & {"requests", "filelock", "stashapi", "plexapi", "site", "logging", "stash", "tasks"}


def test_say_refuses_what_is_no_line(world: PluginWorld) -> None:
    with pytest.raises(GraphQLRefusedError, match="allowed is"):
        world.stash.operation(mode="say", lines=[{"level": "loud", "text": "x"}])
