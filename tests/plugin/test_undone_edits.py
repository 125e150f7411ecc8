"""An edit that is undone before Plex is known to have it: Plex ends up with what Stash says, never with the edit.

The invariant: from the moment that something is about to be sent, "Plex has it" is believed of the scene no more, until
all its items are known to show exactly what is wanted.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault, is_write

if TYPE_CHECKING:
    from sim.faults import Request
    from tests.support.plugin_world import PluginWorld

LOST = {
    "dropped": Fault.dropped(after=True),
    "500": Fault.answer(500, after=True),
    "503": Fault.answer(503, after=True),
    "truncated": Fault.truncated(),
}
COVER = b"\xff\xd8\xff" + b"cover" * 50


def is_edit(request: Request) -> bool:
    return request.method == "PUT" and "/all" in request.path


def pushed(world: PluginWorld, **scene: object) -> int:
    """A scene whose title A is in Plex, and known to be."""
    scene_id = world.add_scene(**scene)
    world.stash.update_scene(scene_id, title="A")
    world.wait_for_titles({scene_id: "A"})
    world.wait_idle()
    return scene_id


def undo(world: PluginWorld, scene: int) -> None:
    world.stash.update_scene(scene, title="A")
    world.plex.heal()
    world.wait_idle(timeout_s=60)
    assert world.item(scene).title == "A"


@pytest.mark.parametrize("fault", LOST.values(), ids=list(LOST))
def test_an_edit_whose_answer_was_lost_can_be_undone(world: PluginWorld, fault: Fault) -> None:
    scene = pushed(world)
    world.plex.fault(fault, when=is_edit)
    world.stash.update_scene(scene, title="B")
    world.wait_for_titles({scene: "B"})
    undo(world, scene)


def test_an_edit_before_an_outage_can_be_undone_in_it(world: PluginWorld) -> None:
    scene = pushed(world)
    world.plex.fault(Fault.dropped(after=True), when=is_edit)
    world.stash.update_scene(scene, title="B")
    world.wait_for_titles({scene: "B"})
    world.plex.fault(Fault.refused())
    undo(world, scene)


@pytest.mark.parametrize("seed", range(6))
def test_an_edit_can_be_undone_after_a_kill_at_any_write(world: PluginWorld, seed: int) -> None:
    chance = random.Random(seed)
    scene = pushed(world)
    slow = world.plex.fault(Fault.slow(chance.choice([0.05, 0.2]), after=chance.random() < 0.7), when=is_write)
    seen = len(world.plex.requests)
    world.stash.update_scene(scene, title="B", rating100=chance.choice([None, 40]))
    world.wait_until(lambda: any(is_write(each) for each in world.plex.requests[seen:]), "a write")
    world.kill_worker()
    world.plex.heal(slow)
    world.stash.update_scene(scene, title="A", rating100=None)
    world.wait_idle()
    assert (world.item(scene).title, world.item(scene).user_rating) == ("A", None)


def test_an_edit_whose_cover_fails_can_be_undone(world: PluginWorld) -> None:
    scene = pushed(world, cover=COVER)
    world.stash.library.scene(scene).cover = COVER + b"another"
    world.plex.fault(Fault.answer(500), method="POST")
    world.stash.update_scene(scene, title="B")
    world.wait_for_titles({scene: "B"})
    world.stash.library.scene(scene).cover = COVER
    undo(world, scene)


def test_an_edit_that_a_second_item_refuses_can_be_undone(world: PluginWorld) -> None:
    scene = world.add_scene()
    file = world.stash.library.scene(scene).files[0]
    other = world.plex.add_item(world.plex.add_section("Films", locations=["/media"]), files=[(file.path, file.size)])
    world.stash.update_scene(scene, title="A")
    world.wait_until(lambda: world.plex.item(other).title == "A", "the other item")
    world.wait_idle()
    world.plex.fault(Fault.answer(500), rating_key=other, method="PUT")
    world.stash.update_scene(scene, title="B")
    world.wait_for_titles({scene: "B"})
    undo(world, scene)
    assert world.plex.item(other).title == "A"
