"""Reconciliation in the real program: finds drift, queues the gaps that can be closed, and refuses implausible data."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from sim.stash.simulator import GraphQLRefusedError
from tests.support.plugin_world import MEDIA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

LONG_AGO = "2020-01-01T00:00:00Z"
IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))
SCENES = 5000 if IS_LONG else 100
DRAIN_S = 900.0
NO_GAPS = {"empty": 0, "stale": 0, "missing": 0}


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    # Slow enough that catch-up, which runs after 10 min / 20 = 30 s, does not find the drift first.
    return make_world(time_scale=20)


def fill(world: PluginWorld, count: int, **scene: Any) -> list[int]:
    """Add scenes from before the installation, which only a reconciliation looks at."""
    values = {
        "title": "Title", "details": "Details", "date": "2020-02-03", "studio": "Studio", "rating100": 80,
        "tags": ("one", "two", "three"), "performers": ("Ann", "Bob"), "updated_at": LONG_AGO,
    }  # fmt: skip
    scenes = world.add_scenes(count, **{**values, **scene})
    for entities in world.stash.library.entities.values():
        for entity in entities.values():
            entity.updated_at = LONG_AGO
    return scenes


def reconcile(world: PluginWorld, mode: str = "reconcile_all", **args: Any) -> Any:
    return world.stash.operation(mode=mode, **args)


def synchronized(world: PluginWorld, count: int = 12) -> list[int]:
    scenes = fill(world, count)
    assert reconcile(world)["queued"]["empty"] == count
    world.wait_idle(DRAIN_S)
    assert world.item(scenes[-1]).title == "Title"
    return scenes


def edit_quietly(world: PluginWorld, scene_id: int, **values: Any) -> None:
    """Change a scene without an event, as if the plugin were disabled."""
    scene = world.stash.library.scene(scene_id)
    for name, value in values.items():
        setattr(scene, name, value)
    scene.updated_at = world.stash.library.now_text()


def by_scene(preview: Mapping[str, Any]) -> dict[int, str]:
    return {change["scene_id"]: change["type"] for change in preview["changes"]}


def refusal(world: PluginWorld, mode: str = "reconcile_all", **args: Any) -> str:
    with pytest.raises(GraphQLRefusedError) as caught:
        reconcile(world, mode, **args)
    return str(caught.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """The drift that was planted: the expected type of gap by scene."""

    types: Mapping[int, str]

    def count(self, kind: str) -> int:
        return sum(each == kind for each in self.types.values())


def plant_drift(world: PluginWorld, scenes: list[int]) -> Drift:
    plex, stash, keys = world.plex, world.stash, world.keys
    retitled, emptied, untagged, rated, edited, filled, merged, source, deleted, replaced, tagged = scenes[:11]
    plex.edit_by_hand(keys[retitled], title="by hand")
    plex.edit_by_hand(keys[emptied], summary="")
    plex.edit_by_hand(keys[untagged], genres=("one", "three"))
    plex.rate_by_hand(keys[rated], 1.0)
    edit_quietly(world, edited, title="Edited")
    edit_quietly(world, filled, director="Somebody")
    stash.merge_scenes([source], merged)
    plex.remove_item(keys[deleted])
    keys[replaced] = plex.replace_file(keys[replaced])
    stash.library.scene(tagged).tag_ids.append(stash.add_entity("tag", "auto"))  # like auto tag
    edit_quietly(world, tagged)
    renamed = scenes[20:23]
    performer = stash.add_entity("performer", "Zoe")
    for scene in renamed:
        assert stash.library.scene(scene).performer_ids[-1] == performer
    stash.library.entities["performer"][performer].name = "Zoe Renamed"  # their updated_at does not change
    stale = [retitled, untagged, rated, edited, merged, tagged, *renamed]
    return Drift(
        types=dict.fromkeys(stale, "stale")
        | dict.fromkeys([emptied, filled, replaced], "empty")
        | {deleted: "missing"}
    )


def test_planted_drift_is_found_and_closed(world: PluginWorld) -> None:
    scenes = fill(world, 7) + fill(world, 1, title="Source") + fill(world, 12)
    scenes += fill(world, 3, performers=("Ann", "Zoe"))
    scenes += fill(world, SCENES - len(scenes))
    assert reconcile(world)["gaps"] == {"empty": SCENES, "stale": 0, "missing": 0}
    world.wait_idle(DRAIN_S)
    world.configure(paused=True)  # or catch-up would close some gaps between preview and run
    drift = plant_drift(world, scenes)
    world.plex.add_item(world.section, files=[(f"{MEDIA}/nobody's.mp4", 1)])
    expected = {kind: drift.count(kind) for kind in ("empty", "stale", "missing")}

    preview = reconcile(world, "reconcile_preview")
    assert by_scene(preview) == drift.types
    assert preview["gaps"] == expected
    assert preview["queued"] == NO_GAPS

    found = reconcile(world)
    assert found["checked"] == SCENES - 1  # one was merged into another
    assert found["gaps"] == expected
    assert found["queued"] == {**expected, "missing": 0}
    assert found["unclaimed"] == 1
    world.configure()
    world.wait_idle(DRAIN_S)
    again = reconcile(world)
    assert again["gaps"] == {"empty": 0, "stale": 0, "missing": 1}
    assert again["queued"] == NO_GAPS
    status = world.stash.operation(mode="queue_status")
    assert status["queue"]["dead_letters"] == 0
    assert status["reconciliation"]["gaps"] == again["gaps"]
    assert (status["reconciliation"]["scope"], status["reconciliation"]["checked"]) == ("all", SCENES - 1)


def test_preview_shows_the_changes_by_field_and_queues_nothing(world: PluginWorld) -> None:
    first, *_ = synchronized(world)
    world.plex.edit_by_hand(world.keys[first], title="by hand", genres=("one",))
    world.plex.clear_requests()
    before = world.plex.requests
    preview = reconcile(world, "reconcile_preview")
    assert preview["changes"] == [
        {
            "scene_id": first, "type": "stale",
            "fields": {"title": ["by hand", "Title"], "genre": [["one"], ["one", "three", "two"]]},
        },
    ]  # fmt: skip
    assert world.jobs() == []
    assert before == []
    assert {request.method for request in world.plex.requests} == {"GET"}
    assert world.stash.operation(mode="queue_status")["reconciliation"]["gaps"]["stale"] == 0


def test_run_without_changes_costs_one_sweep(world: PluginWorld) -> None:
    synchronized(world)
    time.sleep(1.1)  # until the second of the last push is over by Plex's clock
    reconcile(world)
    world.plex.clear_requests()
    assert reconcile(world)["gaps"] == NO_GAPS
    paths = Counter(request.path for request in world.plex.requests if request.path != "/identity")
    # The list of libraries is read once more when an idle worker looks whether it has changed.
    assert paths.pop("/library/sections") <= 2
    assert paths == {"/library/sections/1/all": 1}


def test_values_that_a_person_added_or_keeps_are_no_gap(world: PluginWorld) -> None:
    added, kept, *_ = synchronized(world)
    world.plex.edit_by_hand(world.keys[added], genres=("one", "two", "three", "mine"))
    world.configure(keep_plex_edits=True)
    world.plex.edit_by_hand(world.keys[kept], title="mine")
    assert reconcile(world)["gaps"] == NO_GAPS
    world.configure()
    assert reconcile(world)["gaps"] == {"empty": 0, "stale": 1, "missing": 0}


def test_scenes_with_nothing_to_push_are_skipped(world: PluginWorld) -> None:
    bare = world.add_scene(updated_at=LONG_AGO)
    fill(world, 2)
    found = reconcile(world)
    assert (found["checked"], found["skipped"], found["unclaimed"]) == (3, 1, 0)
    assert bare not in [job["scene_id"] for job in world.jobs()]


def test_recent_scopes_go_by_the_last_change_in_any_offset(world: PluginWorld) -> None:
    def text(hours_ago: float, offset_hours: int) -> str:
        at = time.gmtime(time.time() - hours_ago * 3600 + offset_hours * 3600)
        return time.strftime("%Y-%m-%dT%H:%M:%S", at) + f"{offset_hours:+03d}:00"

    recent = [*fill(world, 1, updated_at=text(23, 13)), *fill(world, 1, updated_at=text(23, -11))]
    older = [*fill(world, 1, updated_at=text(25, 13)), *fill(world, 1, updated_at=text(25, -11))]
    oldest = fill(world, 1, updated_at=text(24 * 8, 0))
    preview = reconcile(world, "reconcile_preview", scope="24h")
    assert sorted(by_scene(preview)) == recent
    assert preview["unclaimed"] is None
    assert sorted(by_scene(reconcile(world, "reconcile_preview", scope="7days"))) == [*recent, *older]
    assert sorted(by_scene(reconcile(world, "reconcile_preview", scope="9d"))) == [*recent, *older, *oldest]
    assert reconcile(world, "reconcile_recent")["checked"] == 2
    assert reconcile(world, "reconcile_7days")["checked"] == 4


def test_run_can_be_limited_to_one_library(world: PluginWorld) -> None:
    other = world.plex.add_section("Other", locations=["/other"])
    fill(world, 2)
    for number in range(3):
        path, size = f"/other/{number}.mp4", 9000 + number
        world.stash.add_scene(path, size, title="Other", updated_at=LONG_AGO)
        if number:
            world.plex.add_item(other, files=[(path, size)])
    found = reconcile(world, "reconcile_preview", library="other")
    assert found["checked"] == 3
    assert found["gaps"] == {"empty": 0, "stale": 2, "missing": 1}
    assert reconcile(world, "reconcile_preview", library="Movies")["checked"] == 2
    assert "no library 'Else'" in refusal(world, library="Else")


def test_invalid_scope_is_refused_with_what_is_allowed(world: PluginWorld) -> None:
    assert "it must be all, 24h, 7days" in refusal(world, scope="yesterday")


def test_empty_stash_empty_library_and_renamed_library_are_refused(world: PluginWorld) -> None:
    scenes = synchronized(world)
    for scene in scenes:
        edit_quietly(world, scene, title="Edited")
    library, world.stash.library.scenes = world.stash.library.scenes, {}
    assert "Stash lists no scene" in refusal(world)
    world.stash.library.scenes = library

    other = world.plex.add_section("Empty", locations=["/empty"])
    assert other
    world.configure(plex_library="Empty")
    assert "Plex lists no item" in refusal(world)

    world.configure(plex_library="Movies")
    world.plex.rename_section(world.section, "Films")
    assert "Films" in refusal(world)
    assert world.stash.operation(mode="queue_status")["queue"]["dead_letters"] == 0
    assert {world.item(scene).title for scene in scenes} == {"Title"}
    world.plex.rename_section(world.section, "Movies")
    world.wait_until(lambda: reconcile_works(world), "a reconciliation once the library is back")


def reconcile_works(world: PluginWorld) -> bool:
    try:
        reconcile(world)
    except GraphQLRefusedError:
        return False
    return True


def test_listing_that_ends_early_makes_no_scene_missing(world: PluginWorld) -> None:
    synchronized(world)
    empty = Fault.answer(200, body=b'<MediaContainer size="0" totalSize="12"/>')
    world.plex.fault(empty, path="/library/sections/1/all", when=lambda request: request.first("sort") != "")
    assert "ends after 0 of 12" in refusal(world)


@pytest.mark.parametrize("body", [b'<MediaContainer size="0" totalSize="2100"/>', b'<MediaContainer size="0"/>'])
def test_empty_page_within_a_listing_makes_no_scene_missing(world: PluginWorld, body: bytes) -> None:
    for number in range(2_100):
        world.plex.add_item(world.section, files=[(f"/media/other {number}.mp4", number)])
    fill(world, 3)
    pages = count(1)
    world.plex.fault(
        Fault.answer(200, body=body), when=lambda request: request.first("sort") != "" and next(pages) == 3
    )
    assert reconcile(world)["gaps"]["missing"] == 0
    assert "ends after 2000 of 2103" in world.log_text()


def test_simultaneous_requests_share_one_run(world: PluginWorld) -> None:
    fill(world, 30)
    world.plex.latency_s = 1.5  # the run lasts longer than the others take to start on a busy machine
    with ThreadPoolExecutor(4) as pool:
        answers = [each.result() for each in [pool.submit(reconcile, world) for _ in range(4)]]
    assert all(answer == answers[0] for answer in answers)
    assert world.log_text().count("reconciliation begins") == 1
    sweeps = [each for each in world.plex.requests if each.first("sort") == "addedAt:asc"]
    assert len(sweeps) == 1


def test_outage_ends_the_run(world: PluginWorld) -> None:
    synchronized(world)
    world.plex.fault(Fault.refused())
    said = refusal(world)
    assert "stopped before it compared any scene" in said
    assert "Run it again" in said
    world.plex.heal()
    world.wait_until(lambda: reconcile_works(world), "a reconciliation after the outage")


def test_next_worker_starts_the_run_of_a_killed_one_over(world: PluginWorld) -> None:
    scenes = fill(world, 40)
    world.plex.latency_s = 0.3
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(reconcile, world)
        world.wait_until(lambda: "reconciliation begins" in world.log_text(), "the run to begin")
        assert world.kill_worker()
        found = run.result()
    assert found["gaps"]["empty"] == len(scenes)
    world.plex.latency_s = 0
    world.wait_idle(DRAIN_S)
    assert {world.item(scene).title for scene in scenes} == {"Title"}


@pytest.mark.skipif(not IS_LONG, reason="takes a quarter of a minute")
def test_run_is_completed_although_workers_are_killed_at_each_stage(world: PluginWorld) -> None:
    scenes = fill(world, 260)  # two pages
    world.plex.latency_s = 0.5
    state = world.directory / "reconciliation_state.json"

    def is_comparing() -> bool:
        running = json.loads(state.read_text())["running"]
        return bool(running and running["checked"])

    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(reconcile, world)
        world.wait_until(lambda: "reconciliation begins" in world.log_text(), "the run to begin")
        assert world.kill_worker()
        world.wait_until(is_comparing, "the run to have compared a page")
        assert world.kill_worker()
        found = run.result()
    assert found["gaps"] == found["queued"] == {"empty": len(scenes), "stale": 0, "missing": 0}
    world.plex.latency_s = 0
    world.wait_for_titles(dict.fromkeys(scenes, "Title"))


def test_missing_scenes_are_not_retried_but_pushed_once_plex_has_them(world: PluginWorld) -> None:
    scenes = fill(world, 10)
    for scene in scenes[:5]:
        world.plex.remove_item(world.keys[scene])
    found = reconcile(world)
    assert found["gaps"] == {"empty": 5, "stale": 0, "missing": 5}
    assert found["queued"] == {"empty": 5, "stale": 0, "missing": 0}
    world.wait_idle(DRAIN_S)
    status = world.stash.operation(mode="queue_status")
    assert (status["queue"]["pending"], status["queue"]["dead_letters"]) == (0, 0)
    for scene in scenes[:5]:
        file = world.stash.library.scene(scene).files[0]
        world.keys[scene] = world.plex.add_item(world.section, files=[(file.path, file.size)])
    world.wait_until_worker_left()
    world.stash.update_scene(scenes[-1], title="an event that starts a worker")
    world.wait_for_titles(dict.fromkeys(scenes[:5], "Title"))


def test_schedule_starts_runs_and_a_run_by_hand_resets_it(make_world: MakeWorld) -> None:
    world = make_world(time_scale=600)  # an hour is 6 s
    scenes = fill(world, 3)
    world.configure(reconcile_interval="hourly", reconcile_scope="all")
    world.stash.operation(mode="process_queue")
    world.wait_for_titles(dict.fromkeys(scenes, "Title"))
    assert world.log_text().count("by schedule") == 1
    began = time.monotonic()
    reconcile(world)
    world.stash.operation(mode="process_queue")
    world.wait_until_worker_left()
    if time.monotonic() - began < 5:
        assert world.log_text().count("by schedule") == 1
    world.wait_until(
        lambda: bool(world.stash.operation(mode="process_queue")) and world.log_text().count("by schedule") == 2,
        "the next one by schedule",
    )


def test_no_run_starts_without_a_schedule(world: PluginWorld) -> None:
    fill(world, 1)
    world.stash.operation(mode="process_queue")
    world.wait_until_worker_left()
    assert "reconciliation begins" not in world.log_text()
