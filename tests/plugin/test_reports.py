"""Reports as Stash's log page shows them: 15 lines at most, the headline last, each line complete in itself."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from local.clock import Clock
from status.report import MAX_LINES
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.judgement import ERROR_CLASSES
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.scenes import a_scene
from tests.support.task_runs import TaskRun, run_task

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld


LONG_AGO = "2020-01-01T00:00:00Z"


def report_of(run: TaskRun) -> list[str]:
    """The lines of level info and above, as the page shows them: the newest first."""
    return [text for level, text in reversed(run.log) if level in "iwe"]


def make_old(world: PluginWorld) -> None:
    """Let all that Stash has be from before the installation, so that only a reconciliation looks at it."""
    library = world.stash.library
    for entities in library.entities.values():
        for entity in entities.values():
            entity.updated_at = LONG_AGO
    for scene in library.scenes.values():
        scene.updated_at = LONG_AGO
        for file in scene.files:
            file.updated_at = LONG_AGO


def fill_with_trouble(world: PluginWorld) -> None:
    """Three dead letters of each class, and waiting jobs."""
    os.makedirs(world.directory / "queue", mode=0o700)
    now = Clock().now()
    with closing(Ledger(str(world.directory))) as ledger:
        for number, error_class in enumerate(3 * ERROR_CLASSES):
            job = Job(
                scene_id=number + 1, reason=Reason.HOOK, first_event_at=now, last_event_at=now, attempts=3,
                error_class=error_class, error_text=f"what went wrong with {number + 1}", failed_at=now,
            )  # fmt: skip
            DeadLetters(ledger).bury(job, a_scene(number + 1), now=now)
    with closing(JobQueue(str(world.directory / "queue"), clock=Clock())) as queue:
        for number in range(100, 120):
            job = Job(
                scene_id=number, reason=Reason.HOOK, first_event_at=now, last_event_at=now, failed_at=now,
                not_before=now + 600, error_class="NotInPlex", error_text=f"Plex lacks /media/{number}.mp4",
            )  # fmt: skip
            queue.add(job)


def test_the_status_of_much_trouble_fits_on_the_page(world: PluginWorld) -> None:
    fill_with_trouble(world)
    with world.no_worker():
        run = run_task(world, "queue_status")
    shown = report_of(run)
    assert len(shown) <= MAX_LINES
    assert shown[0].startswith("Queue:          20 pending")
    assert "20 waiting (20 NotInPlex)" in shown[0]
    assert [line for line in shown if line.startswith("Waiting:") and "scene 100" in line and "/media/100.mp4" in line]
    letters = [line for line in shown if line.startswith("Dead letter:")]
    assert len({line.split(", ")[1].split()[0] for line in letters}) == 3  # of three classes
    assert all("after 3 attempts: what went wrong with" in line for line in letters)
    assert len(run.output["dead_letter_examples"]) == 3 * len(ERROR_CLASSES)


def test_sync_names_the_scenes_that_plex_lacks_and_the_path_it_looked_for(world: PluginWorld) -> None:
    world.configure(path_map="/data => /films")
    for number in range(9):
        world.stash.add_scene(f"/data/no {number}.mp4", 5, title=f"lost {number}")
    world.add_scene(title="found")
    shown = report_of(run_task(world, "sync_all"))
    assert "1 pushed" in shown[0]
    assert "9 not in Plex" in shown[0]
    named = [line for line in shown if "is missing in Plex" in line]
    assert len(named) == 6
    assert named[0] == '"lost 0" (scene 1) is missing in Plex, which has no item with the file /films/no 0.mp4.'


def test_process_queue_names_the_scenes_that_wait_and_why(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = world.stash.add_scene("/media/not yet.mp4", 5)
    world.stash.update_scene(scene, title="new")
    world.wait_until(lambda: bool(world.jobs()) and world.jobs()[0]["error_class"] == "NotInPlex", "the first try")
    shown = report_of(run_task(world, "process_queue"))
    assert "1 waiting" in shown[0]
    assert shown[1].startswith('"new" (scene 1) is tried again in ')
    assert ": Plex has no item with the file /media/not yet.mp4" in shown[1]


def test_the_preview_shows_scene_field_and_both_values(world: PluginWorld) -> None:
    scene = world.add_scene(title="In Stash", tags=("one", "two"))
    world.plex.edit_by_hand(world.keys[scene], title="In Plex")
    world.stash.add_scene("/media/lost.mp4", 5, title="Lost")
    make_old(world)
    run = run_task(world, "reconcile_preview")
    shown = report_of(run)
    assert shown[0].startswith("2 scenes checked")
    assert shown[1] == (
        '"In Stash" (scene 1), empty: title is "In Plex" in Plex, "In Stash" in Stash; genre is nothing in Plex, '
        "one, two in Stash."
    )
    assert shown[2] == '"Lost" (scene 2) is missing in Plex, which has no item with the file /media/lost.mp4.'
    assert [(each["scene_id"], each["type"], each["title"], each["paths"]) for each in run.output["scenes"]] == [
        (1, "empty", "In Stash", ["/media/scene 1.mp4"]),
        (2, "missing", "Lost", ["/media/lost.mp4"]),
    ]


def test_the_preview_of_many_gaps_fits_on_the_page(world: PluginWorld) -> None:
    world.add_scenes(40, title="T", details="long " * 200)
    make_old(world)
    run = run_task(world, "reconcile_preview")
    shown = report_of(run)
    assert len(shown) <= MAX_LINES + 1  # one line says what is being compared
    assert "27 lines more" in shown[MAX_LINES - 1]
    assert len(run.output["changes"]) == 40


def test_a_reconciliation_names_what_plex_lacks(world: PluginWorld) -> None:
    world.add_scene(title="there")
    world.stash.add_scene("/media/lost.mp4", 5, title="Lost")
    make_old(world)
    shown = report_of(run_task(world, "reconcile_all"))
    assert "1 missing in Plex" in shown[0]
    assert shown[1] == '"Lost" (scene 2) is missing in Plex, which has no item with the file /media/lost.mp4.'
