"""Trouble that is not, or not obviously, an outage of Plex: each kind has its own verdict and holds up nothing else."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.full_disk import full_disk
from tests.support.outage_world import OutageWorld, is_of_probe
from tests.support.plugin_world import PATIENCE_S, kill_and_wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    MakeWorld = Callable[[float], OutageWorld]

MAX_RETRIES = 5


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    with ExitStack() as worlds:
        yield lambda scale: worlds.enter_context(OutageWorld(tmp_path, time_scale=scale))


@pytest.mark.parametrize("status", [500, 502])
def test_one_item_that_always_fails_becomes_a_dead_letter_and_holds_up_nothing(
    make_world: MakeWorld, status: int
) -> None:
    world = make_world(60.0)
    poisoned, *others = world.add_scenes(7)
    world.plex.fault(Fault.answer(status), rating_key=world.keys[poisoned])
    world.edit_at_once({poisoned: "never"} | dict.fromkeys(others, "edited"))
    world.wait_for_titles(dict.fromkeys(others, "edited"))
    world.wait_idle()
    assert world.dead_letters() == [(poisoned, "PlexServerError", MAX_RETRIES)]
    assert world.circuit() == "closed"
    assert not world.outages()


def test_a_scene_about_which_stash_says_too_much_is_a_dead_letter_at_once(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    large, other = world.add_scenes(2)
    with world.no_worker():
        world.stash.update_scene(large, title="edited", details="x" * 7_000_000)
        world.stash.update_scene(other, title="edited")
    world.fire_hook(other)
    world.wait_for_titles({other: "edited"})
    world.wait_idle()
    (letter,) = world.stash.operation(mode="queue_status")["dead_letter_examples"]
    assert (letter["scene_id"], letter["error_class"], letter["attempts"]) == (large, "SceneTooLarge", 1)
    assert "Shorten the details" in letter["advice"]


def test_one_item_that_plex_refuses_to_show_is_not_blamed_on_its_scene(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    poisoned, *others = world.add_scenes(7)
    world.plex.fault(Fault.answer(400), method="GET", rating_key=world.keys[poisoned])
    world.edit_at_once({poisoned: "never"} | dict.fromkeys(others, "edited"))
    world.wait_for_titles(dict.fromkeys(others, "edited"))
    world.wait_idle()
    assert world.dead_letters() == [(poisoned, "PlexServerError", MAX_RETRIES)]
    assert world.circuit() == "closed"
    assert not world.outages()
    assert "correct the scene" not in json.dumps(world.stash.operation(mode="queue_status"))


def test_a_plex_that_refuses_to_show_any_item_costs_no_scene_its_edit(make_world: MakeWorld) -> None:
    world = make_world(5.0)
    scenes = world.add_scenes(6)
    rule = world.plex.fault(Fault.answer(400), method="GET", path="/library/metadata")
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_circuit("open")
    world.plex.heal(rule)
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert not world.dead_letters()
    assert world.circuit() == "closed"


def test_five_scenes_failing_in_a_row_open_the_circuit_and_are_not_charged(make_world: MakeWorld) -> None:
    world = make_world(5.0)
    scenes = world.add_scenes(5)
    rule = world.plex.fault(Fault.answer(500), method="PUT")
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_circuit("open")
    world.wait_until(lambda: world.attempts() == dict.fromkeys(scenes, 0), "the attempts to be refunded")
    world.plex.heal(rule)
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert not world.dead_letters()
    assert "5 different scenes in a row" in world.outages()[0]["cause"]


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_retry_after_holds_for_the_whole_drain(make_world: MakeWorld, method: str) -> None:
    world = make_world(20.0)
    scenes = world.add_scenes(6)
    world.edit_at_once(dict.fromkeys(scenes, "before"))
    world.wait_for_titles(dict.fromkeys(scenes, "before"))
    world.configure(paused=True)
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: len(world.jobs()) == 6, "all jobs")
    world.plex.fault(Fault.busy("60"), method=method, times=1)
    world.configure(paused=False)
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    refused = next(each for each in world.plex.requests if each.status == 429)
    later = [each.at - refused.at for each in world.plex.requests if each.at > refused.at]
    assert min(later) >= world.scaled(60) - 0.05
    assert world.log_text().count("pushing is stopped") == 1
    assert not world.dead_letters()
    assert world.circuit() == "closed"


def test_a_plex_that_asks_for_one_pause_after_another_is_reported_once(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    scenes = world.add_scenes(3)
    rule = world.plex.fault(Fault.busy("20"), when=lambda request: request.path != "/identity")
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: rule.hits >= 4, "a fourth refusal")
    world.plex.heal(rule)
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert world.log_text().count("pushing is stopped") == 1
    assert world.log_text().count("Plex is no longer busy") == 1


def test_a_rejected_token_is_reported_once_and_a_new_one_noticed_without_a_hook(make_world: MakeWorld) -> None:
    world = make_world(8.0)
    scenes = world.add_scenes(3)
    world.plex.token = "changed-in-plex"
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_stopped("auth")
    world.wait_until(lambda: world.next_check_at() > time.time() + 4, "a long interval between probes")
    stopped_at = world.state_file("recovery_state")["pauses"][0]["since"]
    assert all(map(is_of_probe, world.requests_between(stopped_at, time.time())))
    assert set(world.attempts().values()) == {0}
    far_away = time.time() + 2 * PATIENCE_S  # no probe may notice the new token first
    world.write_state_file("recovery_state", {**world.state_file("recovery_state"), "next_check_at": far_away})
    world.configure(plex_token="changed-in-plex")
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    assert world.log_text().count("pushing is stopped") == 1
    assert world.circuit() == "closed"
    assert not world.outages()


def test_a_renamed_library_stops_the_drain_until_the_setting_is_corrected(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    scenes = world.add_scenes(3)
    world.configure(plex_library="Films")
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_stopped("setup")
    world.wait_until(lambda: "Movies" in world.log_text(), "the message, which follows the file")
    world.configure(plex_library="Movies")
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    assert world.log_text().count("pushing is stopped") == 1
    assert not world.dead_letters()


def test_while_paused_edits_are_queued_and_none_is_pushed(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    scenes = world.add_scenes(3)
    world.configure(paused=True)
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: len(world.jobs()) == 3, "three jobs")
    world.wait_until(lambda: world.state_file("worker").get("doing") == "waiting: paused", "the worker to say so")
    asked = len(world.stash.requests)
    world.wait_until(lambda: len(world.stash.requests) > asked + 2, "further reads of the settings")
    assert not world.plex.requests
    world.configure(paused=False)
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))


def test_stash_going_away_during_a_drain_loses_nothing(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    scenes = world.add_scenes(60)
    world.configure(paused=True)
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: len(world.jobs()) == 60, "all jobs")
    world.plex.latency_s = 0.01
    world.configure(paused=False)
    world.wait_until(lambda: len(world.puts()) >= 5, "some edits in Plex")
    world.stash.stop()
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "the worker to notice")
    assert set(world.attempts().values()) == {0}
    world.stash.start()
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert not world.dead_letters()


def test_a_due_probe_does_not_make_the_worker_flood_an_absent_stash(make_world: MakeWorld) -> None:
    """A new worker needs the settings for a probe that is due, and Stash does not answer."""
    world = make_world(1.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.starting())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.plex.heal(rule)
    for pid in world.worker_pids():
        kill_and_wait(pid)
    world.wait_until_worker_left()
    with world.no_worker():
        world.write_state_file("recovery_state", {**world.state_file("recovery_state"), "next_check_at": time.time()})
    unavailable = world.stash.fail(Fault.answer(503))
    world.stash.requests.clear()
    world.fire_hook(scene)
    world.wait_until(lambda: "Stash does not answer" in world.log_text(), "the worker to notice")
    world.wait_until(lambda: len(world.stash.requests) >= 3, "two more requests")
    assert world.stash.requests[2].at - world.stash.requests[0].at >= 3.5
    world.stash.heal(unavailable)
    world.wait_for_titles({scene: "edited"})


def test_a_full_disk_stops_the_drain_until_there_is_room(make_world: MakeWorld) -> None:
    world = make_world(10.0)  # an idle worker stays for 6 s, so the worker below is the one whose disk is full
    scenes = world.add_scenes(8)
    world.edit_at_once({scenes[0]: "before"})
    world.wait_for_titles({scenes[0]: "before"})
    world.wait_idle()
    world.plex.latency_s = 0.05
    with full_disk(world.wait_for_worker()):
        world.edit_at_once(dict.fromkeys(scenes, "edited"))
        pid = world.worker_pid()
        began = time.monotonic()
        world.wait_until(lambda: time.monotonic() - began > 1.0 or world.worker_pid() is None, "a second")
        assert world.worker_pid() == pid, "the worker must survive a full disk"
        assert not world.has_titles(dict.fromkeys(scenes, "edited"))
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    world.wait_until(lambda: not world.stopped_by(), "the drain to resume")
    assert not world.dead_letters()


def test_a_disk_that_fills_up_during_a_drain_loses_no_work(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    scenes = world.add_scenes(8)
    world.plex.latency_s = 0.2  # so that the disk is full before the last edit
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_until(lambda: len(world.puts()) >= 2, "two edits in Plex")
    with full_disk(world.wait_for_worker()):
        began = time.monotonic()
        world.wait_until(lambda: time.monotonic() - began > 0.5, "half a second")
        assert not world.has_titles(dict.fromkeys(scenes, "edited"))
    world.wait_for_titles(dict.fromkeys(scenes, "edited"))
    world.wait_idle()
    assert not world.dead_letters()


@pytest.mark.parametrize("name", ["circuit_breaker", "recovery_state", "outage_history"])
@pytest.mark.parametrize("content", [b"", b'{"version": 1, "state": "op', b'{"version": 99}'])
def test_a_corrupt_state_file_is_set_aside_without_delay(
    make_world: MakeWorld, name: str, content: bytes
) -> None:
    world = make_world(60.0)
    (scene,) = world.add_scenes(1)
    rule = world.plex.fault(Fault.refused())
    world.stash.update_scene(scene, title="edited")
    world.wait_circuit("open")
    world.write_state_file(name, content)
    world.wait_until(lambda: any(world.directory.glob(f"{name}.json.corrupt-*")), "the file to be set aside")
    world.plex.heal(rule)
    world.wait_for_titles({scene: "edited"})
    world.wait_idle()
    world.wait_circuit("closed")
    assert world.log_text().count("set it aside as") == 1
    assert not world.dead_letters()


def test_a_redirect_for_one_item_stops_no_other_job(make_world: MakeWorld) -> None:
    world = make_world(60.0)
    poisoned, *others = world.add_scenes(4)
    world.plex.fault(Fault.redirect("http://127.0.0.1:1/"), rating_key=world.keys[poisoned])
    world.edit_at_once({poisoned: "never"} | dict.fromkeys(others, "edited"))
    world.wait_for_titles(dict.fromkeys(others, "edited"))
    world.wait_idle()
    assert world.dead_letters() == [(poisoned, "PlexServerError", MAX_RETRIES)]
    assert "pushing is stopped" not in world.log_text()


def test_pausing_takes_effect_during_a_slow_recovery(make_world: MakeWorld) -> None:
    world = make_world(20.0)
    world.configure(recovery_rate=2, recovery_minutes=30)
    scenes = world.add_scenes(30)
    rule = world.plex.fault(Fault.refused())
    world.edit_at_once(dict.fromkeys(scenes, "edited"))
    world.wait_circuit("open")
    world.plex.heal(rule)
    world.wait_until(lambda: len(world.puts()) >= 3, "some edits in Plex")
    world.configure(recovery_rate=2, recovery_minutes=30, paused=True)
    world.wait_until(lambda: world.state_file("worker").get("doing") == "waiting: paused", "the worker to pause")
    assert len(world.puts()) < 15
