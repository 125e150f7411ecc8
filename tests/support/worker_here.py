"""A worker's loop in this process, with a clock that a test may set, between a simulated Plex and scenes in memory.

Time passes only while the worker sleeps, and at once, so an hour of waiting takes a moment.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from local import inbox
from local.path_marks import without_marks
from news.collect import WarningCollector
from news.speaker import Speaker
from outages.resilience import Resilience
from push.plex_link import PlexLink
from sim.plex.simulator import PlexSim
from stash.changes import Changed, Newest
from stash.errors import PluginDisabled, StashLacks, StashRefused, StashUnavailable
from stash.settings import parse_settings
from store.job import Reason, new_job
from store.ledger import Ledger
from store.queue import JobQueue
from store.worker_file import WorkerFile
from tests.support.clocks import VirtualClock
from tests.support.scenes import SceneShelf, a_scene
from tests.support.stash_lists import page_of
from worker.intake import Intake
from worker.loop import SyncWorker
from worker.parts import LeaveReason, Parts
from worker.serve import make_catch_up, make_missing_scenes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from outages.notices import Notice
    from plex.model import Section
    from stash.changes import Change, Position
    from stash.scene import Scene
    from stash.settings import Settings

TOKEN = "right"
MOST_ROUNDS_IN_A_ROW = 500
LOG = logging.getLogger("worker here")


class StashHere(SceneShelf):
    """A link to Stash, and its client.

    `is_away`: every question fails. `lacks`: what it lacks for questions about scenes. `refusals`: so many listings of
    a tag fail. `is_enabled`: the plugin is.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__([])
        self.is_away = False
        self.lacks = ""
        self.refusals = 0
        self.is_known = True
        self.is_enabled, self.is_plugin_disabled = True, False
        self.in_effect = settings
        self.settings: Settings | None = None
        self.settings_problems: tuple[str, ...] | None = None
        self.newest: Newest | None = None
        self.looks: list[float] = []  # when it was asked what changed last
        self.changes: dict[Changed, list[Change]] = {}
        self.on_look: Callable[[], object] = lambda: None
        self.listings = 0  # how often changes were listed
        self.said: list[Notice] = []  # in Stash's log
        self.said_calls = 0
        self.refuses_to_say = False

    def say(self, notices: Sequence[Notice]) -> None:
        self.said_calls += 1
        self._answer()
        if self.refuses_to_say:
            raise StashRefused("the plugin is disabled")
        self.said += [replace(each, text=without_marks(each.text)) for each in notices]

    def client(self) -> StashHere:
        return self

    def close(self) -> None:
        pass

    def offer(self, content: bytes) -> bool:
        assert content is not None
        return False

    def fetch_configuration(self) -> None:
        self._answer()

    def read_settings(
        self, *, newest_at: float | None = None, before_change: Callable[[], object] = lambda: None
    ) -> Settings:
        self._answer()
        if newest_at is not None:
            self.looks.append(newest_at)
            self.on_look()
            self.newest = Newest(asked_at=newest_at, rows=self._newest_rows())
        self.is_plugin_disabled = not self.is_enabled
        if self.is_plugin_disabled:
            raise PluginDisabled
        if self.in_effect != self.settings:
            before_change()
        self.settings, self.settings_problems = self.in_effect, self.settings_problems or ()
        return self.settings

    def last_settings(self) -> Settings:
        return self.settings or self.read_settings()

    def read_scenes(self, ids: Any, _namesakes: Any = None) -> dict[int, Scene]:
        self._answer()
        if self.lacks:
            raise StashLacks(self.lacks)
        return super().read_scenes(ids)

    def list_changes(self, positions: Mapping[Changed, Position]) -> dict[Changed, list[Change]]:
        self._answer()
        self.listings += 1
        return page_of(self.changes, positions)

    def _newest_rows(self) -> dict[Changed, tuple[int, str]]:
        newest = {kind: max(rows, key=lambda row: row.updated_at) for kind, rows in self.changes.items() if rows}
        return {kind: (row.id, row.updated_at) for kind, row in newest.items()}

    def scene_ids_of_files(self, files: Sequence[Change]) -> dict[int, list[int]]:
        self._answer()
        return {file.id: [file.id] for file in files}

    def namesakes_of(self, _performer_id: int) -> tuple[int, ...]:
        self._answer()
        return ()

    def scene_ids_of(self, *_entity: object, after: int, limit: int) -> list[int]:
        assert limit
        self._answer()
        if self.refusals:
            self.refusals -= 1
            raise StashRefused("no")
        return sorted(self.scenes) if after == 0 else []

    def _answer(self) -> None:
        if self.is_away:
            raise StashUnavailable("away")


class WorkerHere:
    """`plex_is_ahead_s`: how far Plex's clock is ahead of the worker's. `linger_s`: see IdleWatch."""

    def __init__(
        self, folder: Path, open_parts: ExitStack, *, plex_is_ahead_s: float, linger_s: float, **settings: object
    ) -> None:
        self.directory = str(folder)
        self.clock = VirtualClock()
        self.plex = open_parts.enter_context(
            PlexSim(token=TOKEN, clock=lambda: self.clock.now() + self.plex_is_ahead_s)
        )
        self.plex_is_ahead_s = plex_is_ahead_s
        self._linger_s = linger_s
        self.section = self.plex.add_section("Movies", locations=["/media"])
        parsed, _ = parse_settings({"plex_url": self.plex.url, "plex_token": TOKEN, "read_timeout": 1, **settings}, {})
        self.stash = StashHere(parsed)
        self.keys: dict[int, int] = {}  # rating keys by scene
        self.warnings = WarningCollector()
        inbox.prepare(self.directory)
        self._plan: list[tuple[float, Callable[[], object]]] = []
        self._is_over: Callable[[], bool] = lambda: False
        self._rounds_in_a_row = 0
        self.clock.on_sleep.append(self._follow_plan)
        self.parts = self._open(open_parts)
        self.worker = self._make_worker()

    def _open(self, open_parts: ExitStack) -> Parts:
        clock, stash = self.clock, cast("Any", self.stash)
        ledger = Ledger(self.directory)
        queue = JobQueue(f"{self.directory}/queue", clock=clock)
        plex = PlexLink(directory=self.directory, ledger=ledger, clock=clock, log=LOG)
        for each in (ledger, queue, plex):
            open_parts.callback(each.close)
        intake = Intake(directory=self.directory, queue=queue, ledger=ledger, stash=stash, clock=clock, log=LOG)
        resilience = Resilience(self.directory, clock=clock, log=LOG)
        speaker = self._make_speaker(queue, ledger, resilience)
        return Parts(
            directory=self.directory, queue=queue, ledger=ledger, intake=intake, stash=stash, plex=plex,
            resilience=resilience, worker_file=WorkerFile(self.directory, started_at=clock.now()), speaker=speaker,
            clock=clock, log=LOG,
        )  # fmt: skip

    def _make_speaker(self, queue: JobQueue, ledger: Ledger, resilience: Resilience) -> Speaker:
        return Speaker(
            directory=self.directory, queue=queue, ledger=ledger, resilience=resilience, stash=self.stash,
            warnings=self.warnings, clock=self.clock, log=LOG,
        )  # fmt: skip

    def forget(self) -> None:
        """Go on as a new worker with the same files: what the loop and the speaker had in memory is gone."""
        parts = self.parts
        speaker = self._make_speaker(parts.queue, parts.ledger, parts.resilience)
        self.parts = replace(parts, speaker=speaker)
        self.worker = self._make_worker()

    def _make_worker(self) -> SyncWorker:
        return SyncWorker(
            self.parts,
            linger_s=self._linger_s,
            plugin_change=self._after_round,
            background=(make_catch_up(self.parts), make_missing_scenes(self.parts)),
        )

    def plex_sections(self) -> tuple[Section, ...]:
        """The libraries as Plex has them now."""
        return self.parts.plex.pusher(self.stash.last_settings()).plex.all_sections()

    # Contents

    def add_scene(self, *, is_in_plex: bool = True) -> int:
        """Add a scene, and its item unless Plex lacks it; returns the scene's id."""
        scene_id = len(self.stash.scenes) + 1
        self.stash.scenes[scene_id] = a_scene(scene_id, (f"/media/{scene_id}.mp4", 1000 + scene_id))
        if is_in_plex:
            self.add_item(scene_id)
        return scene_id

    def add_item(self, scene_id: int) -> None:
        """Have Plex find the scene's file now."""
        files = [(file.path, file.size) for file in self.stash.scenes[scene_id].files]
        self.keys[scene_id] = self.plex.add_item(self.section, files=files)

    def edit(self, scene_id: int, title: str, reason: Reason = Reason.HOOK, *, by_tag: bool = False) -> None:
        """Give the scene this title, with an event of its own or of a tag that every scene has."""
        self.stash.scenes[scene_id] = replace(self.stash.scenes[scene_id], title=title)
        if by_tag:
            inbox.publish(self.directory, "tag-1", b"{}")
        else:
            self.parts.queue.add(new_job(scene_id, reason, self.clock.now()))

    def title(self, scene_id: int) -> str:
        """The title that Plex shows; "" if it lacks the scene."""
        return self.plex.item(self.keys[scene_id]).title if scene_id in self.keys else ""

    def jump(self, seconds: float, *, with_plex: bool = True) -> None:
        """Set the system's clock. `with_plex`: Plex runs on the same machine."""
        self.clock.jump(seconds)
        self.plex_is_ahead_s -= 0 if with_plex else seconds

    # Running

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Plan to call this when the worker has slept for so many seconds from now on."""
        self._plan.append((self.clock.monotonic() + seconds, do))

    def run(self, seconds: float) -> None:
        """Let the worker work and sleep for so long."""
        ends_at = self.clock.monotonic() + seconds
        self._run(lambda: self.clock.monotonic() >= ends_at)

    def run_until(self, condition: Callable[[], bool], *, within_s: float) -> float:
        """Let the worker run until then; returns after how many seconds that was. Fails if it takes longer."""
        began_at = self.clock.monotonic()
        self._run(lambda: condition() or self.clock.monotonic() - began_at > within_s)
        assert condition(), f"not within {within_s} s"
        return self.clock.monotonic() - began_at

    def run_until_it_leaves(self, *, within_s: float) -> LeaveReason:
        """Let the worker run until it has a reason of its own to leave; fails if that takes longer."""
        began_at = self.clock.monotonic()
        leave = self._run(lambda: self.clock.monotonic() - began_at > within_s)
        assert leave is not LeaveReason.UPDATED, f"not within {within_s} s"
        return leave

    def _run(self, is_over: Callable[[], bool]) -> LeaveReason:
        self._is_over = is_over
        return self.worker.run()

    def _after_round(self) -> LeaveReason | None:
        self._rounds_in_a_row += 1
        assert self._rounds_in_a_row < MOST_ROUNDS_IN_A_ROW, "the worker works without end and never sleeps"
        return LeaveReason.UPDATED if self._is_over() else None

    def _follow_plan(self) -> None:
        self._rounds_in_a_row = 0
        now = self.clock.monotonic()
        due = [do for at, do in self._plan if at <= now]
        self._plan = [(at, do) for at, do in self._plan if at > now]
        for do in due:
            do()


@contextmanager
def worker_here(
    folder: Path, *, plex_is_ahead_s: float = 0.0, linger_s: float = 1e9, **settings: object
) -> Iterator[WorkerHere]:
    """A worker in this process; closed at the end. It neither rests nor leaves because it is idle, unless told to."""
    with ExitStack() as open_parts:
        yield WorkerHere(folder, open_parts, plex_is_ahead_s=plex_is_ahead_s, linger_s=linger_s, **settings)
