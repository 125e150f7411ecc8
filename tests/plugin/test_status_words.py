"""What the reports say while edits wait although Plex is well."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from local.data_directory import PACKAGES_NOTE
from sim.faults import Fault
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

NOTHING = "not stopped"


def test_a_pause_is_named_by_the_status_and_the_health_check(world: PluginWorld) -> None:
    world.configure(paused=True)
    scene = world.add_scene()
    world.stash.update_scene(scene, title="waits")
    world.wait_until(lambda: bool(world.jobs()), "the job")
    world.wait_until(lambda: NOTHING not in run_task(world, "queue_status").said, "the pause")
    status = run_task(world, "queue_status")
    assert status.output["draining"]["stopped_by"] == "paused"
    assert '"Pause" is switched on' in status.said
    health = run_task(world, "health_check")
    assert 'Changes wait: PlexSync is paused: "Pause" is switched on in its settings.' in health.output["message"]


def test_missing_packages_are_named_by_the_status(world: PluginWorld) -> None:
    os.makedirs(world.directory, exist_ok=True)
    command = f"pip install --target {'x' * 300}"
    (world.directory / PACKAGES_NOTE).write_text(f"Python packages that are not installed: {'y' * 300}\nRun: {command}")
    status = run_task(world, "queue_status")
    assert status.output["draining"]["stopped_by"] == "setup"
    assert "packages that are not installed" in status.said
    assert command in status.said
    assert NOTHING not in status.said


def test_no_recovery_is_reported_in_an_outage_that_follows_another(make_world: MakeWorld) -> None:
    world = make_world(time_scale=10)
    scene = world.add_scene()
    for number in range(2):
        rule = world.plex.fault(Fault.refused())
        world.stash.update_scene(scene, title=f"edit {number}")
        world.wait_until(lambda: world.log_text().count("an outage begins:") > number, "the outage")  # noqa: B023
        status = run_task(world, "queue_status")
        assert status.output["circuit"]["state"] == "open"
        assert "recovering" not in status.said
        assert status.output["recovery"]["rate_per_s"] is None
        assert status.output["recovery"]["recovery_until"] is None
        world.plex.heal(rule)
        world.wait_for_titles({scene: f"edit {number}"})
        # The push was the circuit's trial; its end closes the circuit a moment later.
        world.wait_until(lambda: "recovering" in run_task(world, "queue_status").said, "the recovery")
