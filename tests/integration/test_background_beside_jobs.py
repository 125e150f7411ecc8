"""Work in the background takes turns with bulk jobs. What asks only Stash goes on while Plex answers their writes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from reconciliation.reconciler import Reconciler
from store.job import Reason, new_job
from tests.support.world_here import WorldHere
from worker import catch_up
from worker.catch_up import CatchUp
from worker.drain import QueueDrain
from worker.intake import FanOut
from worker.missing import MissingScenes

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENES, CHANGED, DEPTH = 24, 6, 3


@pytest.fixture
def world() -> Iterator[WorldHere]:
    with closing(WorldHere(depth=DEPTH)) as made:
        yield made


@pytest.fixture
def story(world: WorldHere, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What the worker did, with how many jobs were under way as it began."""
    told: list[tuple[str, int]] = []

    def tell(kind: type, method: str, name: str) -> None:
        original = getattr(kind, method)

        def told_first(*given: Any, **named: Any) -> Any:
            assert world.worker is not None
            told.append((name, len(world.worker._drain._overlap)))
            return original(*given, **named)

        monkeypatch.setattr(kind, method, told_first)

    tell(QueueDrain, "_begin", "job")
    for kind in (CatchUp, FanOut, MissingScenes, Reconciler):
        tell(kind, "step", kind.__name__)
    return told


def queue(world: WorldHere) -> None:
    """Queue scenes with their items as bulk jobs."""
    world.hooks.is_off = True
    scenes = []
    for number in range(1, SCENES + 1):
        file = (f"/media/{number}.mp4", 1000 + number)
        scenes.append(world.stash.add_scene(*file, title=f"Title {number}"))
        world.plex.add_item(world.sections[0], files=[file])
    world.hooks.is_off = False
    assert world.parts is not None
    world.parts.queue.add_all(new_job(scene, Reason.SYNC, world.clock.now()) for scene in scenes)


def test_catch_up_takes_turns_with_as_many_jobs_as_are_under_way(
    world: WorldHere, story: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "PAGE", SCENES // CHANGED)
    queue(world)
    world.run(60, until=lambda: len(story) > SCENES)
    assert [each for each in story if each[0] == "CatchUp"][1:CHANGED] == [("CatchUp", DEPTH)] * (CHANGED - 1)
    names = "".join("c" if name == "CatchUp" else "j" for name, _ in story if name in {"CatchUp", "job"})
    assert "cjjjcjjjcjjjc" in names
    world.finish()


def test_scenes_of_a_renamed_tag_are_queued_while_writes_are_in_flight(
    world: WorldHere, story: list[tuple[str, int]]
) -> None:
    queue(world)
    tag = world.stash.add_entity("tag", "before")
    world.hooks.is_off = True
    world.stash.bulk_update(list(range(1, SCENES + 1)), tag_ids={"ids": [str(tag)], "mode": "ADD"})
    world.hooks.is_off = False
    world.run(60, until=lambda: ("job", DEPTH) in story)
    world.stash.update("tag", tag, name="after")
    world.finish()
    assert ("FanOut", DEPTH) in story
    assert {item.genres for item in world.plex.items(world.sections[0])} == {("after",)}


def test_what_asks_plex_waits_until_the_jobs_under_way_are_settled(
    world: WorldHere, story: list[tuple[str, int]]
) -> None:
    queue(world)
    world.run(60, until=lambda: ("job", DEPTH) in story)
    world.reconcile(is_preview=False)
    world.finish()
    under_way = {count for name, count in story if name in {"MissingScenes", "Reconciler"}}
    assert under_way == {0}
    assert "Reconciler" in dict(story)
