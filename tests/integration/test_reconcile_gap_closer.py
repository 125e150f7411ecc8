"""What closing gaps does to the queue, the ledger and the index."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.find import Finder
from plex.index import Index
from push.pusher import Pusher
from push.writes import Clients
from reconciliation.compare import Finding
from reconciliation.gap_closer import GapCloser
from reconciliation.gaps import Gap, GapType
from reconciliation.state import GapCounts
from stash.settings import parse_settings
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.judgement import Judgement
from store.ledger import Ledger
from store.queue import JobQueue
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = logging.getLogger("test")
NOW = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What a GapCloser works with. There is no Plex: it is never asked."""

    pusher: Pusher
    queue: JobQueue
    ledger: Ledger

    def gap_closer(self, **settings: Any) -> GapCloser:
        self.pusher.settings = replace(self.pusher.settings, **settings)
        return GapCloser(
            pusher=self.pusher, queue=self.queue, ledger=self.ledger, clock=Clock()
        )

    def finding(self, scene_id: int, kind: GapType | None) -> Finding:
        target = self.pusher.target(a_scene(scene_id, (f"/media/{scene_id}.mp4", 1)))
        return Finding(target=target, gap=Gap(scene_id=scene_id, type=kind) if kind else None)

    def mark_pushed(self, scene_id: int) -> None:
        scene = a_scene(scene_id, (f"/media/{scene_id}.mp4", 1))
        self.ledger.store_judgement(scene, Judgement.PUSHED, fingerprint="f", files="x", now=NOW)

    def verdict(self, scene_id: int) -> str:
        record = self.ledger.record(scene_id, "here")
        return record.judgement.value if record and record.judgement else ""


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    plex = PlexClient(PlexConnection(url="http://127.0.0.1:1", token="t", connect_timeout_s=1, read_timeout_s=1))
    ledger, index = Ledger(str(tmp_path)), Index(str(tmp_path), "x")
    queue = JobQueue(str(tmp_path / "queue"), clock=Clock())
    settings, _ = parse_settings({"plex_url": "http://127.0.0.1:1", "plex_token": "t"}, {})
    finder = Finder(plex, index, clock=Clock(), log=LOG)
    yield Stores(
        pusher=Pusher(
            clients=Clients(here=plex, beside=plex), finder=finder, ledger=ledger, server="here", settings=settings,
            clock=Clock(), log=LOG
        ),
        queue=queue,
        ledger=ledger,
    )
    queue.close()
    index.close()
    ledger.close()


def a_job(scene_id: int, reason: Reason, **values: Any) -> Job:
    return replace(Job(scene_id=scene_id, reason=reason, first_event_at=NOW, last_event_at=NOW), **values)


def test_differences_are_queued_and_missing_scenes_are_recorded(stores: Stores) -> None:
    findings = [
        stores.finding(1, GapType.EMPTY), stores.finding(2, GapType.STALE), stores.finding(3, GapType.MISSING),
        stores.finding(4, None),
    ]  # fmt: skip
    assert stores.gap_closer().close(findings) == GapCounts(empty=1, stale=1)
    assert [(job.scene_id, job.reason) for job in stores.queue.jobs()] == [(1, Reason.RECONCILE), (2, Reason.RECONCILE)]
    assert stores.verdict(3) == "missing"
    assert stores.pusher.finder.index.awaits_any()


def test_job_that_is_queued_already_reads_the_item(stores: Stores) -> None:
    stores.mark_pushed(1)
    stores.queue.add(a_job(1, Reason.HOOK))
    stores.gap_closer().close([stores.finding(1, GapType.STALE)])
    record = stores.ledger.record(1, "here")
    assert record
    assert record.fingerprint == ""
    assert [job.reason for job in stores.queue.jobs()] == [Reason.HOOK]


def test_job_keeps_its_back_off_unless_it_waits_for_a_file_in_plex(stores: Stores) -> None:
    stores.queue.add(a_job(1, Reason.SYNC, attempts=3, not_before=NOW * 2))
    stores.queue.add(a_job(2, Reason.HOOK, missing_since=NOW, not_before=NOW * 2))
    findings = [stores.finding(1, GapType.STALE), stores.finding(2, GapType.STALE)]
    assert stores.gap_closer().close(findings) == GapCounts(stale=2)
    waiting = {job.scene_id: (job.not_before, job.attempts) for job in stores.queue.jobs()}
    assert waiting == {1: (NOW * 2, 3), 2: (0, 0)}


def test_missing_scene_does_not_change_a_queued_job_or_a_dead_letter(stores: Stores) -> None:
    stores.queue.add(a_job(1, Reason.HOOK))
    dead = replace(a_job(2, Reason.HOOK), error_class="NotInPlex")
    DeadLetters(stores.ledger).bury(dead, None, now=NOW)
    stores.gap_closer().close([stores.finding(1, GapType.MISSING), stores.finding(2, GapType.MISSING)])
    assert (stores.verdict(1), stores.verdict(2)) == ("", "dead")


def test_missing_scenes_are_queued_only_if_plex_may_be_asked_to_scan(stores: Stores) -> None:
    missing = [stores.finding(1, GapType.MISSING)]
    assert stores.gap_closer(scan_plex=True, ignore_missing=True).close(missing) == GapCounts()
    assert stores.gap_closer(scan_plex=True, ignore_missing=False).close(missing) == GapCounts(missing=1)
    assert [job.scene_id for job in stores.queue.jobs()] == [1]
