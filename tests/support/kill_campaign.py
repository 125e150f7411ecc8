"""Kills of the worker at its writes, in a row, while scenes are edited, restored, deleted and merged.

In the end Plex shows what Stash says; at every moment, what PlexSync stores as "Plex has it" is true.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.support.history import NAMES, POOLS, History
from tests.support.world_of_history import World

if TYPE_CHECKING:
    import random

# A worker passes about 30 kill points before it looks at its first job, and 20 in each push.
MOST_POINTS = 120


class KillableWorld(World, Protocol):
    """`deaths`: how often the worker was killed."""

    deaths: int

    def kill_after(self, points: int) -> None:
        """Kill the worker when it has passed so many kill points from now on."""

    def wait_for_death(self) -> bool:
        """Wait until the worker is dead. False if it has no more to do before that; then it is not killed any more."""

    def finish(self) -> None:
        """Let a worker do everything that is pending."""


def filled(world: KillableWorld, chance: random.Random, *, scenes: int) -> History:
    """Scenes of which every third is in both libraries, all of them in Plex."""
    history = History(world)
    for number in range(scenes):
        history.add_file(in_movies=True, in_films=number % 3 == 0)
        history.edit(number, some_changes(chance), is_told=True)
    history.rest()
    return history


def undo_after_each_kill(world: KillableWorld, chance: random.Random, *, kills: int, step: int) -> None:
    """Each edit's worker is killed `step` kill points later than the one before, until one survives its edit."""
    history, points = filled(world, chance, scenes=3), 0
    while world.deaths < kills:
        world.kill_after(points)
        history.edit(chance.randrange(3), some_changes(chance), is_told=True)
        points = points + step if world.wait_for_death() else chance.randrange(step)
        history.check_beliefs()
        history.undo(-1, is_told=True)
        world.finish()
        history.check(is_reconciled=False)


def kill_at_random(world: KillableWorld, chance: random.Random, *, kills: int, scenes: int, at_once: int) -> None:
    """After `at_once` kills everything comes to rest, so that a fault is found near its cause."""
    history = filled(world, chance, scenes=scenes)
    while world.deaths < kills:
        for _ in range(at_once):
            world.kill_after(chance.randrange(MOST_POINTS))
            for _ in range(chance.randint(1, 3)):
                something_happens(history, chance)
            world.wait_for_death()
            history.check_beliefs()
        history.rest()
    history.reconcile()


def some_changes(chance: random.Random) -> dict[str, int]:
    return {name: chance.randrange(4) for name in chance.sample(sorted(POOLS), chance.randint(1, 4))}


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
