"""SIGKILL at any write of the real worker: in the end Plex shows what Stash says.

tests/integration/test_kills_at_every_write.py does the same, many more times, in one process.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.support.kill_campaign import kill_at_random, undo_after_each_kill
from tests.support.kill_world import KillWorld

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KillWorld]:
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with KillWorld(tmp_path) as made:
        yield made


def test_an_edit_can_be_undone_after_a_kill_at_each_of_its_writes(world: KillWorld) -> None:
    kills, step = (100, 1) if IS_LONG else (3, 18)
    undo_after_each_kill(world, random.Random(1), kills=kills, step=step)


def test_edits_undos_deletions_and_merges_survive_any_kills(world: KillWorld) -> None:
    kills, scenes = (200, 12) if IS_LONG else (4, 6)
    kill_at_random(world, random.Random(2), kills=kills, scenes=scenes, at_once=min(kills, 6))
