"""Covers that do not arrive, whatever the scene: everything else does, no scene is blamed, and they follow later."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.outage_world import OutageWorld
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.faults import Request

    End = Callable[[], None]

SCENES = 12
TIME_SCALE = 30.0
SLACK_S = 15.0  # for a busy machine
SAID = "covers do not arrive in Plex"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutageWorld]:
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with OutageWorld(tmp_path_factory.mktemp("covers"), time_scale=TIME_SCALE) as world:
        yield world


@pytest.fixture
def world(shared: OutageWorld) -> Iterator[OutageWorld]:
    yield shared
    shared.plex.heal()
    shared.stash.heal()
    shared.wait_idle()


def cover(number: int) -> bytes:
    return b"\xff\xd8\xff" + f"cover {number} ".encode() * 20


def uploads_fail(fault: Fault, world: OutageWorld, only: int | None = None) -> End:
    def hits(request: Request) -> bool:
        return request.method == "POST" and (only is None or world.keys[only] in request.rating_keys)

    rule = world.plex.fault(fault, when=hits)
    return lambda: world.plex.heal(rule)


def stash_sends_none(fault: Fault, world: OutageWorld, only: int | None = None) -> End:
    end = "/screenshot" if only is None else f"/scene/{only}/screenshot"
    rule = world.stash.fail(fault, when=lambda request: request.path.endswith(end))
    return lambda: world.stash.heal(rule)


def begin(world: OutageWorld, trouble: Callable[..., End], fault: Fault) -> tuple[list[int], End]:
    """Edit scenes whose covers do not arrive; wait until their titles have and the covers wait."""
    scenes = [world.add_scene(cover=cover(number)) for number in range(SCENES)]
    end = trouble(fault, world)
    titles = {scene_id: f"title {scene_id}" for scene_id in scenes}
    world.edit_at_once(titles)
    world.wait_for_titles(titles)
    world.wait_until(lambda: set(world.attempts()) >= set(scenes) and are_waiting(world), "the covers to wait")
    return scenes, end


def are_waiting(world: OutageWorld) -> bool:
    return all(job["awaits_covers"] and not job["attempts"] for job in world.jobs())


def arrived(world: OutageWorld, scenes: list[int]) -> list[int]:
    return [scene_id for scene_id in scenes if world.item(scene_id).posters]


OTHERS = (
    (uploads_fail, Fault.answer(500), ""),
    (uploads_fail, Fault.answer(403), ""),
    (stash_sends_none, Fault.answer(500), ""),
    (stash_sends_none, Fault.dropped(), "killed"),
)


@pytest.mark.parametrize(
    ("trouble", "fault", "interruption"),
    [
        (uploads_fail, Fault.answer(500), "killed"),
        (stash_sends_none, Fault.dropped(), ""),
        *(OTHERS if os.environ.get("PLEXSYNC_TEST_LONG") else ()),
    ],
)
def test_covers_that_fail_for_all_scenes_wait_and_are_charged_to_none(
    world: OutageWorld, trouble: Callable[..., End], fault: Fault, interruption: str
) -> None:
    said = world.log_text().count(SAID)
    scenes, end = begin(world, trouble, fault)
    if interruption:
        world.new_worker()
    time.sleep(world.scaled(90))  # more than a trial later
    world.wait_until(lambda: are_waiting(world), "the end of a trial that may be under way")
    assert not world.dead_letters()
    assert not world.stopped_by()
    assert "only covers wait" in run_task(world, "queue_status").said
    later = world.add_scene()
    world.stash.update_scene(later, title="no cover")
    world.wait_for_titles({later: "no cover"})
    healed_at = time.time()
    end()
    world.wait_until(lambda: bool(arrived(world, scenes)), "the first cover")
    assert time.time() - healed_at < world.scaled(60) + SLACK_S
    world.wait_idle()
    assert arrived(world, scenes) == scenes
    assert time.time() - healed_at < world.scaled(60) + SLACK_S + 2
    assert not world.dead_letters()
    assert world.log_text().count(SAID) == said + 1


@pytest.mark.parametrize("trouble", [uploads_fail, stash_sends_none])
def test_the_cover_of_one_scene_alone_becomes_a_dead_letter(world: OutageWorld, trouble: Callable[..., End]) -> None:
    scenes = [world.add_scene(cover=cover(number)) for number in range(3)]
    trouble(Fault.answer(500), world, scenes[1])
    world.edit_at_once(dict.fromkeys(scenes, "title"))
    world.wait_idle()
    assert [scene_id for scene_id, _, _ in world.dead_letters()] == [scenes[1]]
    assert arrived(world, scenes) == [scenes[0], scenes[2]]
    world.stash.operation(mode="clear_dlq")
