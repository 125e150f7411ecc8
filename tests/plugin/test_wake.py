"""The operation `wake` starts a worker where work is pending and none lives, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def test_without_pending_work_it_starts_nothing_and_makes_nothing(world: PluginWorld) -> None:
    assert run_task(world, "wake").output == {"pending": 0, "worker": False}
    assert not world.directory.exists()
    assert world.worker_pids() == []


def test_pending_work_that_no_worker_does_is_done(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    with world.no_worker():
        world.edit_at_once({scene: "stranded"})
        assert run_task(world, "wake").output == {"pending": 1, "worker": True}
    requests = len(world.stash.requests), len(world.plex.requests)
    assert world.worker_pids() == []
    run = run_task(world, "wake")
    assert (run.output, run.log) == ({"pending": 1, "worker": True}, ())
    world.wait_for_titles({scene: "stranded"})
    assert requests < (len(world.stash.requests), len(world.plex.requests))
