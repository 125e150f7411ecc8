"""Dead letters are shown with reason and advice, set aside, brought back, and recovered once."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sim.plex.simulator import Fault
from tests.support.shapes import graphql_error
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def status(world: PluginWorld) -> dict[str, Any]:
    output: dict[str, Any] = run_task(world, "queue_status").output
    return output


def bury(world: PluginWorld, count: int = 1) -> list[int]:
    """Make dead letters of new scenes on whose items Plex always fails. Fewer than five, so there is no outage."""
    scenes = world.add_scenes(count)
    world.configure(max_retries=1)
    for scene in scenes:
        world.plex.fault(Fault.answer(500), rating_key=world.keys[scene])
    world.edit_at_once(dict.fromkeys(scenes, "poisoned"))
    world.wait_until(lambda: status(world)["queue"]["dead_letters"] == count, "the dead letters")
    world.settle_later()
    world.wait_until(lambda: status(world)["queue"]["pending"] == 0, "those that catch-up had queued before")
    world.plex.heal()
    return scenes


@pytest.fixture
def after_outage(world: PluginWorld) -> PluginWorld:
    """A world that has had one outage."""
    ok = world.add_scene()
    world.plex.fault(Fault.refused())
    world.edit_at_once({ok: "waits"})
    world.wait_until(lambda: status(world)["circuit"]["state"] == "open", "the outage")
    world.plex.heal()
    world.wait_for_titles({ok: "waits"})
    world.wait_until(lambda: status(world)["outages"][-1]["duration_s"] is not None, "the record of its end")
    return world


def test_a_job_that_always_fails_is_shown_with_its_reason_and_delays_no_other(world: PluginWorld) -> None:
    (dead,) = bury(world)
    others = world.add_scenes(3)
    world.edit_at_once(dict.fromkeys(others, "fine"))
    world.wait_for_titles(dict.fromkeys(others, "fine"))
    run = run_task(world, "queue_status")
    assert run.output["queue"]["dead_letters_by_error"] == {"PlexServerError": 1}
    (example,) = run.output["dead_letter_examples"]
    assert (example["scene_id"], example["title"], example["attempts"]) == (dead, "poisoned", 1)
    assert example["error_text"]
    assert "Plex" in example["advice"]
    assert "poisoned" in run.said
    assert run.output["sync"]["failed"] == 1
    assert run.output["sync"]["pushed"] == 3


def test_dead_letters_are_cleared_and_restored(world: PluginWorld) -> None:
    bury(world, 2)
    before = status(world)["dead_letter_examples"]
    assert run_task(world, "clear_dlq").output["cleared"] == 2
    assert status(world)["queue"]["dead_letters"] == 0
    assert run_task(world, "restore_cleared").output["restored"] == 2
    assert status(world)["dead_letter_examples"] == before


def test_purge_takes_only_old_dead_letters(world: PluginWorld) -> None:
    bury(world)
    assert run_task(world, "purge_dlq").output == {"purged": 0, "backup": None}
    assert run_task(world, "purge_dlq", days="0").output["purged"] == 1
    assert "days" in str(run_task(world, "purge_dlq", days="soon").error)


def test_dead_letters_of_an_outage_are_recovered_once(after_outage: PluginWorld) -> None:
    world = after_outage
    scenes = bury(world, 2)
    outage = status(world)["outages"][-1]
    assert run_task(world, "recover_outage_jobs", error_types="all").output["recovered"] == 0  # failed after it
    move_into_outage(world, outage)
    none = run_task(world, "recover_outage_jobs")  # there is none of PlexServerDown
    assert (none.output["recovered"], none.output["outage"], none.output["other_types"]) == (0, outage["id"], 2)
    assert "2 of other classes than PlexServerDown" in none.said
    first = run_task(world, "recover_outage_jobs", error_types="plexservererror", outage=str(outage["id"]))
    assert (first.output["recovered"], sorted(first.output["scene_ids"])) == (2, sorted(scenes))
    second = run_task(world, "recover_outage_jobs", error_types="all").output
    assert (second["recovered"], second["other_types"]) == (0, 0)
    world.wait_for_titles(dict.fromkeys(scenes, "poisoned"))
    assert status(world)["queue"]["dead_letters"] == 0


def test_a_dead_letter_names_the_outage_in_which_it_failed(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.configure(max_retries=1)
    world.plex.fault(Fault.answer(500), rating_key=world.keys[scene])
    down = world.plex.fault(Fault.refused())
    world.edit_at_once({scene: "poisoned"})
    world.wait_until(lambda: status(world)["circuit"]["state"] == "open", "the outage")
    world.plex.heal(down)
    world.wait_until(lambda: status(world)["queue"]["dead_letters"] == 1, "the failed trial")
    told = status(world)
    assert told["dead_letter_examples"][0]["outage_id"] == told["outages"][-1]["id"]
    world.plex.heal()
    assert run_task(world, "recover_outage_jobs", error_types="PlexServerError").output["scene_ids"] == [scene]
    world.wait_for_titles({scene: "poisoned"})


def test_recovery_skips_deleted_scenes_and_does_nothing_while_plex_is_down(after_outage: PluginWorld) -> None:
    world = after_outage
    gone, there = bury(world, 2)
    outage = status(world)["outages"][-1]
    move_into_outage(world, outage)
    world.plex.fault(Fault.refused())
    # By its id: whatever asks Plex meanwhile begins another outage.
    down = run_task(world, "recover_outage_jobs", error_types="all", outage=outage["id"]).output
    assert (down["recovered"], down["skipped_plex_down"]) == (0, 2)
    world.plex.heal()
    world.stash.library.scenes.pop(gone)
    run_task(world, "health_check")
    output = run_task(world, "recover_outage_jobs", error_types="all", outage=outage["id"]).output
    assert (output["recovered"], output["skipped_scene_missing"], output["scene_ids"]) == (1, 1, [there])


@pytest.mark.parametrize("fault", [Fault.answer(500), graphql_error("disk I/O error")])
def test_recovery_counts_the_scenes_on_which_stash_fails(after_outage: PluginWorld, fault: Fault) -> None:
    world = after_outage
    outage = status(world)["outages"][-1]
    unread, there = bury(world, 2)
    move_into_outage(world, outage)
    rule = world.stash.fail(fault, when=lambda request: f"s{unread}:" in request.first("query"))
    run = run_task(world, "recover_outage_jobs", error_types="all", outage=outage["id"])
    assert (run.output["recovered"], run.output["failed"], run.output["scene_ids"]) == (1, 1, [there])
    assert "1 could not be queued" in run.said
    world.stash.heal(rule)
    again = run_task(world, "recover_outage_jobs", error_types="all", outage=outage["id"]).output
    assert (again["recovered"], again["scene_ids"]) == (1, [unread])


@pytest.mark.parametrize("arguments", [{"error_types": "Nonsense"}, {"outage": "99"}, {"outage": "the last"}])
def test_bad_arguments_are_named(after_outage: PluginWorld, arguments: dict[str, str]) -> None:
    run = run_task(after_outage, "recover_outage_jobs", **arguments)
    assert run.error is not None
    assert next(iter(arguments.values())) in run.error


def move_into_outage(world: PluginWorld, outage: dict[str, Any]) -> None:
    """Backdate the dead letters: they failed while the outage lasted."""
    at = outage["started_at"] + outage["duration_s"] / 2
    with closing(sqlite3.connect(world.directory / "sync_state.db", timeout=10)) as database, database:
        database.execute("UPDATE dead_letter SET failed_first_at = ?, failed_last_at = ?", (at, at))
