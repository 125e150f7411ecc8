"""The Health Check follows the way of a scene, and ends at the first step that fails."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from sim.faults import Fault
from tests.support.plugin_world import TOKEN
from tests.support.task_runs import run_task, task_input

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

NAMES = ["python", "address", "tls", "token", "libraries", "stash", "paths", "data", "worker"]


def steps_of(world: PluginWorld) -> list[dict[str, Any]]:
    """The steps, after a look at what holds for all of them."""
    output = run_task(world, "health_check").output
    steps: list[dict[str, Any]] = output["steps"]
    assert [step["name"] for step in steps] == NAMES
    assert all(step["text"] and bool(step["cure"]) == (step["ok"] is False) for step in steps)
    failed = [step["ok"] for step in steps].index(False) if any(step["ok"] is False for step in steps) else len(steps)
    assert all(step["ok"] is None and step["text"] == "Not reached." for step in steps[failed + 1 :])
    assert ("is well" in output["message"]) == (failed == len(steps))
    return steps


def failure_of(world: PluginWorld) -> tuple[str, str]:
    """The name of the failed step, with its text and cure."""
    (failed,) = (step for step in steps_of(world) if step["ok"] is False)
    return failed["name"], f"{failed['text']} {failed['cure']}"


def titles(lines: Iterable[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def test_every_step_of_a_good_installation_says_what_was_found(world: PluginWorld) -> None:
    world.add_scenes(2)
    steps = {step["name"]: step for step in steps_of(world)}
    assert [step["ok"] for step in steps.values()] == [True] * len(NAMES)
    assert steps["address"]["text"].startswith("Plex ")
    assert world.plex.url in steps["address"]["text"]
    assert steps["libraries"]["text"] == "1 library: Movies."
    assert steps["stash"]["text"].startswith("Stash v")
    assert steps["paths"]["text"] == "Found 2 of 2 scenes in Plex, under the same path."
    assert "can be written and locked" in steps["data"]["text"]
    assert not any(path.name.startswith(".tmp-") for path in world.directory.iterdir())


def test_the_first_step_that_fails_is_named_with_its_cure(world: PluginWorld) -> None:
    world.stash.add_scene("/media/not in Plex.mp4", 1)
    for settings, name, words in (
        ({"plex_url": None}, "address", "enter it in the plugin's settings"),
        ({}, "paths", "Not there: /media/not in Plex.mp4. Scan the library in Plex"),
        ({"paused": True}, "worker", 'Switch off "Pause"'),
    ):
        world.configure(**settings)
        found, said = failure_of(world)
        assert (found, words in said) == (name, True), said
        world.add_scenes(name == "paths")


def test_a_token_that_may_not_edit_fails_before_the_libraries_are_looked_at(world: PluginWorld) -> None:
    world.configure(plex_library="Nonsense")
    world.plex.fault(Fault.answer(403), path="/accounts")
    name, said = failure_of(world)
    assert (name, "may read but not edit" in said) == ("token", True)


def test_a_worker_that_cannot_start_is_the_last_step(make_world: MakeWorld, tmp_path: Path) -> None:
    """The interpreter that Stash starts runs tasks, but no worker: its start is refused by the system."""
    world = make_world(env={"PYTHONPATH": str(tmp_path)})
    (scene,) = world.add_scenes(1)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\nif 'worker' in sys.argv[1:2] or 'worker' in sys.orig_argv: os._exit(1)\n"
    )
    world.fire_hook(scene)
    world.wait_until_worker_left()
    name, said = failure_of(world)
    assert (name, "PlexSync's worker ends as soon as it is started" in said) == ("worker", True), said


def test_a_data_directory_whose_disk_is_nearly_full_is_said(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world(env={"PYTHONPATH": str(tmp_path)})
    (tmp_path / "sitecustomize.py").write_text(
        "import shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 10**6, 10**6)\n"
    )
    name, said = failure_of(world)
    assert (name, "has only 1 MB left. Make room." in said) == ("data", True), said


def test_stash_that_refuses_its_settings_is_the_step_that_fails(world: PluginWorld) -> None:
    given = task_input(world, "health_check").replace(world.stash.session_cookie().encode(), b"ended")
    world.stash.protect("user", "password")
    failed = world.run_script(given).json["output"]["steps"][NAMES.index("stash")]
    assert (failed["ok"], "Stash rejects the login" in failed["text"]) == (False, True)


def test_the_task_is_an_error_in_stash_and_the_operation_answers(world: PluginWorld) -> None:
    world.add_scenes(1)
    task = world.stash.run_task("Health Check")
    assert task.error is None
    assert task.output["steps"][0]["ok"]
    lines = [line.text for line in task.log if line.level == "info"]
    assert titles(lines[:-1]) == [
        "Worker", "Data directory", "Scenes", "Stash", "Libraries", "Token", "Certificate", "Plex address", "Python",
    ]  # fmt: skip
    assert "is well" in lines[-1]
    world.configure(plex_token="wrong")
    task = world.stash.run_task("Health Check")
    assert task.error is not None
    assert "Plex rejected the token" in task.error
    lines = [line.text for line in task.log if line.level != "debug"]
    assert titles(lines[:5]) == ["Not reached", "Token", "Certificate", "Plex address", "Python"]
    assert lines[0] == "Not reached: Libraries, Stash, Scenes, Data directory, Worker."
    assert lines[1].startswith("Token: FAILED. Plex rejected the token")
    assert not any(TOKEN in line for line in lines)
    assert world.stash.operation(mode="health_check")["token_ok"] is False


def test_a_file_system_that_refuses_locks_is_said(make_world: MakeWorld, tmp_path: Path) -> None:
    """As some network shares do. Only the lock of the check is refused."""
    world = make_world(env={"PYTHONPATH": str(tmp_path)})
    (tmp_path / "sitecustomize.py").write_text(
        "import fcntl, os, sys\nreal = fcntl.flock\ndef refuse(number, how):\n"
        "    if '.tmp-check' in os.readlink(f'/proc/self/fd/{number}'):\n"
        f"        raise OSError({errno.ENOLCK}, 'no locks here')\n    return real(number, how)\nfcntl.flock = refuse\n"
    )
    name, said = failure_of(world)
    assert (name, "no locks here" in said) == ("data", True), said


def test_the_libraries_to_choose_are_those_of_plex_and_those_that_the_setting_names(world: PluginWorld) -> None:
    world.add_scenes(2)
    world.plex.add_section('Clips, "old"')
    world.plex.add_section("Series", section_type="show")
    world.configure(plex_library="movies, Gone")
    found = world.stash.operation(mode="health_check")["libraries_to_choose"]
    keys = ("entry", "contents", "items", "is_chosen")
    assert [(*map(each.get, keys), bool(each["reason"])) for each in found] == [
        ("Movies", "movies", 2, True, False),
        ('"Clips, ""old"""', "movies", 0, False, False),
        ("Series", "TV shows", None, False, True),
        ("Gone", "", None, True, True),
    ]  # fmt: skip
