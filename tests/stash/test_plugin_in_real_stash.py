"""The plugin inside a real Stash, against the simulated Plex: what a user does, and what Plex shows then."""

from __future__ import annotations

import os
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from local import lock
from sim.plex import PlexSim
from tests.support.real_stash import RealStash, make_video, reason_to_skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "plex-token-of-the-test"
PLUGIN = "plexsync"
# An edit is there within 2 s; a busy test machine gets more, and what was measured is asserted where it matters.
PATIENCE_S = 20.0

SCRAPER = """name: Test
sceneByFragment:
  action: script
  script: ["{python}", "{script}"]
"""
SCRAPED = """import json, sys
sys.stdin.read()
print(json.dumps({"title": "Identified", "details": "by a scraper", "tags": [{"name": "scraped tag"}]}))
"""


class World:
    """A real Stash with the plugin, and a simulated Plex that holds the same files."""

    def __init__(self, folder: Path, stash: RealStash, plex: PlexSim, data: Path) -> None:
        self.folder, self.stash, self.plex, self.data = folder, stash, plex, data
        self.section = plex.add_section("Movies", locations=[str(stash.media)])
        self.keys: dict[int, int] = {}
        self.note_scenes()

    def note_scenes(self) -> None:
        """Put into Plex what Stash has and Plex has not."""
        query = '{ findScenes(filter: {per_page: -1, sort: "id"}) { scenes { id files { path size } } } }'
        for scene in self.stash.gql(query)["findScenes"]["scenes"]:
            if int(scene["id"]) not in self.keys:
                file = scene["files"][0]
                key = self.plex.add_item(self.section, files=[(file["path"], file["size"])], title="as Plex found it")
                self.keys[int(scene["id"])] = key

    def item(self, scene_id: int) -> Any:
        return self.plex.item(self.keys[scene_id])

    def wait_until(self, condition: Callable[[], bool]) -> float:
        """Seconds until the condition held."""
        started = time.monotonic()
        while not condition():
            assert time.monotonic() - started < PATIENCE_S, self.log()
            time.sleep(0.01)
        return time.monotonic() - started

    def log(self) -> str:
        path = self.data / "plexsync.log"
        return path.read_text() if path.exists() else "no log"

    def update_many(self, mutation: str, input_type: str, value: object) -> None:
        self.stash.gql(f"mutation($i: {input_type}) {{ {mutation}(input: $i) {{ id }} }}", {"i": value})


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    folder = tmp_path_factory.mktemp("plugin")
    data = folder / "data"
    env = {"PLEXSYNC_DATA_DIR": str(data), "PLEXSYNC_NO_INSTALL": "1"}
    home = folder / "home"
    with PlexSim(token=TOKEN) as plex, RealStash(home, plugins=[plugin_copy(folder)], scenes=8, env=env) as stash:
        write_scraper(home)
        stash.gql("mutation { reloadScrapers }")
        stash.configure_plugin(PLUGIN, plex_url=plex.url, plex_token=TOKEN)
        world = World(folder, stash, plex, data)
        try:
            yield world
        finally:
            stop_worker(data)


def plugin_copy(folder: Path) -> Path:
    """The checkout under the name that a user gives the plugin's folder."""
    link = folder / PLUGIN
    link.symlink_to(ROOT)
    return link


def write_scraper(home: Path) -> None:
    scrapers = home / "scrapers"
    scrapers.mkdir(exist_ok=True)
    (scrapers / "scraped.py").write_text(SCRAPED)
    script = SCRAPER.format(python=sys.executable, script=scrapers / "scraped.py")
    (scrapers / "test.yml").write_text(script)


def stop_worker(data: Path) -> None:
    """The worker of a test has no business after it."""
    from json import loads  # noqa: PLC0415

    if (data / "worker.json").exists() and not lock.is_free(str(data)):
        os.kill(loads((data / "worker.json").read_text())["pid"], signal.SIGKILL)


def test_stash_lists_the_plugin_with_its_tasks_hooks_and_settings(world: World) -> None:
    query = "{ plugins { id tasks { name } hooks { hooks } settings { name } } }"
    (plugin,) = [plugin for plugin in world.stash.gql(query)["plugins"] if plugin["id"] == PLUGIN]
    assert len(plugin["tasks"]) == 15
    assert "Scene.Update.Post" in plugin["hooks"][0]["hooks"]
    assert {"plex_url", "plex_token"} <= {setting["name"] for setting in plugin["settings"]}


def test_form_saves_a_bulk_edit_and_an_array_edit_are_all_in_plex_at_once(world: World) -> None:
    stash = world.stash
    for number in range(6):
        stash.update_scene(1, title=f"form {number}")
        time.sleep(1)
    world.update_many("bulkSceneUpdate", "BulkSceneUpdateInput!", {"ids": ["1", "2", "3", "4", "5"], "rating100": 80})
    forms = [{"id": "6", "title": "array 6"}, {"id": "7", "title": "array 7", "details": "of the array"}]
    world.update_many("scenesUpdate", "[SceneUpdateInput!]!", forms)
    took_s = world.wait_until(
        lambda: (
            all(world.item(scene_id).user_rating == 8 for scene_id in range(1, 6))
            and [world.item(scene_id).title for scene_id in (1, 6, 7)] == ["form 5", "array 6", "array 7"]
        )
    )
    assert took_s < 2


def test_no_save_waits_for_the_plugin(world: World) -> None:
    """Medians of ten saves each; single ones say more about the machine."""

    def save_s(number: int) -> float:
        started = time.monotonic()
        world.stash.update_scene(2, title=f"timed {number}")
        return time.monotonic() - started

    switch = "mutation($on: BoolMap!) { setPluginsEnabled(enabledMap: $on) }"
    world.stash.gql(switch, {"on": {PLUGIN: False}})
    without = statistics.median(save_s(number) for number in range(10))
    world.stash.gql(switch, {"on": {PLUGIN: True}})
    with_plugin = statistics.median(save_s(number) for number in range(10, 20))
    world.wait_until(lambda: bool(world.item(2).title == "timed 19"))
    assert with_plugin - without < 0.1


def test_identified_scenes_reach_plex(world: World) -> None:
    options = {"fieldOptions": [{"field": "tags", "strategy": "MERGE", "createMissing": True}]}
    sources = [{"source": {"scraper_id": "test"}, "options": options}]
    query = "mutation($i: IdentifyMetadataInput!) { metadataIdentify(input: $i) }"
    job = world.stash.gql(query, {"i": {"sources": sources, "sceneIDs": ["3"]}})["metadataIdentify"]
    world.stash.wait_for_job(job)
    world.wait_until(lambda: bool(world.item(3).title == "Identified"))
    assert world.item(3).summary == "by a scraper"
    world.wait_until(lambda: world.item(3).genres == ("scraped tag",))


def test_a_newly_scanned_file_is_followed_once_someone_says_something_about_it(world: World) -> None:
    make_video(world.stash.media / "b" / "new, with a comma & more.mp4", 40)
    world.stash.scan()
    world.note_scenes()
    new = max(world.keys)
    before = len([request for request in world.plex.requests if request.method == "PUT"])
    world.stash.update_scene(new, title="About the new one", date="2024-03")
    world.wait_until(lambda: bool(world.item(new).title == "About the new one"))
    assert str(world.item(new).originally_available_at)[:10] == "2024-03-01"
    assert len([request for request in world.plex.requests if request.method == "PUT"]) == before + 1


def test_a_removed_tag_and_performer_leave_plex(world: World) -> None:
    stash = world.stash
    tag = stash.gql('mutation { tagCreate(input: {name: "Passing"}) { id } }')["tagCreate"]["id"]
    person = stash.gql('mutation { performerCreate(input: {name: "Guest"}) { id } }')["performerCreate"]["id"]
    stash.update_scene(4, tag_ids=[tag], performer_ids=[person])
    world.wait_until(lambda: world.item(4).genres == ("Passing",) and world.item(4).actors == ("Guest",))
    world.plex.edit_by_hand(world.keys[4], genres=["Passing", "By hand"])
    stash.update_scene(4, tag_ids=[], performer_ids=[])
    world.wait_until(lambda: world.item(4).genres == ("By hand",) and world.item(4).actors == ())


def test_a_renamed_tag_follows_in_every_scene(world: World) -> None:
    tag = world.stash.gql('mutation { tagCreate(input: {name: "Old name"}) { id } }')["tagCreate"]["id"]
    value = {"ids": ["5", "6", "7"], "tag_ids": {"ids": [tag], "mode": "SET"}}
    world.update_many("bulkSceneUpdate", "BulkSceneUpdateInput!", value)
    world.wait_until(lambda: all(world.item(scene_id).genres == ("Old name",) for scene_id in (5, 6, 7)))
    world.stash.gql("mutation($i: TagUpdateInput!) { tagUpdate(input: $i) { id } }", {"i": {"id": tag, "name": "New"}})
    world.wait_until(lambda: all(world.item(scene_id).genres == ("New",) for scene_id in (5, 6, 7)))


def test_the_status_reaches_the_caller_as_json_and_the_log_as_lines(world: World) -> None:
    world.wait_until(lambda: world.stash.operation(PLUGIN, mode="queue_status")["queue"]["pending"] == 0)
    job = world.stash.run_task(PLUGIN, "View Queue Status")
    assert job is not None
    assert job["status"] == "FINISHED"
    assert "[Plugin / PlexSync] Queue:          empty" in world.stash.log()


def test_a_stash_with_a_password_is_followed_as_well(world: World) -> None:
    """Last of this file: the Stash has a password from here on."""
    world.stash.protect("user", "a password")
    world.stash.update_scene(8, title="behind a password")
    world.wait_until(lambda: bool(world.item(8).title == "behind a password"))
    log = world.log()
    assert TOKEN not in log
    assert world.stash.headers["ApiKey"] not in log
    assert TOKEN not in world.stash.log()
