"""The scenes of a changed entity are queued page by page, each once."""

from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from local import inbox
from local.clock import Clock
from stash.scene import Named, Performer
from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.scenes import a_scene
from worker.intake import ENTITY_PAGE, FanOut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.stash_link import StashLink

TAG = 7
ANN, NAMESAKES = 8, (9, 12)


class PagedStash:
    """A link to a Stash that lists the scenes of one tag, or of a performer and its namesakes."""

    def __init__(self) -> None:
        self.scene_ids: list[int] = []
        self.pages: list[int] = []  # the id after which each begins
        self.asked_for_namesakes = 0

    def client(self) -> PagedStash:
        return self

    def namesakes_of(self, performer_id: int) -> tuple[int, ...]:
        assert performer_id == ANN
        self.asked_for_namesakes += 1
        return NAMESAKES

    def scene_ids_of(self, kind: str, *ids: int, after: int, limit: int) -> list[int]:
        assert (kind, ids) in (("tag", (TAG,)), ("performer", (ANN, *NAMESAKES)))
        self.pages.append(after)
        return [scene_id for scene_id in self.scene_ids if scene_id > after][:limit]


@pytest.fixture
def stash() -> PagedStash:
    return PagedStash()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path))) as opened:
        yield opened


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[JobQueue]:
    with closing(JobQueue(str(tmp_path / "queue"), clock=Clock())) as opened:
        yield opened


@pytest.fixture
def fan_out(ledger: Ledger, queue: JobQueue, stash: PagedStash) -> FanOut:
    return FanOut(
        queue=queue, ledger=ledger, stash=cast("StashLink", stash), clock=Clock(), log=logging.getLogger(__name__)
    )


def an_event(tmp_path: Path, kind: str = "tag", key: int = TAG) -> inbox.Entry:
    path = tmp_path / f"claimed-{kind}"
    path.touch()
    return inbox.Entry(kind=kind, key=str(key), path=str(path), at=1.0)


def settle(ledger: Ledger, scene_id: int) -> None:
    scene = a_scene(scene_id, tags=(Named(id=TAG, name="T"),))
    ledger.store_judgement(scene, Judgement.PUSHED, fingerprint="f", now=1.0)


def test_each_step_queues_one_page_and_the_entry_stays_until_the_last(
    tmp_path: Path, fan_out: FanOut, queue: JobQueue, stash: PagedStash
) -> None:
    stash.scene_ids = list(range(1, 2 * ENTITY_PAGE + 2))
    event, sizes = an_event(tmp_path), []
    while not fan_out.queue_page(event):
        sizes.append(len(queue))
        assert Path(event.path).exists()
    assert sizes == [0, ENTITY_PAGE, 2 * ENTITY_PAGE]
    assert len(queue) == 2 * ENTITY_PAGE + 1
    assert not Path(event.path).exists()


def test_a_scene_known_to_ledger_and_stash_is_queued_once_and_one_known_to_either_is_found(
    tmp_path: Path, fan_out: FanOut, queue: JobQueue, ledger: Ledger, stash: PagedStash
) -> None:
    for scene_id in (1, 2):
        settle(ledger, scene_id)
    stash.scene_ids = [2, 3]
    event = an_event(tmp_path)
    assert not fan_out.queue_page(event)
    generation = queue.generation(2)
    assert fan_out.queue_page(event)
    assert {job.scene_id for job in queue.jobs()} == {1, 2, 3}
    assert queue.generation(2) == generation


def test_a_later_event_of_the_same_entity_starts_over(
    tmp_path: Path, fan_out: FanOut, stash: PagedStash
) -> None:
    stash.scene_ids = list(range(1, ENTITY_PAGE + 2))
    first = an_event(tmp_path)
    fan_out.queue_page(first)
    fan_out.queue_page(first)
    again = inbox.Entry(kind=first.kind, key=first.key, path=first.path, at=2.0)
    while not fan_out.queue_page(again):
        pass
    assert stash.pages == [0, 0, ENTITY_PAGE]


def test_the_scenes_of_performers_of_the_same_name_are_queued_too(
    tmp_path: Path, fan_out: FanOut, queue: JobQueue, stash: PagedStash
) -> None:
    stash.scene_ids = list(range(1, ENTITY_PAGE + 2))
    event = an_event(tmp_path, "performer", ANN)
    while not fan_out.queue_page(event):
        pass
    assert len(queue) == ENTITY_PAGE + 1
    assert stash.asked_for_namesakes == 1


def test_the_scenes_of_a_performer_are_found_by_a_former_namesake(
    tmp_path: Path, fan_out: FanOut, queue: JobQueue, ledger: Ledger
) -> None:
    """It may be destroyed or have another name by now, so Stash cannot tell."""
    ann_cz = Performer(id=20, name="Ann", image_path="", disambiguation="CZ", namesakes=(ANN,))
    ledger.store_judgement(a_scene(3, performers=(ann_cz,)), Judgement.PUSHED, fingerprint="f", now=1.0)
    fan_out.queue_page(an_event(tmp_path, "performer", ANN))
    assert [job.scene_id for job in queue.jobs()] == [3]


def test_all_pages_of_the_ledger_are_read(
    tmp_path: Path, fan_out: FanOut, queue: JobQueue, ledger: Ledger
) -> None:
    for scene_id in range(1, ENTITY_PAGE + 3):
        settle(ledger, scene_id)
    event = an_event(tmp_path)
    while not fan_out.queue_page(event):
        pass
    assert len(queue) == ENTITY_PAGE + 2
