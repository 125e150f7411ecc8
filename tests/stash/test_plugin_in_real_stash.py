"""The plugin inside a real Stash, against the simulated Plex: what a user does, and what Plex shows then."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.support.real_stash import make_video, reason_to_skip
from tests.support.real_world import PLUGIN, TOKEN, RealWorld, real_world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRAPER = """name: Test
sceneByFragment:
  action: script
  script: ["{python}", "{script}"]
"""
SCRAPED = """import json, sys
sys.stdin.read()
print(json.dumps({"title": "Identified", "details": "by a scraper", "tags": [{"name": "scraped tag"}]}))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    with real_world(tmp_path_factory.mktemp("plugin"), scenes=8) as world:
        write_scraper(world.stash.home)
        world.stash.gql("mutation { reloadScrapers }")
        yield world


def write_scraper(home: Path) -> None:
    scrapers = home / "scrapers"
    scrapers.mkdir(exist_ok=True)
    (scrapers / "scraped.py").write_text(SCRAPED)
    script = SCRAPER.format(python=sys.executable, script=scrapers / "scraped.py")
    (scrapers / "test.yml").write_text(script)


def test_stash_lists_the_plugin_with_its_tasks_hooks_and_settings(world: RealWorld) -> None:
    query = "{ plugins { id tasks { name } hooks { hooks } settings { name } } }"
    (plugin,) = [plugin for plugin in world.stash.gql(query)["plugins"] if plugin["id"] == PLUGIN]
    assert len(plugin["tasks"]) == 18
    assert "Scene.Update.Post" in plugin["hooks"][0]["hooks"]
    assert {"plex_url", "plex_token"} <= {setting["name"] for setting in plugin["settings"]}


def test_form_saves_a_bulk_edit_and_an_array_edit_all_reach_plex_at_once(world: RealWorld) -> None:
    stash = world.stash
    for number in range(6):
        stash.update_scene(1, title=f"form {number}")
        time.sleep(1)
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": ["1", "2", "3", "4", "5"], "rating100": 80})
    forms = [{"id": "6", "title": "array 6"}, {"id": "7", "title": "array 7", "details": "of the array"}]
    world.change("scenesUpdate", "[SceneUpdateInput!]!", forms)
    took_s = world.wait_until(
        lambda: (
            all(world.item(scene_id).user_rating == 8 for scene_id in range(1, 6))
            and [world.item(scene_id).title for scene_id in (1, 6, 7)] == ["form 5", "array 6", "array 7"]
        )
    )
    assert took_s < 5


def test_no_save_waits_for_the_plugin(world: RealWorld) -> None:
    """Medians of ten saves each; single saves say more about the machine."""

    def save_s(number: int) -> float:
        started = time.monotonic()
        world.stash.update_scene(2, title=f"timed {number}")
        return time.monotonic() - started

    world.switch_plugin(on=False)
    without = statistics.median(save_s(number) for number in range(10))
    world.switch_plugin(on=True)
    with_plugin = statistics.median(save_s(number) for number in range(10, 20))
    world.wait_until(lambda: bool(world.item(2).title == "timed 19"))
    bare_start = statistics.median(python_start_s() for _ in range(10))
    assert with_plugin - without < max(0.1, 4 * bare_start)


def python_start_s() -> float:
    """What the plugin cannot be faster than; it rises with all else that the machine does."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", "pass"], check=True)
    return time.monotonic() - started


def test_identified_scenes_reach_plex(world: RealWorld) -> None:
    options = {"fieldOptions": [{"field": "tags", "strategy": "MERGE", "createMissing": True}]}
    sources = [{"source": {"scraper_id": "test"}, "options": options}]
    query = "mutation($i: IdentifyMetadataInput!) { metadataIdentify(input: $i) }"
    job = world.stash.gql(query, {"i": {"sources": sources, "sceneIDs": ["3"]}})["metadataIdentify"]
    world.stash.wait_for_job(job)
    world.wait_until(lambda: bool(world.item(3).title == "Identified"))
    assert world.item(3).summary == "by a scraper"
    world.wait_until(lambda: world.item(3).genres == ("scraped tag",))


def test_a_newly_scanned_file_reaches_plex_once_its_scene_is_edited(world: RealWorld) -> None:
    make_video(world.stash.media / "b" / "new, with a comma & more.mp4", 40)
    world.stash.scan()
    world.note_scenes()
    new = max(world.keys)
    before = len([request for request in world.plex.requests if request.method == "PUT"])
    world.stash.update_scene(new, title="About the new one", date="2024-03")
    world.wait_until(lambda: bool(world.item(new).title == "About the new one"))
    assert str(world.item(new).originally_available_at)[:10] == "2024-03-01"
    assert len([request for request in world.plex.requests if request.method == "PUT"]) == before + 1


def test_a_removed_tag_and_performer_leave_plex(world: RealWorld) -> None:
    stash = world.stash
    tag = stash.gql('mutation { tagCreate(input: {name: "Passing"}) { id } }')["tagCreate"]["id"]
    person = stash.gql('mutation { performerCreate(input: {name: "Guest"}) { id } }')["performerCreate"]["id"]
    stash.update_scene(4, tag_ids=[tag], performer_ids=[person])
    world.wait_until(lambda: world.item(4).genres == ("Passing",) and world.item(4).actors == ("Guest",))
    world.plex.edit_by_hand(world.keys[4], genres=["Passing", "By hand"])
    stash.update_scene(4, tag_ids=[], performer_ids=[])
    world.wait_until(lambda: world.item(4).genres == ("By hand",) and world.item(4).actors == ())


def test_a_renamed_tag_is_renamed_in_every_item(world: RealWorld) -> None:
    tag = world.stash.gql('mutation { tagCreate(input: {name: "Old name"}) { id } }')["tagCreate"]["id"]
    value = {"ids": ["5", "6", "7"], "tag_ids": {"ids": [tag], "mode": "SET"}}
    world.change("bulkSceneUpdate", "BulkSceneUpdateInput!", value)
    world.wait_until(lambda: all(world.item(scene_id).genres == ("Old name",) for scene_id in (5, 6, 7)))
    world.stash.gql("mutation($i: TagUpdateInput!) { tagUpdate(input: $i) { id } }", {"i": {"id": tag, "name": "New"}})
    world.wait_until(lambda: all(world.item(scene_id).genres == ("New",) for scene_id in (5, 6, 7)))


def test_performers_of_one_name_are_two_actors_while_there_are_two(world: RealWorld) -> None:
    def create(name: str, disambiguation: str) -> str:
        form = {"name": name, "disambiguation": disambiguation}
        return str(world.change("performerCreate", "PerformerCreateInput!", form)["id"])

    us, cz = create("Ann Lee", "US"), create("Ann Lee", "CZ")
    world.stash.update_scene(6, performer_ids=[us, cz])
    world.stash.update_scene(7, performer_ids=[cz])
    world.wait_until(lambda: set(world.item(6).actors) == {"Ann Lee (US)", "Ann Lee (CZ)"})
    world.change("performerUpdate", "PerformerUpdateInput!", {"id": us, "name": "Bea Ray"})
    world.wait_until(lambda: set(world.item(6).actors) == {"Bea Ray", "Ann Lee"})
    world.wait_until(lambda: world.item(7).actors == ("Ann Lee",))


def test_the_status_reaches_the_caller_as_json_and_the_log_as_lines(world: RealWorld) -> None:
    world.wait_until(lambda: world.stash.operation(PLUGIN, mode="queue_status")["queue"]["pending"] == 0)
    job = world.stash.run_task(PLUGIN, "View Queue Status")
    assert job is not None
    assert job["status"] == "FINISHED"
    assert "[Plugin / PlexSync] Queue:          empty" in world.stash.log()


def test_an_undo_switches_pause_on_and_keeps_the_other_settings(world: RealWorld) -> None:
    world.configure(exclude_tags="a, b", max_tags=7, skip_poster=True)
    world.stash.update_scene(5, title="To be undone", details="Details")
    world.wait_until(lambda: bool(world.item(5).summary == "Details"))
    world.stash.run_task(PLUGIN, "Preview Undo")
    assert world.item(5).summary == "Details"
    world.stash.run_task(PLUGIN, "Undo PlexSync in Plex")
    item = world.item(5)
    assert (item.title, item.summary, item.genres, item.locked) == ("as Plex found it", "", (), frozenset())
    settings = world.stash.gql("{ configuration { plugins } }")["configuration"]["plugins"][PLUGIN]
    others = {"exclude_tags": "a, b", "max_tags": 7, "skip_poster": True, "leave_when_idle": True}
    assert settings == {"plex_url": world.plex.url, "plex_token": TOKEN, "paused": True, **others}
    assert r"\"Pause\" is on in PlexSync's settings" in world.stash.log()  # Stash quotes each message
    world.configure()


def test_edits_reach_plex_from_a_stash_with_a_password(world: RealWorld) -> None:
    """Last in this file: the Stash has a password from here on."""
    world.stash.protect("user", "a password")
    world.stash.update_scene(8, title="behind a password")
    world.wait_until(lambda: bool(world.item(8).title == "behind a password"))
    log = world.log()
    assert TOKEN not in log
    assert world.stash.headers["ApiKey"] not in log
    assert TOKEN not in world.stash.log()
