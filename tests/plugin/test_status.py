"""The operations of the page: what they answer, and that looking changes nothing."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from sim.faults import Fault
from status.answer import MODES
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.plugin_world import TOKEN
from tests.support.scenes import a_scene
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

LOOKS = tuple(mode for mode in MODES if mode not in {"wake", "watch", "push_again"})
HOSTILE = '<img src=x onerror=alert(1)> "quoted" \u202e'
ARGUMENTS: Mapping[str, dict[str, object]] = {"scene_status": {"scene_id": 1}, "needs_you": {"group": "missing"}}


def bury(world: PluginWorld, scene_ids: range, error_class: str = "Rejected", title: str = "Title") -> None:
    os.makedirs(world.directory, mode=0o700, exist_ok=True)
    with closing(Ledger(str(world.directory))) as ledger:
        for number in scene_ids:
            job = Job(
                scene_id=number, reason=Reason.HOOK, first_event_at=1.0, last_event_at=1.0, attempts=2,
                error_class=error_class, error_text=f"refused {number}", failed_first_at=1.0, failed_at=float(number),
            )  # fmt: skip
            DeadLetters(ledger).bury(job, a_scene(number, title=title), now=float(number))


def let_wait(world: PluginWorld, scene_ids: range) -> None:
    os.makedirs(world.directory / "queue", mode=0o700, exist_ok=True)
    now = Clock().now()
    with closing(JobQueue(str(world.directory / "queue"), clock=Clock())) as queue:
        for number in scene_ids:
            job = Job(
                scene_id=number, reason=Reason.HOOK, first_event_at=now, last_event_at=now, attempts=1, failed_at=now,
                not_before=now + 600 + number, error_class="NotInPlex", error_text=f"no item for {number}",
            )  # fmt: skip
            queue.add(job)


def names_in(world: PluginWorld) -> list[str]:
    """Without what SQLite makes beside a database that is read, and the lock that is probed."""
    return sorted(name for name in os.listdir(world.directory) if not name.endswith(("-wal", "-shm", ".lock")))


@pytest.mark.parametrize("mode", LOOKS)
def test_looking_makes_and_starts_nothing(world: PluginWorld, mode: str) -> None:
    run = run_task(world, mode, **ARGUMENTS.get(mode, {}))
    assert run.error is None
    assert not world.directory.exists()
    bury(world, range(1, 3))
    before = names_in(world)
    assert run_task(world, mode, **ARGUMENTS.get(mode, {})).error is None
    assert names_in(world) == before
    assert world.worker_pids() == []


@pytest.mark.parametrize("mode", LOOKS)
def test_looking_needs_no_python_but_the_standard_library(world: PluginWorld, mode: str) -> None:
    """The environment of the tests has all packages, but `-S` finds none of them unless `site` was run."""
    bury(world, range(1, 3))
    run = run_task(world, mode, **ARGUMENTS.get(mode, {}))
    assert run.error is None
    assert TOKEN not in json.dumps(run.output)


def test_the_overview_of_an_outage_says_since_when_why_and_what_waits(world: PluginWorld) -> None:
    first, second = world.add_scenes(2)
    world.wait_idle()
    before = run_task(world, "overview")
    assert (before.log, before.output["outage"], before.output["circuit"]["state"]) == ((), None, "closed")
    world.plex.fault(Fault.refused())
    world.edit_at_once({first: "a", second: "b"})
    world.wait_until(lambda: bool(run_task(world, "overview").output["outage"]), "the outage")
    output = run_task(world, "overview").output
    assert output["queue"]["pending"] == 2
    assert output["draining"]["stopped_by"] == "circuit"
    assert "Plex is down" in output["draining"]["message"]
    assert output["outage"]["started_at"] <= output["now"]
    assert output["worker"]["running"] is True
    world.plex.heal()
    world.wait_for_titles({first: "a", second: "b"})
    world.wait_until(lambda: run_task(world, "overview").output["scenes_in_plex"] == 2, "both scenes")
    output = run_task(world, "overview").output
    assert (output["outage"], output["draining"]["stopped_by"], output["missing"]) == (None, None, 0)
    assert before.output["now"] < output["last_push_at"] <= output["now"]


def test_scenes_in_need_come_in_groups_and_page_by_page(world: PluginWorld) -> None:
    bury(world, range(1, 8), title=HOSTILE)
    bury(world, range(8, 10), "Ambiguous")
    let_wait(world, range(20, 23))
    with world.no_worker():
        output = run_task(world, "needs_you").output
        page = run_task(world, "needs_you", group="dead", error_class="Rejected", limit=3, offset="2").output["scenes"]
        waiting = run_task(world, "needs_you", group="waiting", error_class="NotInPlex").output["scenes"]
    assert [(each["group"], each["error_class"], each["count"]) for each in output["groups"]] == [
        ("dead", "Rejected", 7), ("dead", "Ambiguous", 2), ("waiting", "NotInPlex", 3),
    ]  # fmt: skip
    assert output["scenes"] == []
    assert [each["scene_id"] for each in page] == [5, 4, 3]
    assert page[0]["title"] == HOSTILE
    assert (page[0]["error_text"], page[0]["attempts"], page[0]["due_at"]) == ("refused 5", 2, None)
    assert [each["scene_id"] for each in waiting] == [20, 21, 22]
    assert waiting[0]["due_at"] - waiting[0]["failed_last_at"] == pytest.approx(620)


@pytest.mark.parametrize(
    ("mode", "arguments"),
    [
        ("needs_you", {"group": "lost"}),
        ("needs_you", {"limit": 0}),
        ("needs_you", {"limit": "many"}),
        ("needs_you", {"offset": -1}),
        ("needs_you", {"error_class": 5}),
        ("scene_status", {}),
        ("scene_status", {"scene_id": "x"}),
        ("push_again", {}),
        ("push_again", {"scene_ids": "12"}),
        ("push_again", {"scene_ids": [1, "x"]}),
        ("push_again", {"scene_ids": [1], "error_class": "Rejected"}),
    ],
)
def test_a_bad_argument_is_named(world: PluginWorld, mode: str, arguments: dict[str, object]) -> None:
    run = run_task(world, mode, **arguments)
    assert run.error is not None
    assert next(iter(arguments), "scene_id") in run.error
    assert not world.directory.exists()


def test_a_scene_shows_its_items_and_what_became_of_it(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.edit_at_once({scene: "pushed"})
    world.wait_for_titles({scene: "pushed"})
    world.wait_idle()
    output = run_task(world, "scene_status", scene_id=scene).output
    assert output["verdict"] == "pushed"
    assert [each["rating_key"] for each in output["items"]] == [world.keys[scene]]
    assert output["server"] == world.plex.machine_identifier
    assert (output["job"], output["dead_letter"]) == (None, None)
    world.stop_workers()
    bury(world, range(scene, scene + 1))
    let_wait(world, range(50, 51))
    with world.no_worker():
        assert run_task(world, "scene_status", scene_id=scene).output["dead_letter"]["error_text"].startswith("refused")
        job = run_task(world, "scene_status", scene_id=50).output["job"]
    assert (job["error_class"], job["is_in_progress"], job["attempts"]) == ("NotInPlex", False, 1)


def test_dead_letters_of_a_class_are_pushed_again_at_once(make_world: MakeWorld) -> None:
    world = make_world()
    scenes = world.add_scenes(3, title="in Stash")
    bury(world, range(scenes[0], scenes[-1] + 1))
    assert run_task(world, "push_again", error_class="Bug").output == {"queued": 0}
    assert run_task(world, "push_again", error_class="Rejected").output == {"queued": 3}
    world.wait_for_titles(dict.fromkeys(scenes, "in Stash"))
    world.wait_until(lambda: not run_task(world, "needs_you").output["groups"], "nothing in need")


def test_plex_is_probed_while_somebody_looks_and_not_afterwards(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    (scene,) = world.add_scenes(1)
    world.edit_at_once({scene: "pushed"})
    world.wait_for_titles({scene: "pushed"})

    def probes() -> int:
        return sum(request.path == "/identity" for request in world.plex.requests)

    before = probes()
    assert run_task(world, "watch").output == {"was_running": True}
    world.wait_until(lambda: probes() >= before + 2, "two probes")
    os.utime(world.directory / "watched", (1.0, 1.0))  # long ago
    time.sleep(1)  # one may be under way
    after = probes()
    time.sleep(4)
    assert probes() == after


def test_watching_starts_a_worker_where_none_is(world: PluginWorld) -> None:
    assert run_task(world, "watch").output == {"was_running": False}
    world.wait_for_worker()
