"""Reports as Stash's log page shows them: 15 lines at most, the headline last, each line complete in itself."""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from local.clock import Clock
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.judgement import ERROR_CLASSES
from store.ledger import Ledger
from store.queue import JobQueue
from tasks.report import MAX_LINES
from tests.support.scenes import a_scene
from tests.support.task_runs import TaskRun, run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def report_of(run: TaskRun) -> list[str]:
    """The lines of level info and above, as the page shows them: the newest first."""
    return [text for level, text in reversed(run.log) if level in "iwe"]


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
    assert shown[0].startswith("Queue:")
    assert "20 waiting for another try (20 NotInPlex)" in shown[0]
    assert [line for line in shown if line.startswith("Waiting:") and "scene 100" in line and "/media/100.mp4" in line]
    letters = [line for line in shown if line.startswith("Dead letter:")]
    assert len({line.split(", ")[1].split()[0] for line in letters}) == 3  # of three classes
    assert all("after 3 tries: what went wrong with" in line for line in letters)
    assert len(run.output["dead_letter_examples"]) == 21
