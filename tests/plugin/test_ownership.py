"""What PlexSync put into an item belongs to the item, whoever the scene is: the next scene there removes what it does
not want, and no scene that is gone keeps others out. A server is its identifier, not its address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import MEDIA

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

FULL = {"tags": ("old tag",), "performers": ("Old Person",), "studio": "Old Studio", "details": "old text"}


def pushed(world: PluginWorld, **scene: object) -> int:
    scene_id = world.add_scene(**scene)
    world.stash.update_scene(scene_id, title="old")
    world.wait_for_titles({scene_id: "old"})
    world.wait_idle()
    return scene_id


def same_file_again(world: PluginWorld, scene: int) -> int:
    """The scene is destroyed, and a scan makes another one of its file; its id."""
    file = world.stash.library.scene(scene).files[0]
    world.stash.library.scenes.pop(scene)
    again = world.stash.add_scene(file.path, file.size)
    world.keys[again] = world.keys[scene]
    return again


def assert_nothing_old(world: PluginWorld, scene: int) -> None:
    item = world.item(scene)
    assert (item.title, item.genres, item.actors, item.summary, item.collections) == ("new", (), (), "", ())


@pytest.mark.parametrize("is_told", [True, False], ids=["with an event", "without one"])
def test_a_file_that_is_scanned_again_keeps_nothing_of_its_scene_before(world: PluginWorld, *, is_told: bool) -> None:
    old = pushed(world, **FULL)
    again = same_file_again(world, old)
    if is_told:
        world.fire_hook(old, "Scene.Destroy.Post")
        world.wait_idle()
    world.stash.update_scene(again, title="new")
    world.wait_for_titles({again: "new"})
    world.wait_idle()
    assert_nothing_old(world, again)
    assert world.stash.operation(mode="reconcile_all")["gaps"] == {"empty": 0, "stale": 0, "missing": 0}


def test_what_a_person_added_stays_when_the_scene_changes(world: PluginWorld) -> None:
    old = pushed(world, **FULL)
    world.plex.edit_by_hand(world.keys[old], genres=("old tag", "by hand"))
    again = same_file_again(world, old)
    world.stash.update_scene(again, title="new")
    world.wait_for_titles({again: "new"})
    world.wait_idle()
    assert world.item(again).genres == ("by hand",)


def test_a_stash_that_was_made_anew_takes_over_what_was_pushed(world: PluginWorld) -> None:
    """All scenes have other ids, some of them those of other scenes before."""
    olds = [pushed(world, tags=(f"tag {number}",)) for number in range(4)]
    files = [world.stash.library.scene(scene).files[0] for scene in olds]
    keys = [world.keys[scene] for scene in olds]
    for scene in olds:
        world.stash.library.scenes.pop(scene)
    news = [world.stash.add_scene(file.path, file.size) for file in reversed(files)]
    world.keys.update(zip(news, reversed(keys), strict=True))
    for scene in news:
        world.stash.update_scene(scene, title=f"new {scene}")
    world.wait_for_titles({scene: f"new {scene}" for scene in news})
    world.wait_idle()
    assert all(world.item(scene).genres == () for scene in news)


def test_an_owner_that_is_gone_keeps_no_other_scene_out(world: PluginWorld) -> None:
    """Plex holds two files in one item; the scene of the second had it first and is deleted without an event."""
    first, second = f"{MEDIA}/cut 1.mp4", f"{MEDIA}/cut 2.mp4"
    key = world.plex.add_item(world.section, files=[(first, 11), (second, 12)])
    owner = world.stash.add_scene(first, 11)
    world.keys[owner] = key
    world.stash.update_scene(owner, title="owner")
    world.wait_for_titles({owner: "owner"})
    world.wait_idle()
    other = world.stash.add_scene(second, 12)
    world.keys[other] = key
    world.stash.library.scenes.pop(owner)
    world.stash.update_scene(other, title="other")
    world.wait_for_titles({other: "other"})


def test_a_library_taken_out_and_put_back_is_still_known(world: PluginWorld) -> None:
    scene = pushed(world, tags=("old tag",))
    world.plex.add_section("Films", locations=["/films"])
    world.configure(plex_library="Films")
    world.stash.update_scene(scene, title="nowhere")
    world.wait_until(lambda: bool(world.jobs()), "a job that waits")
    tag = world.stash.add_entity("tag", "new tag")
    world.configure()
    world.stash.update_scene(scene, title="back", tag_ids=[str(tag)])
    world.wait_for_titles({scene: "back"})
    world.wait_idle()
    assert world.item(scene).genres == ("new tag",)


def test_another_server_at_the_address_gets_everything(world: PluginWorld) -> None:
    scenes = [pushed(world) for _ in range(3)]
    world.kill_worker()
    world.plex.machine_identifier = "another"
    for scene in scenes:
        world.plex.edit_by_hand(world.keys[scene], title="bare", locked=False)
    world.fire_hook(scenes[0])
    world.wait_for_titles({scenes[0]: "old"})
    answer = world.stash.operation(mode="sync_all")
    world.wait_for_titles(dict.fromkeys(scenes, "old"))
    assert answer["checked"] == 3  # catch-up may have been quicker for some
    assert world.log_text().count("a different server now") == 1
    [said] = [line for line in world.stash.log if "a different server now" in line.text]
    assert said.level == "warning"


def test_a_server_that_is_exchanged_under_a_living_worker_is_noticed(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scene = pushed(world)
    pid = world.wait_for_worker()
    world.plex.machine_identifier = "another"
    world.plex.edit_by_hand(world.keys[scene], title="bare", locked=False)
    world.stash.operation(mode="health_check")
    world.stash.operation(mode="sync_all")
    world.wait_for_titles({scene: "old"})
    assert world.worker_pids() == [pid]


def test_another_address_of_the_same_server_pushes_nothing(world: PluginWorld) -> None:
    scene = pushed(world)
    world.configure(plex_url=world.plex.url.replace("127.0.0.1", "localhost"))
    world.plex.clear_requests()
    answer = world.stash.operation(mode="sync_all")
    assert (answer["queued"], answer["unchanged"]) == (0, 1)
    world.fire_hook(scene)
    world.wait_idle()
    assert [request for request in world.plex.requests if request.method in {"PUT", "POST"}] == []
