"""Reconciliation under difficult conditions: passing failures, unreadable items, shared items, stopped tasks."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from tests.support.plugin_world import MEDIA

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    return make_world(time_scale=60)


def fill(world: PluginWorld, count: int, **scene: Any) -> list[int]:
    return world.add_scenes(count, **{"title": "Title", "details": "Details", "updated_at": LONG_AGO, **scene})


def reconcile(world: PluginWorld, mode: str = "reconcile_all", **args: Any) -> Any:
    return world.stash.operation(mode=mode, **args)


def test_dropped_page_is_requested_again(world: PluginWorld) -> None:
    fill(world, 5)
    rule = world.plex.fault(Fault.dropped(), when=lambda request: request.first("sort") == "addedAt:asc", times=2)
    assert reconcile(world)["gaps"]["empty"] == 5
    assert rule.left == 0
    assert "CLOSED" not in world.log_text()


def test_page_that_fails_repeatedly_ends_the_run(world: PluginWorld) -> None:
    fill(world, 5)
    rule = world.plex.fault(Fault.dropped(), when=lambda request: request.first("sort") == "addedAt:asc")
    with pytest.raises(Exception, match="stopped before it compared any scene"):
        reconcile(world)
    world.plex.heal(rule)
    assert reconcile(world)["gaps"]["empty"] == 5


def test_item_that_plex_cannot_show_is_skipped_alone(world: PluginWorld) -> None:
    *_, broken = fill(world, 9)
    world.plex.fault(Fault.answer(500), path="/library/metadata/", rating_key=world.keys[broken])
    found = reconcile(world, "reconcile_preview")
    assert (found["gaps"]["empty"], found["skipped"]) == (8, 1)
    assert broken not in [change["scene_id"] for change in found["changes"]]


def test_scene_that_stash_cannot_describe_is_skipped_alone(world: PluginWorld) -> None:
    *_, broken = fill(world, 5)
    world.stash.library.scene(broken).rating100 = "no number"  # type: ignore[assignment] # as a broken Stash might send
    found = reconcile(world, "reconcile_preview")
    assert (found["checked"], found["gaps"]["empty"], found["skipped"]) == (5, 4, 1)


def test_scene_without_a_file_is_not_missing(world: PluginWorld) -> None:
    fill(world, 1)
    world.stash.add_scene(title="No file", updated_at=LONG_AGO)
    found = reconcile(world)
    assert (found["checked"], found["gaps"]["missing"], found["skipped"]) == (2, 0, 1)


def test_shared_item_is_a_gap_only_of_its_owner(world: PluginWorld) -> None:
    files = [(f"{MEDIA}/one.mp4", 11), (f"{MEDIA}/two.mp4", 12)]
    owner, other = (world.stash.add_scene(*file, title=file[0], updated_at=LONG_AGO) for file in files)
    key = world.plex.add_item(world.section, files=files)
    reconcile(world)
    world.wait_idle()
    assert world.plex.item(key).title == files[0][0]
    assert reconcile(world)["gaps"] == {"empty": 0, "stale": 0, "missing": 0}
    world.plex.edit_by_hand(key, title="by hand")
    found = reconcile(world, "reconcile_preview")
    assert [change["scene_id"] for change in found["changes"]] == [owner]
    assert other not in [change["scene_id"] for change in found["changes"]]


def test_plex_is_asked_to_scan_for_missing_scenes_if_enabled(world: PluginWorld) -> None:
    world.configure(scan_plex=True)
    fill(world, 2)
    path = f"{MEDIA}/new/scene.mp4"
    missing = world.stash.add_scene(path, 77, title="Just scanned", updated_at=LONG_AGO)
    world.plex.put_on_disk(world.section, files=[(path, 77)])
    found = reconcile(world)
    assert (found["gaps"]["missing"], found["queued"]["missing"]) == (1, 1)

    def is_pushed() -> bool:
        return "Just scanned" in {item.title for item in world.plex.items(world.section)}

    world.wait_until(is_pushed, f"scene {missing} to be scanned and pushed")


def test_missing_scenes_are_not_counted_if_ignored(world: PluginWorld) -> None:
    world.configure(ignore_missing=True)
    gone, *_ = fill(world, 2)
    world.plex.remove_item(world.keys[gone])
    assert reconcile(world)["gaps"] == {"empty": 1, "stale": 0, "missing": 0}


def test_preview_shows_two_hundred_gaps_and_counts_all(world: PluginWorld) -> None:
    fill(world, 210)
    found = reconcile(world, "reconcile_preview")
    assert (len(found["changes"]), found["gaps"]["empty"], found["checked"]) == (200, 210, 210)


def test_stopping_the_task_does_not_stop_the_run(world: PluginWorld) -> None:
    scenes = fill(world, 20)
    world.plex.latency_s = 0.5
    job = world.stash.start_task("Reconcile Library (All)")
    world.wait_until(lambda: "reconciliation begins" in world.log_text(), "the run to begin")
    world.stash.stop_job(job)
    world.plex.latency_s = 0
    world.wait_for_titles(dict.fromkeys(scenes, "Title"))
    assert world.stash.operation(mode="queue_status")["reconciliation"]["gaps"]["empty"] == 20


def test_task_shows_progress_and_reports_its_findings(world: PluginWorld) -> None:
    fill(world, 3)
    result = world.stash.run_task("Reconcile Library (All)")
    assert result.progress == 1.0
    assert result.output["gaps"]["empty"] == 3
    said = [line.text for line in result.log]
    assert any("3 scenes checked" in text and "3 empty" in text for text in said)


def test_run_uses_changed_settings(world: PluginWorld) -> None:
    fill(world, 3)
    world.configure(skip_title=True, skip_summary=True)
    assert reconcile(world)["gaps"] == {"empty": 0, "stale": 0, "missing": 0}
    world.configure()
    assert reconcile(world, "reconcile_preview")["gaps"]["empty"] == 3


def test_edit_by_a_user_does_not_wait_for_a_run(world: PluginWorld) -> None:
    edited, *_ = fill(world, 700)
    world.plex.latency_s = 1.5  # the run lasts longer than a hook takes on a busy machine
    job = world.stash.start_task("Preview Reconciliation")
    world.wait_until(lambda: "begins" in world.log_text(), "the run to begin")
    world.stash.update_scene(edited, title="Edited")
    world.wait_for_titles({edited: "Edited"})
    assert "reconciliation ended" not in world.log_text()
    world.plex.latency_s = 0
    world.stash.wait_for_job(job)


def test_task_ends_soon_with_a_message_if_stash_is_unavailable(world: PluginWorld) -> None:
    (scene_id,) = world.add_scenes(1)
    given = json.loads(world.hook_input(scene_id))
    world.stash.stop()
    given["args"] = {"mode": "reconcile_all"}
    answer = world.run_script(json.dumps(given).encode())
    assert "Stash does not answer" in answer.json["error"]
    assert answer.took_s < 40


def test_only_a_suddenly_empty_library_is_refused(world: PluginWorld) -> None:
    other = world.plex.add_section("Other", locations=["/other"])
    fill(world, 2)
    scenes = [world.stash.add_scene(f"/other/{size}.mp4", size, title="Title", updated_at=LONG_AGO) for size in (1, 2)]
    keys = [world.plex.add_item(other, files=[(f"/other/{size}.mp4", size)]) for size in (1, 2)]
    reconcile(world)
    world.wait_idle()
    for key in keys:
        world.plex.remove_item(key)
    for library in ("", "Other"):
        with pytest.raises(Exception, match=r"Plex lists no item in Other\. Nothing was queued"):
            reconcile(world, library=library)
    found = reconcile(world, library="Movies")
    assert (found["checked"], found["gaps"]) == (2, {"empty": 0, "stale": 0, "missing": 0})
    assert [job for job in world.jobs() if job["scene_id"] in scenes] == []


def test_run_is_refused_if_stash_stops_listing_scenes(world: PluginWorld) -> None:
    fill(world, 30)
    nothing = Fault.answer(200, body=b'{"data": {"findScenes": {"count": 0, "scenes": []}}}')
    asked: list[bool] = []

    def is_listing(request: Any) -> bool:
        asked.append("count scenes" in request.first("query"))
        return asked[-1] and sum(asked) > 1

    world.stash.fail(replace(nothing, content_type="application/json"), when=is_listing)
    with pytest.raises(Exception, match="Stash listed only 0 of its 30 scenes"):
        reconcile(world)
    assert world.jobs() == []


def test_scheduled_run_that_a_task_waits_for_is_not_replaced(world: PluginWorld) -> None:
    scenes = fill(world, 1500)  # enough pages for the worker to handle commands in between
    world.configure(reconcile_interval="weekly", reconcile_scope="all")
    world.plex.latency_s = 1.0  # the run lasts longer than a task takes to start on a busy machine
    world.fire_hook(scenes[0])
    world.wait_until(lambda: "by schedule" in world.log_text(), "the run to begin")
    job = world.stash.start_task("Reconcile Library (All)")
    state = world.directory / "reconciliation_state.json"
    world.wait_until(lambda: '"is_scheduled": false' in state.read_text(), "the task to join")
    with pytest.raises(Exception, match="Only one runs at a time"):
        reconcile(world, "reconcile_recent")
    world.plex.latency_s = 0
    world.stash.wait_for_job(job)
    assert world.log_text().count("reconciliation begins") == 1
