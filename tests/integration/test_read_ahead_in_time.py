"""Items are read ahead for a batch of jobs. What changes them meanwhile is not overlooked."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from store.job import Reason, new_job
from tests.support.world_here import WorldHere
from undo.undoing import BATCH, COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES, DEPTH = BATCH + 10, 3


@pytest.fixture
def world() -> Iterator[WorldHere]:
    with closing(WorldHere(depth=DEPTH)) as made:
        yield made


@pytest.fixture
def scenes(world: WorldHere) -> list[int]:
    """Scenes that are in Plex."""
    world.hooks.is_off = True
    files = [(f"/media/{number}.mp4", 1000 + number) for number in range(SCENES)]
    for file in files:
        world.plex.add_item(world.sections[0], files=[file], summary="of Plex")
    added = [world.stash.add_scene(*file, title="before", details="of Stash") for file in files]
    queue(world, added)
    world.finish()
    return added


def queue(world: WorldHere, scenes: list[int]) -> None:
    assert world.parts is not None
    world.parts.queue.add_all(new_job(scene, Reason.SYNC, world.clock.now()) for scene in scenes)


def shown(world: WorldHere) -> list[tuple[str, str]]:
    return [(item.title, item.summary) for item in world.plex.items(world.sections[0])]


def begin_batch(world: WorldHere, scenes: list[int]) -> None:
    """Change all scenes, and push the first ones."""
    assert shown(world) == [("before", "of Stash")] * SCENES
    world.stash.bulk_update(scenes, title="after")
    queue(world, scenes)
    assert world.run(60, until=lambda: ("after", "of Stash") in shown(world))


def test_jobs_that_were_read_before_an_undo_push_what_it_gave_back(world: WorldHere, scenes: list[int]) -> None:
    begin_batch(world, scenes)
    world.command(COMMAND, {"preview": False})
    assert world.run(60, until=lambda: "of Plex" in dict(shown(world)).values())
    world.configure()  # without Pause, which the undo has switched on
    world.finish()
    assert shown(world) == [("after", "of Stash")] * SCENES


def test_jobs_that_were_read_long_ago_are_read_again(world: WorldHere, scenes: list[int]) -> None:
    """As after a wait that began between two jobs."""
    begin_batch(world, scenes)
    pending = [item.rating_key for item in world.plex.items(world.sections[0]) if item.title == "before"]
    assert len(pending) > SCENES // 2
    for key in pending:
        world.plex.edit_by_hand(key, summary="of a backup")
    world.clock.sleep(60)
    world.finish()
    late = {key: (world.plex.item(key).title, world.plex.item(key).summary) for key in pending}
    under_way = [key for key, seen in late.items() if seen == ("after", "of a backup")]
    assert len(under_way) <= DEPTH
    assert late == {key: ("after", "of a backup" if key in under_way else "of Stash") for key in pending}
