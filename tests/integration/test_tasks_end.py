"""Every task ends within two minutes of the last progress, whatever the worker and Stash do.

The tasks run in this process, where time passes only while they wait.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from local import inbox
from local.hide_paths import PathHider
from local.redact import Redactor
from reconciliation.state import COMMAND as RECONCILE
from reconciliation.state import RunRequest, state_file
from stash.protocol import parse_task_input
from store.requests import answer_path
from tasks.context import Context, TaskError
from tasks.process_queue import SILENT_STOP, process_queue
from tasks.reconcile import reconcile_all
from tasks.run import TASKS, task_of
from tasks.undo import COMMAND as UNDO
from tests.support.clocks import VirtualClock
from tests.support.plugin_world import PluginWorld
from tests.support.task_runs import ARGUMENTS, task_input

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONGEST_S = 120.0
RUN = "run"
SYNCS = ("sync_all", "sync_recent")
all_modes = pytest.mark.parametrize("mode", TASKS)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PluginWorld]:
    with PluginWorld(tmp_path) as one:
        one.add_scene(title="not pushed")
        inbox.prepare(str(one.directory))
        inbox.publish(str(one.directory), "scene-1", b"{}")
        yield one


def context_in(world: PluginWorld, mode: str, clock: VirtualClock, script: Path | None = None) -> Context:
    given = task_input(world, mode, **dict(ARGUMENTS).get(mode, {}))
    return Context(
        input=parse_task_input(given), connection_entry=b"{}", directory=str(world.directory),
        script=str(script or world.script), clock=clock, log=logging.getLogger("task"), redactor=Redactor(),
        hider=PathHider(), progress=lambda _: None,
    )  # fmt: skip


def seconds_until_end(context: Context, task: Callable[[Context], object]) -> float:
    began = context.clock.monotonic()
    try:
        task(context)
    except TaskError:
        pass
    return context.clock.monotonic() - began


def answer_commands(world: PluginWorld, clock: VirtualClock) -> None:
    """From now on a worker seems to answer commands, and to do nothing else."""
    directory = str(world.directory)

    def answer() -> None:
        for entry in inbox.list_entries(directory, clock.now())[0]:
            if entry.kind == inbox.COMMAND:
                path = answer_path(directory, entry.key)
                with open(entry.path, "rb") as file:
                    is_run = json.load(file)["what"] in {RECONCILE, UNDO}
                (world.directory / "queue" / "answers").mkdir(exist_ok=True)
                with open(path, "w", encoding="utf-8") as file:
                    json.dump({"output": {"run": RUN} if is_run else {}}, file)

    clock.on_sleep.append(answer)


@all_modes
def test_it_ends_while_the_worker_hangs(world: PluginWorld, mode: str) -> None:
    clock = VirtualClock()
    with world.no_worker():
        took_s = seconds_until_end(context_in(world, mode, clock), task_of(mode))
    # Sync compares all scenes in between, which is progress.
    assert took_s <= (2 if mode in SYNCS else 1) * LONGEST_S


@all_modes
def test_it_ends_while_each_worker_dies(world: PluginWorld, mode: str) -> None:
    clock, script = VirtualClock(), world.folder / "plexsync.py"
    script.write_text("")
    took_s = seconds_until_end(context_in(world, mode, clock, script), task_of(mode))
    assert took_s <= LONGEST_S


def test_process_queue_ends_while_the_worker_answers_and_pushes_nothing(world: PluginWorld) -> None:
    clock = VirtualClock()
    answer_commands(world, clock)
    with world.no_worker():
        context = context_in(world, "process_queue", clock)
        began = clock.monotonic()
        answer = process_queue(context)
    assert clock.monotonic() - began <= LONGEST_S
    assert (answer.waiting, answer.stopped_by, answer.message) == (1, "silent", SILENT_STOP.message)


def test_process_queue_ends_while_stash_does_not_name_the_scenes_of_a_tag(world: PluginWorld) -> None:
    clock = VirtualClock()
    (world.directory / "queue" / "inbox" / "scene-1").rename(world.directory / "queue" / "inbox" / "tag-7")
    answer_commands(world, clock)
    with world.no_worker():
        answer = process_queue(context_in(world, "process_queue", clock))
    assert answer.stopped_by == "stash"
    assert "the scenes of a changed tag, performer, studio or group" in (answer.message or "")


def test_a_reconciliation_that_hangs_is_not_watched_for_long(world: PluginWorld) -> None:
    clock = VirtualClock()
    file = state_file(str(world.directory), clock=clock, log=logging.getLogger("state"))
    request = RunRequest(id=RUN, scope="all")
    file.update(lambda state: state.started(request))
    answer_commands(world, clock)
    began = clock.monotonic()
    with world.no_worker(), pytest.raises(TaskError, match="Nothing has moved"):
        reconcile_all(context_in(world, "reconcile_all", clock))
    assert clock.monotonic() - began <= LONGEST_S
