"""Plex is given a performer's picture where the actor has none, and none that leads it to a login page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.plex.model import Credit
from tests.plugin.test_fields_pictures import save
from tests.support.fake_stash import Answer, FakeStash

if TYPE_CHECKING:
    from sim.stash.server import StashRequest
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

AGENTS = "https://agent.example.org/amy.jpg"
AMY = b"\xff\xd8\xff amy"


@pytest.fixture
def world(world: PluginWorld) -> PluginWorld:
    world.stash.add_entity("performer", "Amy", image=AMY)
    world.add_scenes(1, performers=("Amy",))
    return world


def thumbs(world: PluginWorld) -> list[str]:
    return [role.thumb for role in world.item(1).roles]


def tries(world: PluginWorld) -> list[StashRequest]:
    return [request for request in world.stash.requests if request.path.startswith("/performer/")]


def notes(world: PluginWorld) -> list[str]:
    return [line for line in world.log_text().splitlines() if "WARNING" in line and "Stash address for Plex" in line]


@pytest.mark.parametrize("has_key", [True, False], ids=["with a key", "without a key"])
def test_an_address_that_asks_for_a_password_is_tried_once_and_not_sent(
    *, world: PluginWorld, has_key: bool
) -> None:
    world.stash.protect("someone", "secret")
    if not has_key:
        world.stash.clear_api_key()
    world.configure(stash_url_for_plex=world.stash.url)
    save(world, 1, title="A")
    world.stop_workers()
    save(world, 1, title="B")
    answer = world.stash.run_task("Sync All Scenes").output
    assert (answer["checked"], answer["queued"]) == (1, 0)
    assert thumbs(world) == [""]
    assert [(request.by, request.status) for request in tries(world)] == [("nothing", 302)]
    assert len(notes(world)) == 1
    assert "redirects to the login page" in notes(world)[0]


def test_pictures_are_sent_once_the_setting_leads_past_the_login(world: PluginWorld) -> None:
    world.stash.protect("someone", "secret")
    world.configure(stash_url_for_plex=world.stash.url)
    save(world, 1, title="A")
    assert thumbs(world) == [""]
    with FakeStash(lambda _: Answer(body=AMY, headers={"Content-Type": "image/jpeg"})) as proxy:
        world.configure(stash_url_for_plex=proxy.url)
        save(world, 1, title="B")
        assert thumbs(world) == [f"{proxy.url}/performer/1/image"]
        save(world, 1, title="C")
        assert len(proxy.asked) == 1


def test_a_stash_without_a_password_is_not_tried(world: PluginWorld) -> None:
    world.configure(stash_url_for_plex=world.stash.url)
    save(world, 1, title="A")
    assert thumbs(world) == [f"{world.stash.url}/performer/1/image"]
    assert tries(world) == []


def test_a_password_that_comes_later_ends_the_sending(world: PluginWorld) -> None:
    world.configure(stash_url_for_plex=world.stash.url)
    save(world, 1, title="A")
    world.stash.protect("someone", "secret")
    bea = world.stash.add_entity("performer", "Bea", image=AMY)
    save(world, 1, performer_ids=["1", str(bea)])
    assert thumbs(world) == [f"{world.stash.url}/performer/1/image", ""]
    assert len(notes(world)) == 1


@pytest.mark.parametrize("is_on_item", [True, False], ids=["on the item", "new to the item"])
def test_a_picture_that_the_person_has_in_plex_stays(*, world: PluginWorld, is_on_item: bool) -> None:
    """It belongs to the person, so that another film shows it, too."""
    world.configure(stash_url_for_plex="http://stash.lan:9999")
    amy = Credit(name="Amy", thumb=AGENTS)
    other = world.plex.add_item(world.section, files=[("/media/other.mp4", 1)], actors=(amy,))
    if is_on_item:
        world.plex.edit_by_hand(world.keys[1], actors=("Amy",))
    for title in ("A", "B"):
        save(world, 1, title=title)
    assert thumbs(world) == [role.thumb for role in world.plex.item(other).roles] == [AGENTS]


def test_a_picture_costs_a_look_once_for_each_person(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    world.stash.add_entity("performer", "Amy", image=AMY)
    world.configure(stash_url_for_plex="http://stash.lan:9999")
    first, second, third = world.add_scenes(3)
    for scene in (first, second, third):
        save(world, scene, title="A")
    world.plex.clear_requests()
    for scene, methods in ((first, ["GET", "PUT", "GET", "PUT"]), (second, ["GET", "PUT"]), (third, ["GET", "PUT"])):
        save(world, scene, title="B", performer_ids=["1"])
        assert [request.method for request in world.plex.requests] == methods
        assert [role.thumb for role in world.item(scene).roles] == ["http://stash.lan:9999/performer/1/image"]
        world.plex.clear_requests()


def test_an_actor_whom_a_person_removed_in_plex_costs_no_look_at_each_push(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    world.stash.add_entity("performer", "Amy", image=AMY)
    world.configure(stash_url_for_plex="http://stash.lan:9999", keep_plex_edits=True)
    (scene,) = world.add_scenes(1, performers=("Amy",))
    save(world, scene, title="A")
    world.plex.edit_by_hand(world.keys[scene], actors=("Bea",))
    save(world, scene, title="B")
    world.plex.clear_requests()
    save(world, scene, title="C")
    assert [request.method for request in world.plex.requests] == ["GET", "PUT"]
    assert [role.name for role in world.item(scene).roles] == ["Bea"]
