"""The judgement of ignored scenes in the ledger, and who counts them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from status.scenes_reader import ScenesReader
from store.dead_letters import DeadLetters
from store.ignored import IgnoredScenes
from store.job import Reason, new_job
from store.judgement import Judgement
from store.ledger import Ledger
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUSHED, MISSING, DEAD = 1, 2, 3


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path))) as ledger:
        ledger.store_judgement(a_scene(PUSHED), Judgement.PUSHED, now=1.0)
        ledger.store_judgement(a_scene(MISSING), Judgement.MISSING, now=2.0)
        DeadLetters(ledger).bury(new_job(DEAD, Reason.HOOK, 3.0), None, now=3.0)
        yield ledger


def verdicts(ledger: Ledger) -> list[str | None]:
    return [judged and judged.value for judged in map(ledger.judgement_of, (PUSHED, MISSING, DEAD))]


def test_only_scenes_in_need_are_ignored_and_they_become_what_they_were(ledger: Ledger) -> None:
    ignored = IgnoredScenes(ledger)
    for _ in range(2):  # a command that is repeated after a kill
        assert sorted(ignored.ignore([PUSHED, MISSING, DEAD, 99], now=9.0)) == [MISSING, DEAD]
    assert verdicts(ledger) == ["pushed", "ignored", "ignored"]
    assert ignored.without_letter([MISSING, DEAD]) == [MISSING]
    ignored.stop([PUSHED, MISSING, DEAD])
    assert verdicts(ledger) == ["pushed", "missing", "dead"]


def test_an_ignored_scene_is_in_no_count_and_in_no_list_of_dead_letters(ledger: Ledger, tmp_path: Path) -> None:
    IgnoredScenes(ledger).ignore([MISSING, DEAD], now=9.0)
    reader, letters = ScenesReader(str(tmp_path)), DeadLetters(ledger)
    assert reader.counts(9.0).dead_letters == {}
    assert (letters.all(), letters.newer_than(0)[0], letters.job_of(DEAD)) == ([], [], None)
    assert sorted(reader.ids_of_group("ignored", "", 9.0)) == [MISSING, DEAD]
    assert (reader.dead_among([DEAD]), reader.missing_among([MISSING])) == ([], [])


def test_a_job_that_waits_takes_back_that_its_scene_is_missing_and_nothing_else(ledger: Ledger) -> None:
    """So a changed tag does not end the ignoring if Stash fails on the scene: a push ends it once it has begun."""
    IgnoredScenes(ledger).ignore([DEAD], now=9.0)
    for scene_id in (PUSHED, MISSING, DEAD):
        ledger.withdraw_judgement(scene_id)
    assert verdicts(ledger) == ["pushed", None, "ignored"]


def test_the_next_judgement_ends_it(ledger: Ledger) -> None:
    IgnoredScenes(ledger).ignore([DEAD], now=9.0)
    DeadLetters(ledger).bury(new_job(DEAD, Reason.HOOK, 10.0), None, now=10.0)
    assert verdicts(ledger)[2] == "dead"
