"""A Stash that fails for a single scene or tag and answers for all others."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

REFUSAL = replace(Fault.answer(200, body=b'{"errors": [{"message": "no"}]}'), content_type="application/json")


def test_a_scene_that_stash_cannot_read_holds_up_no_other(world: PluginWorld) -> None:
    poisoned, *others = world.add_scenes(6)
    world.stash.fail(Fault.answer(500), when=lambda request: f"s{poisoned}:" in request.first("query"))
    titles = {scene_id: f"title {scene_id}" for scene_id in (poisoned, *others)}
    world.edit_at_once(titles)
    world.wait_for_titles({scene_id: titles[scene_id] for scene_id in others})
    world.wait_until(lambda: "is a dead letter now (Bug" in world.log_text(), "the poisoned scene's dead letter")
    assert f"not about scene {poisoned}" in world.log_text()
    world.wait_idle()


def test_a_scene_whose_read_kills_the_worker_starves_no_other(world: PluginWorld) -> None:
    """The worker dies in a batch, during another scene's job, then on the scene alone, which goes last from then on."""
    poisoned, *others = world.add_scenes(8)
    hanging = world.stash.fail(Fault.hang(), when=lambda request: f"s{poisoned}:" in request.first("query"))
    titles = {scene_id: f"title {scene_id}" for scene_id in others}
    with world.no_worker():
        world.edit_at_once({**titles, poisoned: "poison"})
    for deaths in range(1, 4):
        world.fire_hook(others[0])
        world.wait_until(lambda at=deaths: hanging.hits >= at or world.has_titles(titles), "the titles or a death")  # type: ignore[misc]
        if world.has_titles(titles):
            break
        world.kill_worker()
    assert world.has_titles(titles)
    world.stash.heal()
    world.wait_for_titles({poisoned: "poison"})


@pytest.mark.parametrize("fault", [Fault.answer(500), REFUSAL])
def test_a_tag_whose_scenes_stash_cannot_list_holds_up_nothing(world: PluginWorld, fault: Fault) -> None:
    tag, other = (world.stash.add_entity("tag", name) for name in ("bad", "good"))
    bad, good, last = world.add_scenes(3)
    world.stash.update_scene(good, tag_ids=[str(other)])
    world.wait_until(lambda: world.item(good).genres == ("good",), "the tag")
    world.wait_idle()
    world.stash.library.scene(bad).tag_ids = [tag]  # PlexSync is not told
    about_the_tag = re.compile(rf'"value": \[[^]]*"{tag}"[^]]*\], "modifier": "INCLUDES"')  # perhaps with the other
    world.stash.fail(fault, when=lambda request: bool(about_the_tag.search(request.first("variables"))))
    world.stash.update("tag", tag, name="bad still")
    world.stash.update("tag", other, name="better")
    world.wait_until(lambda: world.item(good).genres == ("better",), "the other tag")
    world.wait_until(lambda: f"tag {tag} changed, but Stash fails to name its scenes" in world.log_text(), "a message")
    world.stash.update_scene(last, title="edited")
    world.wait_for_titles({last: "edited"})
    world.stash.update("tag", tag, name="bad still")  # replaces the event that is put off
    world.stash.heal()
    world.wait_until(lambda: world.item(bad).genres == ("bad still",), "the tag that failed")
    world.wait_idle()
    world.wait_until_worker_left()
