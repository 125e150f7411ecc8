"""What thousands of events cost grows with their number, not with its square, and commands are served between."""

from __future__ import annotations

import itertools
import logging
import math
import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, cast

import pytest

from local import inbox
from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import LeftOff
from plex.find import SWEEP_MIN_SCENES, Finder
from plex.index import Index
from sim.plex.simulator import PlexSim
from store.ledger import Ledger
from store.queue import JobQueue
from worker.intake import ENTITY_PAGE, GROUP, FanOut, Intake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from store.job import Job

LOG = logging.getLogger("large numbers")
TAGS = 3 * GROUP
FEW = 20


class CountedQueue(JobQueue):
    """Counts the writes that are flushed to the disk."""

    flushes = 0

    def add(self, job: Job) -> None:
        self.flushes += job.scene_id not in self._rows
        super().add(job)

    def add_all(self, jobs: Iterable[Job]) -> None:
        self.flushes += 1
        super().add_all(jobs)


class CountedStash:
    """A link to a Stash in which each tag has one scene of its own."""

    def __init__(self) -> None:
        self.questions = 0

    def client(self) -> CountedStash:
        return self

    def offer(self, _content: bytes) -> bool:
        return True

    def scene_ids_of(self, _kind: str, *ids: int, after: int, limit: int) -> list[int]:
        self.questions += 1
        return [each for each in sorted(ids) if each > after][:limit]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[dict[str, Any]]:
    inbox.prepare(str(tmp_path))
    with ExitStack() as opened:
        ledger = Ledger(str(tmp_path))
        opened.callback(ledger.close)
        queue = CountedQueue(str(tmp_path / "queue"), clock=Clock())
        opened.callback(queue.close)
        yield {"queue": queue, "ledger": ledger, "stash": CountedStash(), "clock": Clock(), "log": LOG}


def write_entries(directory: Path, names: Iterable[str]) -> None:
    for name in names:
        (directory / "queue" / "inbox" / name).write_bytes(b"{}")


def test_the_scenes_of_thousands_of_tags_are_asked_for_together(tmp_path: Path, parts: dict[str, Any]) -> None:
    write_entries(tmp_path, (f"tag-{number}" for number in range(1, TAGS + 1)))
    intake, fan_out = Intake(directory=str(tmp_path), **parts), FanOut(**parts)
    rounds = 0
    while (claimed := intake.claim()).entities:
        fan_out.update(claimed.entities)
        assert fan_out.step(check_stash=lambda: None)
        rounds += 1
    assert len(parts["queue"]) == TAGS
    pages = TAGS // GROUP + TAGS // ENTITY_PAGE
    assert cast("CountedStash", parts["stash"]).questions <= pages
    assert rounds <= 2 * pages


def test_scenes_are_flushed_together(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.intake.CHUNK", FEW)
    write_entries(tmp_path, (f"scene-{number}" for number in range(1, 5 * FEW + 1)))
    intake = Intake(directory=str(tmp_path), **parts)
    while intake.claim().count:
        pass
    assert len(parts["queue"]) == 5 * FEW
    assert parts["queue"].flushes == 5


class SlowClock(Clock):
    """A second passes whenever the time is asked for."""

    def monotonic(self) -> float:
        return float(next(SECONDS))


SECONDS = itertools.count()


def test_a_command_waits_only_for_what_came_before_it(
    tmp_path: Path, parts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.intake.CHUNK", FEW)
    names = [f"scene-{number}" for number in range(1, 4 * FEW)]
    names.insert(2 * FEW, "command-x")
    write_entries(tmp_path, names)
    for number, name in enumerate(names):
        os.utime(tmp_path / "queue" / "inbox" / name, (1000 + number, 1000 + number))
    intake = Intake(directory=str(tmp_path), **{**parts, "clock": SlowClock()})
    seen = [(len(claimed.commands), len(parts["queue"])) for _ in range(3) for claimed in [intake.claim()]]
    assert seen == [(0, FEW), (0, 2 * FEW), (1, 3 * FEW - 1)]


def test_a_sweep_is_left_off_for_a_command_and_goes_on_later(tmp_path: Path) -> None:
    with PlexSim(token="t") as plex, ExitStack() as opened:
        section = plex.add_section("Movies", locations=["/media"])
        for number in range(2500):
            plex.add_item(section, files=[(f"/media/{number}.mp4", 1)])
        index, client = Index(str(tmp_path), "one"), PlexClient(PlexConnection(url=plex.url, token="t"))
        opened.callback(index.close)
        opened.callback(client.close)
        news = [True]
        finder = Finder(client, index, clock=Clock(), log=LOG, is_wanted_elsewhere=lambda: bool(news))
        scenes = [[(f"/media/{number}.mp4", 1)] for number in range(SWEEP_MIN_SCENES)]
        finder.prepare(scenes)
        finder.prepare(scenes)
        assert not finder.sweeper.is_complete()
        assert sum(each.path.endswith("/all") for each in plex.requests) == 2
        news.clear()
        finder.prepare(scenes)
        assert finder.sweeper.is_complete()
        assert sum(each.path.endswith("/all") and each.first("sort") == "addedAt:asc" for each in plex.requests) == 3
        assert finder.known_keys(scenes[0])


@pytest.mark.parametrize("is_swept", [False, True])
def test_a_look_up_in_a_whole_library_is_left_off_for_a_command_and_goes_on_later(
    tmp_path: Path, *, is_swept: bool
) -> None:
    """`is_swept`: all items have changed since, as after *Refresh all metadata*."""
    plex_time = [1_700_000_000.0]
    with PlexSim(token="t", clock=lambda: plex_time[0]) as plex, ExitStack() as opened:
        plex.quirks.file_filter = False
        section = plex.add_section("Movies", locations=["/media"])
        keys = [plex.add_item(section, files=[(f"/media/{number}.mp4", number)]) for number in range(2400)]
        index, client = Index(str(tmp_path), "one"), PlexClient(PlexConnection(url=plex.url, token="t"))
        opened.callback(index.close)
        opened.callback(client.close)
        news = list[bool]()
        finder = Finder(client, index, clock=Clock(), log=LOG, is_wanted_elsewhere=lambda: bool(news))
        if is_swept:
            finder.sweeper.sweep_all()
            plex_time[0] += 7200
            for key in keys:
                plex.metadata_refresh(key)
        news.append(True)
        for _ in range(2):
            with pytest.raises(LeftOff):
                finder.find([("/data/not there.mp4", 9999)], since=math.inf)
        added = plex.add_item(section, files=[("/media/new/8.mp4", 8888)])
        for _ in range(10):
            with suppress(LeftOff):
                (match,) = finder.find([("/data/new/8.mp4", 8888)], since=math.inf)
                break
        assert match.item.rating_key == added  # although its page may have been read before it was there
