"""Pictures that were sent are locked, whether the server does that by itself or not, with few requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.plugin.test_fields_picture_identity import shown_poster, wait_for_locks
from tests.plugin.test_fields_pictures import BLUE, RED, data_url, posters, save

if TYPE_CHECKING:
    from sim.plex.simulator import Request
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

LOCKS = {"thumb.locked", "art.locked"}


def is_lock(request: Request) -> bool:
    return request.method == "PUT" and bool(LOCKS & {name for name, _ in request.query})


def locks(world: PluginWorld) -> list[Request]:
    return [request for request in world.plex.requests if is_lock(request)]


@pytest.fixture
def world(world: PluginWorld) -> PluginWorld:
    """A server whose uploads lock nothing."""
    world.plex.quirks.uploads_lock = False
    return world


def test_a_picture_stays_when_plex_refreshes_its_item(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    wait_for_locks(world, scene)
    assert len(locks(world)) == 1
    world.plex.metadata_refresh(world.keys[scene])
    assert shown_poster(world, scene) == RED
    save(world, scene, cover_image=data_url(BLUE))
    world.plex.metadata_refresh(world.keys[scene])
    assert shown_poster(world, scene) == BLUE
    assert len(locks(world)) == 1


def test_only_what_was_sent_is_locked(world: PluginWorld) -> None:
    world.configure(skip_background=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    world.wait_until(lambda: "thumb" in world.item(scene).locked, "the lock")
    assert "art" not in world.item(scene).locked


def test_a_first_push_costs_no_more_than_its_uploads_and_one_look(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    (scene,) = world.add_scenes(1)
    save(world, scene, title="A")
    world.plex.clear_requests()
    save(world, scene, title="B", cover_image=data_url(RED))
    world.wait_until(lambda: len(world.plex.requests) == 5, "the requests")
    key = world.keys[scene]
    assert [(request.method, request.path) for request in world.plex.requests] == [
        ("GET", f"/library/metadata/{key}"),
        ("PUT", f"/library/sections/{world.section}/all"),
        ("POST", f"/library/metadata/{key}/posters"),
        ("POST", f"/library/metadata/{key}/arts"),
        ("GET", f"/library/metadata/{key}"),  # the locks
    ]


def test_a_cover_that_changes_alone_costs_a_look_and_an_upload_of_each_kind(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    (scene,) = world.add_scenes(1, title="A")
    save(world, scene, title="B")
    paths = {kind: f"/library/metadata/{world.keys[scene]}{kind}" for kind in ("", "/posters", "/arts")}
    look = [("GET", paths[""])]
    uploads = [("POST", paths["/posters"]), ("POST", paths["/arts"])]
    listed = [(method, paths[kind]) for kind in ("/posters", "/arts") for method in ("GET", "POST")]
    for cover, expected in ((RED, [*look, *uploads, *look]), (BLUE, listed)):
        world.plex.clear_requests()
        save(world, scene, cover_image=data_url(cover))
        world.wait_until(lambda: len(world.plex.requests) >= 4, "the requests")
        assert [(request.method, request.path) for request in world.plex.requests] == expected


def test_bulk_work_sets_the_locks_of_many_items_at_once(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    world.plex.quirks.uploads_lock = False
    scenes = world.add_scenes(120, cover=RED)
    with world.no_worker():
        world.stash.bulk_update(scenes, title="A")
    world.fire_hook(scenes[0])
    world.wait_for_titles(dict.fromkeys(scenes, "A"))
    wait_for_locks(world, *scenes)
    assert all(posters(world, scene) == [RED] for scene in scenes)
    sizes = sorted(len(request.rating_keys) for request in locks(world))
    assert (sum(sizes), sizes[-1] <= 100) == (120, True)
    assert len(sizes) <= 8  # at least one batch, more on a machine that needs long
    assert max(sizes) > 1


def test_a_lock_survives_a_kill(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    rule = world.plex.fault(Fault.hang(), when=is_lock)
    world.stash.update_scene(scene, title="A")
    world.wait_until(lambda: bool(locks(world)), "the attempt")
    world.wait_idle()
    assert world.kill_worker()
    world.plex.heal(rule)
    (other,) = world.add_scenes(1)
    save(world, other, title="B")
    wait_for_locks(world, scene)


def test_a_lock_survives_an_outage(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    rule = world.plex.fault(Fault.answer(503), when=is_lock)
    world.stash.update_scene(scene, title="A")
    world.wait_until(lambda: bool(locks(world)), "the attempt")
    world.wait_idle()
    world.plex.heal(rule)
    wait_for_locks(world, scene)


def test_an_item_that_is_gone_before_its_lock_is_set_is_forgotten(world: PluginWorld) -> None:
    gone, stays = world.add_scenes(2, cover=RED)
    rule = world.plex.fault(Fault.answer(503), when=is_lock)
    for scene in (gone, stays):
        save(world, scene, title="A")
    world.wait_until(lambda: bool(locks(world)), "the attempt")
    world.plex.remove_item(world.keys[gone])
    world.plex.heal(rule)
    wait_for_locks(world, stays)


def test_a_server_that_refuses_the_lock_is_reported_and_not_asked_again(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    world.plex.fault(Fault.answer(400), when=is_lock)
    save(world, scene, title="A")
    world.wait_until(lambda: "stay unlocked" in " ".join(world.problems()), "a message")
    save(world, scene, title="B")
    assert len(locks(world)) == 1
    assert shown_poster(world, scene) == RED
