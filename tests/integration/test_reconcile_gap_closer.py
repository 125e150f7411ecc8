"""What becomes of gaps in queue, ledger and index."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from local.clock import Clock
from plex.client import PlexClient, PlexConnection
from plex.find import Finder
from plex.index import Index
from push.pusher import Pusher
from reconciliation.compare import Finding
from reconciliation.gap_closer import Closing
from reconciliation.gaps import Gap, GapType
from reconciliation.state import GapCounts
from stash.settings import parse_settings
from store.job import Job, Reason
from store.ledger import DEAD, Ledger
from store.queue import JobQueue
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = logging.getLogger("test")
NOW = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a Closing works with; no Plex answers, since none is asked."""

    pusher: Pusher
    queue: JobQueue
    ledger: Ledger

    def closing(self, **settings: Any) -> Closing:
        self.pusher.settings = replace(self.pusher.settings, **settings)
        return Closing(
            pusher=self.pusher, queue=self.queue, ledger=self.ledger, clock=Clock()
        )

    def finding(self, scene_id: int, kind: GapType | None) -> Finding:
        target = self.pusher.target(a_scene(scene_id, (f"/media/{scene_id}.mp4", 1)))
        return Finding(target=target, gap=Gap(scene_id=scene_id, type=kind) if kind else None)

    def settle(self, scene_id: int) -> None:
        scene = a_scene(scene_id, (f"/media/{scene_id}.mp4", 1))
        self.ledger.store_verdict(scene, verdict="pushed", fingerprint="f", files="x", now=NOW)

    def verdict(self, scene_id: int) -> str:
        record = self.ledger.record(scene_id)
        return record.verdict if record else ""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    plex = PlexClient(PlexConnection(url="http://127.0.0.1:1", token="t", connect_timeout_s=1, read_timeout_s=1))
    ledger, index, queue = Ledger(str(tmp_path)), Index(str(tmp_path), "x"), JobQueue(str(tmp_path / "queue"))
    settings, _ = parse_settings({"plex_url": "http://127.0.0.1:1", "plex_token": "t"}, {})
    finder = Finder(plex, index, clock=Clock(), log=LOG)
    yield Desk(
        pusher=Pusher(plex=plex, finder=finder, ledger=ledger, settings=settings, clock=Clock(), log=LOG),
        queue=queue,
        ledger=ledger,
    )
    queue.close()
    index.close()
    ledger.close()


def a_job(scene_id: int, reason: Reason, **values: Any) -> Job:
    return replace(Job(scene_id=scene_id, reason=reason, first_event_at=NOW, last_event_at=NOW), **values)


def test_what_differs_is_queued_and_what_is_missing_is_noted(desk: Desk) -> None:
    findings = [
        desk.finding(1, GapType.EMPTY), desk.finding(2, GapType.STALE), desk.finding(3, GapType.MISSING),
        desk.finding(4, None),
    ]  # fmt: skip
    assert desk.closing().close(findings) == GapCounts(empty=1, stale=1)
    assert [(job.scene_id, job.reason) for job in desk.queue.jobs()] == [(1, Reason.RECONCILE), (2, Reason.RECONCILE)]
    assert desk.verdict(3) == "missing"
    assert desk.pusher.finder.index.awaits_any()


def test_whatever_job_waits_looks_at_the_item(desk: Desk) -> None:
    desk.settle(1)
    desk.queue.add(a_job(1, Reason.HOOK))
    desk.closing().close([desk.finding(1, GapType.STALE)])
    record = desk.ledger.record(1)
    assert record
    assert record.fingerprint == ""
    assert [job.reason for job in desk.queue.jobs()] == [Reason.HOOK]


def test_a_job_that_waits_after_failing_keeps_its_turn_and_one_that_waits_for_plex_does_not(desk: Desk) -> None:
    desk.queue.add(a_job(1, Reason.SYNC, attempts=3, not_before=NOW * 2))
    desk.queue.add(a_job(2, Reason.HOOK, missing_since=NOW, not_before=NOW * 2))
    assert desk.closing().close([desk.finding(1, GapType.STALE), desk.finding(2, GapType.STALE)]) == GapCounts(stale=2)
    waiting = {job.scene_id: (job.not_before, job.attempts) for job in desk.queue.jobs()}
    assert waiting == {1: (NOW * 2, 3), 2: (0, 0)}


def test_a_missing_scene_leaves_a_waiting_job_and_a_dead_letter_alone(desk: Desk) -> None:
    desk.queue.add(a_job(1, Reason.HOOK))
    dead = replace(a_job(2, Reason.HOOK), error_class="NotInPlex")
    desk.ledger.bury(dead, None, now=NOW)
    desk.closing().close([desk.finding(1, GapType.MISSING), desk.finding(2, GapType.MISSING)])
    assert (desk.verdict(1), desk.verdict(2)) == ("", DEAD)


def test_only_where_plex_is_to_be_asked_for_scans_missing_scenes_are_queued(desk: Desk) -> None:
    missing = [desk.finding(1, GapType.MISSING)]
    assert desk.closing(scan_plex=True, ignore_missing=True).close(missing) == GapCounts()
    assert desk.closing(scan_plex=True, ignore_missing=False).close(missing) == GapCounts(missing=1)
    assert [job.scene_id for job in desk.queue.jobs()] == [1]
