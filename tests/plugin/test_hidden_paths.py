"""A token that may not see the paths of files: PlexSync says so, everything waits, nothing is given up."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.support.hidden_paths import PathHider
from tests.support.outage_world import OutageWorld
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = "this token may not see the paths of the files"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[OutageWorld]:
    with OutageWorld(tmp_path, time_scale=20.0) as made:
        yield made


@pytest.fixture
def hider(world: OutageWorld) -> Iterator[PathHider]:
    with ExitStack() as opened:
        between = opened.enter_context(PathHider(world.plex))
        world.configure(plex_url=between.url)
        yield between


def test_every_edit_waits_and_arrives_as_soon_as_paths_are_seen(world: OutageWorld, hider: PathHider) -> None:
    hider.hides = False
    known, new = world.add_scenes(2)
    world.stash.update_scene(known, title="before")
    world.wait_for_titles({known: "before"})
    world.wait_idle()
    hider.hides = True
    world.edit_at_once({known: "edited", new: "edited"})
    world.wait_stopped("setup")
    status, health = run_task(world, "queue_status"), run_task(world, "health_check")
    assert status.output["draining"]["stopped_by"] == "setup"
    for said in (status.output["draining"]["message"], health.output["message"], status.said, health.said):
        assert WORDS in said.replace("This token", "this token")
        assert "token of the server's owner" in said
        assert "Path map" not in said
    assert (health.output["healthy"], health.output["ready"], health.output["circuit"]) == (True, True, "closed")
    assert set(world.attempts().values()) == {0}
    hider.hides = False
    world.wait_for_titles({known: "edited", new: "edited"})
    world.wait_idle()
    assert not world.dead_letters()
    assert not world.outages()
    assert "NotInPlex" not in world.log_text()
    assert sum(WORDS in problem for problem in world.problems() if "pushing is stopped" in problem) <= 2  # in both logs


def test_no_task_reports_the_whole_library_as_missing(world: OutageWorld, hider: PathHider) -> None:
    assert hider.hides
    scenes = world.add_scenes(40, title="Title")
    assert WORDS in str(run_task(world, "preview").error)
    assert WORDS in str(run_task(world, "reconcile_all").error)
    world.stash.operation(mode="sync_all")
    world.wait_stopped("setup")
    assert world.puts() == []
    assert set(world.attempts()) == set(scenes)
    assert not world.dead_letters()
