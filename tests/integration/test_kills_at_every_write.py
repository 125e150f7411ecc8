"""The worker, in this process, is killed at any of its writes: in the end Plex shows what Stash says."""

from __future__ import annotations

import os
import random
from contextlib import closing

from tests.support.kill_campaign import kill_at_random, undo_after_each_kill
from tests.support.world_here import WorldHere

UNDONE, AT_RANDOM = (500, 2000) if os.environ.get("PLEXSYNC_TEST_LONG") else (40, 40)


def test_an_edit_can_be_undone_after_a_kill_at_each_of_its_writes() -> None:
    with closing(WorldHere(depth=3)) as world:
        undo_after_each_kill(world, random.Random(1), kills=UNDONE, step=1)
        assert dead_letters(world) == []


def test_edits_undos_deletions_and_merges_survive_any_kills() -> None:
    with closing(WorldHere(depth=3)) as world:
        kill_at_random(world, random.Random(2), kills=AT_RANDOM, scenes=12, at_once=20)
        assert dead_letters(world) == []


def dead_letters(world: WorldHere) -> list[object]:
    return world.ask("SELECT * FROM dead_letter")
