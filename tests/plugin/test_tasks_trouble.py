"""Whatever is wrong with Plex, Stash, the disk or the state, every task soon ends with one JSON object and a reason."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
import venv
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from sim.plex.simulator import Fault
from store.job import Reason, new_job
from store.queue import JobQueue
from tests.support.task_runs import MODES, run_task, task_input

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))
# Each costs more than twenty starts of the script, so a short run tries two.
FAULTS = (
    Fault.refused(),
    Fault.answer(401),
    *((Fault.answer(503), Fault.answer(500), Fault.answer(429), Fault.dropped(), Fault.truncated()) if IS_LONG else ()),
)
STATE_FILES = (
    "circuit_breaker.json", "recovery_state.json", "outage_history.json", "reconciliation_state.json", "worker.json",
    "said.json", "sync_state.db",
)  # fmt: skip
# The longest wait is for a worker that is in the middle of a job, and then probes.
SOON_S = 45.0


def name_of(fault: Fault) -> str:
    return f"{fault.kind.value}-{fault.status}" if fault.status else fault.kind.value


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_every_task_ends_while_plex_is_in_trouble(world: PluginWorld, fault: Fault) -> None:
    scenes = world.add_scenes(3, title="waiting")
    world.plex.fault(fault)
    world.edit_at_once({scenes[0]: "edited"})
    for mode in MODES:
        run = run_task(world, mode)
        assert run.took_s < SOON_S
        assert run.error is None or "Plex" in run.error or "Stash" in run.error
        assert run.said or run.error, mode
        if mode in {"sync_all", "process_queue"}:
            assert run.output["stopped_by"], run
    world.plex.heal()
    world.wait_for_titles({scenes[1]: "waiting"})


def test_health_check_names_each_trouble(world: PluginWorld) -> None:
    for fault, words in (
        (Fault.refused(), "does not answer as it should"),
        (Fault.answer(401), "cannot be used now: Plex rejected the token"),
        (Fault.starting(), "answers but is not ready"),
        (Fault.busy("600"), "Plex is busy"),
    ):
        rule = world.plex.fault(fault)
        output = run_task(world, "health_check").output
        assert (output["ready"], words in output["message"]) == (False, True), output
        world.plex.heal(rule)
    assert "as Plex asked" in run_task(world, "health_check").output["message"]  # well again, but told to wait
    world.configure(plex_library="Nonsense")
    output = run_task(world, "health_check").output
    assert (output["healthy"], output["libraries_missing"]) == (True, ["Nonsense"])
    for bad, name in (
        ({"plex_url": None}, "Plex address"),
        ({"plex_url": "htp//nowhere"}, "Plex address"),
        ({"plex_token": "two words"}, "Plex token"),
    ):
        world.configure(**bad)
        output = run_task(world, "health_check").output
        assert output["healthy"] is False
        assert f'"{name}" is not set or not valid' in output["message"]


def test_health_check_after_an_outage_closes_the_circuit_by_itself(world: PluginWorld) -> None:
    world.plex.fault(Fault.refused())
    assert run_task(world, "health_check").output["circuit"] == "open"
    world.wait_for_worker()  # somebody must go on probing
    world.kill_worker()
    world.plex.heal()
    assert run_task(world, "health_check").output["circuit"] == "closed"
    outages = run_task(world, "outage_summary").output
    assert outages["count"] == 1
    assert outages["outages"][0]["ended_at"] is not None


def test_every_task_ends_when_stash_does_not_answer(world: PluginWorld) -> None:
    world.stash.stop()
    for mode in MODES:
        run = run_task(world, mode)
        assert run.took_s < SOON_S
        assert run.said or run.error
    assert "Stash" in str(run_task(world, "sync_all").error)
    assert run_task(world, "process_queue").output["stopped_by"] == "stash"
    world.stash.start()


def test_status_of_an_empty_data_directory_has_every_key(world: PluginWorld) -> None:
    output = run_task(world, "queue_status").output
    assert {
        "queue", "circuit", "recovery", "outages", "reconciliation", "worker", "draining", "sync", "path_map_inferred",
    } <= output.keys()  # fmt: skip
    assert output["queue"]["pending"] == 0
    assert output["worker"].keys() >= {"running", "pid", "since", "doing"}


NAN = b'{"version": 1, "last_run_at": NaN, "checked": Infinity, "started_at": NaN, "file": Infinity, "offset": 0}'


@pytest.mark.parametrize(
    "content",
    [b"", b"\0{ not what it was" * 10, b"[1, 2]", b"[" * 100_000, NAN],
    ids=["empty", "no JSON", "list", "deep", "NaN"],
)
def test_status_works_with_damaged_state(world: PluginWorld, content: bytes) -> None:
    run_task(world, "process_queue")
    world.stop_workers()
    for name in STATE_FILES:
        for suffix in ("", "-wal", "-shm"):
            path = world.directory / f"{name}{suffix}"
            if path.exists() or not suffix:
                path.write_bytes(content)
    with world.no_worker():
        run = run_task(world, "queue_status")
    assert run.output["circuit"]["state"] == "closed"
    assert (run.output["reconciliation"]["last_run_at"], run.output["worker"]["since"]) == (None, None)
    assert "sync_state.db" in run.said or not content


def test_status_shows_the_recovery_rate_of_the_settings(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.configure(recovery_rate=7, recovery_minutes=30)
    world.plex.fault(Fault.refused())
    world.edit_at_once({scene: "edited"})
    world.wait_until(lambda: "an outage begins" in world.log_text(), "the outage")
    world.plex.heal()
    world.wait_for_titles({scene: "edited"})
    world.wait_idle()  # the outage ends when the edit is settled
    recovery = run_task(world, "queue_status").output["recovery"]
    assert recovery["rate_per_s"] in {7, 14, 28}
    assert recovery["recovery_until"] - recovery["last_recovery_at"] == pytest.approx(30)


def test_status_of_a_hundred_thousand_jobs_takes_less_than_a_second(world: PluginWorld) -> None:
    world.configure(paused=True)
    os.makedirs(world.directory / "queue", mode=0o700)
    queue = JobQueue(str(world.directory / "queue"), clock=Clock())
    queue.add_all(new_job(scene_id, Reason.SYNC, 1.0) for scene_id in range(1, 100_001))
    queue.close()
    with world.no_worker():
        before_s = cpu_s_of_children()
        run = run_task(world, "queue_status")
        took_s = cpu_s_of_children() - before_s
    assert run.output["queue"]["pending"] == 100_000
    assert took_s < 1


def cpu_s_of_children() -> float:
    """CPU time, since the wall clock depends on what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_no_task_repeats_what_the_worker_has_said(world: PluginWorld) -> None:
    """Least of all what is mended: the outage is over."""
    (scene,) = world.add_scenes(1)
    world.plex.fault(Fault.refused())
    world.edit_at_once({scene: "edited"})
    world.wait_until(lambda: "an outage begins" in world.log_text(), "the warning")
    assert "an outage begins" not in run_task(world, "health_check").said
    world.plex.heal()
    world.wait_for_titles({scene: "edited"})
    assert "circuit" not in run_task(world, "process_queue").said


def test_hidden_paths_are_in_no_log(make_world: MakeWorld) -> None:
    world = make_world()
    world.configure(hide_paths=True, debug_logging=True)
    missing = world.stash.add_scene("/media/private name.mp4", 5, title="known")
    world.edit_at_once({missing: "known too"})
    world.wait_until(lambda: "NotInPlex" in world.log_text(), "the debug line about it")
    runs = [run_task(world, mode) for mode in ("queue_status", "process_queue")]
    said = "".join(run.said for run in [*runs, run_task(world, "sync_scene", scene_id=missing)])
    assert "private name" not in world.log_text() + said
    assert "<path " in world.log_text()


def test_an_unwritable_data_directory_is_named(make_world: MakeWorld, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("no folder")
    world = make_world(env={"PLEXSYNC_DATA_DIR": str(blocked / "data")})
    for mode in MODES:
        began = time.monotonic()
        run = run_task(world, mode)
        assert time.monotonic() - began < SOON_S
        assert str(blocked) in f"{run.said}{run.error}", (mode, run)


def test_without_packages_reports_work_and_other_tasks_name_what_is_missing(world: PluginWorld, tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False, symlinks=True)
    os.makedirs(world.directory)
    for name in STATE_FILES:
        (world.directory / name).write_bytes(b"{ not what it was")
    for mode in ("queue_status", "process_queue", "clear_queue", "sync_all"):
        command = [str(tmp_path / "bare" / "bin" / "python"), "-S", str(world.script)]
        given, env = task_input(world, mode), {**os.environ, **world.env}
        done = subprocess.run(command, input=given, env=env, check=True, capture_output=True, timeout=SOON_S / 3)
        answer = json.loads(done.stdout)
        if mode == "queue_status":
            assert answer["output"]["queue"]["pending"] == 0
        else:
            assert "filelock" in answer["error"]
            assert "pip install" in answer["error"]
