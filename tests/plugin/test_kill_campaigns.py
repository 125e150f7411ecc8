"""SIGKILL at every write of the real worker, thousands of times: in the end Plex shows what Stash says.

PLEXSYNC_TEST_LONG: 500 kills with an undo after each, and 2,000 at random moments; a few of either otherwise.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.support.history import NAMES, POOLS, History
from tests.support.kill_world import KillWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))
UNDONE, AT_RANDOM = (500, 2000) if IS_LONG else (4, 6)
SCENES = 12
KILLS_PER_REST = 20
# A worker passes about 30 kill points before it looks at its first job, and 20 in each push.
MOST_POINTS = 120


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KillWorld]:
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with KillWorld(tmp_path) as made:
        yield made


def some_changes(chance: random.Random) -> dict[str, int]:
    return {name: chance.randrange(4) for name in chance.sample(sorted(POOLS), chance.randint(1, 4))}


def filled(world: KillWorld, chance: random.Random, *, scenes: int) -> History:
    """Scenes of which every third is in both libraries, all of them in Plex."""
    history = History(world)
    for number in range(scenes):
        history.add_file(in_movies=True, in_films=number % 3 == 0)
        history.edit(number, some_changes(chance), is_told=True)
    history.rest()
    return history


def test_an_edit_can_be_undone_after_a_kill_at_each_of_its_writes(world: KillWorld) -> None:
    """Each edit is repeated, and its worker killed one kill point later each time, until the worker survives it."""
    chance = random.Random(1)
    history = filled(world, chance, scenes=3)
    points, step = 0, 1 if IS_LONG else 9
    while world.deaths < UNDONE:
        scene = chance.randrange(3)
        world.kill_after(points)
        history.edit(scene, some_changes(chance), is_told=True)
        points = points + step if world.wait_for_death() else chance.randrange(step)
        history.check_beliefs()
        history.undo(-1, is_told=True)
        world.finish()
        history.check(is_reconciled=False)


def test_edits_undos_deletions_and_merges_survive_any_kills(world: KillWorld) -> None:
    chance = random.Random(2)
    history = filled(world, chance, scenes=SCENES)
    while world.deaths < AT_RANDOM:
        for _ in range(KILLS_PER_REST if IS_LONG else AT_RANDOM):
            world.kill_after(chance.randrange(MOST_POINTS))
            for _ in range(chance.randint(1, 3)):
                something_happens(history, chance)
            world.wait_for_death()
            history.check_beliefs()
        history.rest()
    history.reconcile()


def something_happens(history: History, chance: random.Random) -> None:
    what, which = chance.random(), chance.randrange(100)
    if what < 0.6:
        history.edit(which, some_changes(chance), is_told=chance.random() < 0.9)
    elif what < 0.8:
        history.undo(which, is_told=chance.random() < 0.9)
    elif what < 0.86:
        history.delete_scene(which, is_told=chance.random() < 0.7)
    elif what < 0.92:
        history.scan_stash()
    elif what < 0.96:
        history.merge_scenes(which, chance.randrange(100))
    else:
        history.rename_entity(chance.choice(sorted(NAMES)), which, chance.randrange(6))
