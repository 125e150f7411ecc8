"""One run, in steps of a page: count Stash, sweep Plex, compare page by page, queue what can be closed.

A run that was killed or broken off is started over: what it queued is queued, what it found equal and has not changed
is not read again, and a position in two libraries that went on changing would prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plex.client import choose_sections, words_for_missing
from plex.errors import PlexSetup
from reconciliation.compare import PageComparison
from reconciliation.errors import RunRefused
from reconciliation.gaps import GapType
from reconciliation.library import choose_library
from reconciliation.schedule import changed_since
from reconciliation.state import GapCounts, Result
from reconciliation.sweep import Sweep
from stash.errors import StashRefused
from stash.listing import AllScenes, RecentScenes

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence

    from local.clock import Clock
    from plex.model import Section
    from push.pusher import Pusher
    from push.shared_items import Sharing
    from reconciliation.cache import Memory
    from reconciliation.compare import Finding
    from reconciliation.gap_closer import Closing
    from reconciliation.library import Library
    from reconciliation.state import RunRequest
    from stash.client import StashClient
    from stash.listing import Listing
    from stash.scene import Scene

PAGE = 250
MOST_CHANGES_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What a run works with. `closing`: None for a preview, which queues nothing."""

    pusher: Pusher
    stash: StashClient
    memory: Memory
    sharing: Sharing
    closing: Closing | None
    clock: Clock
    log: logging.Logger


@dataclass(slots=True)
class _Tally:
    """Counted so far."""

    checked: int = 0
    listed: int = 0
    skipped: int = 0
    gaps: GapCounts = field(default_factory=GapCounts)
    queued: GapCounts = field(default_factory=GapCounts)
    changes: list[Mapping[str, object]] = field(default_factory=list)


class Run:
    """Reconciles what `request` names, under one set of settings."""

    def __init__(self, request: RunRequest, tools: Tools) -> None:
        self._request = request
        self._tools = tools
        self._tally = _Tally()
        self._library: Library | None = None
        self._sweep: Sweep | None = None
        self._is_swept = False
        self._listing = self._make_listing()
        self._ids: list[int] | None = None  # listed and not compared yet
        self.total = 0

    @property
    def checked(self) -> int:
        """How many scenes were compared so far."""
        return self._tally.checked

    @property
    def changes(self) -> Sequence[Mapping[str, object]]:
        """The first gaps, as a preview shows them."""
        return self._tally.changes

    def is_under(self, pusher: Pusher) -> bool:
        """Whether the settings are still those that the run began with."""
        return pusher is self._tools.pusher

    def step(self) -> Result | None:
        """Do the next page; the result after the last.

        Raises RunRefused and PlexError, which end the run, and StashUnavailable and LocalStorage, after which the same
        step may come again.
        """
        if self._sweep is None:
            self._begin()
        elif not self._is_swept:
            self._is_swept = self._sweep.step()
            if self._is_swept:
                self._refuse_empty(self._sweep.empty)
        elif not self._compare_page():
            return self._end()
        return None

    def _begin(self) -> None:
        _, self.total = self._tools.stash.list_ids(after=0, limit=1)
        if not self.total:
            raise RunRefused(
                "Stash lists no scene at all. Nothing was queued. If that is wrong, look whether Stash has opened the "
                "right database."
            )
        pusher = self._tools.pusher
        configured = self._configured_sections()
        self._library = choose_library(configured, self._request.library, pusher.finder.rules)
        # All of them, whichever it is about: a scene whose item is in another library is not missing.
        self._sweep = Sweep(
            configured, plex=pusher.plex, sweeper=pusher.finder.sweeper, memory=self._tools.memory,
            clock=self._tools.clock,
        )  # fmt: skip

    def _configured_sections(self) -> tuple[Section, ...]:
        """Asked anew: a library may have been renamed since the worker began. Raises PlexSetup."""
        found = self._tools.pusher.plex.all_sections()
        chosen, missing = choose_sections(found, self._tools.pusher.settings.plex_library)
        if missing or not chosen:
            raise PlexSetup(words_for_missing(found, missing))
        return chosen

    def _refuse_empty(self, empty: Sequence[Section]) -> None:
        """Raises RunRefused when a library that held something, or all that the run is about, shows no item."""
        assert self._library is not None  # noqa: S101 - set by the first step
        index, sections = self._tools.pusher.finder.index, self._library.sections
        empty = [section for section in empty if section in sections]
        lost = [section for section in empty if index.section(section.key).newest]
        if lost or len(empty) == len(sections):
            raise RunRefused(
                f"Plex lists no item in {', '.join(section.title for section in lost or empty)}. Nothing was queued. "
                "If that is wrong, look whether Plex's disks are there; if it is right, name the other libraries in "
                "plex_library, or one of them as the argument library."
            )

    def _make_listing(self) -> Listing:
        # Since the run was asked for: one that a killed worker left may be taken up much later.
        since = changed_since(self._request.scope, min(self._request.started_at, self._tools.clock.now()))
        return AllScenes(PAGE) if since is None else RecentScenes(since, PAGE)

    def _compare_page(self) -> bool:
        """False when there was none left."""
        if self._ids is None:
            self._ids = self._listing.next_page(self._tools.stash)
        if self._ids is None:
            return False
        scenes = self._read(self._ids)
        assert self._library is not None  # noqa: S101 - set by the first step
        comparison = PageComparison(
            pusher=self._tools.pusher, sharing=self._tools.sharing, memory=self._tools.memory, library=self._library
        )
        findings = comparison.compare(scenes)
        queued = self._tools.closing.close(findings) if self._tools.closing else GapCounts()
        self._count(findings, queued)
        self._tally.listed += len(self._ids)
        self._ids = None
        return True

    def _read(self, ids: Sequence[int]) -> list[Scene]:
        """The scenes of these ids that there are still; one that Stash cannot describe spoils no page."""
        stash = self._tools.stash
        try:
            return list(stash.read_scenes(ids).values())
        except StashRefused as error:
            if len(ids) == 1:
                self._tools.log.warning("scene %d is left out: %s", ids[0], error)
                self._tally.checked += 1
                self._tally.skipped += 1
                return []
            half = len(ids) // 2
            return [*self._read(ids[:half]), *self._read(ids[half:])]

    def _count(self, findings: Sequence[Finding], queued: GapCounts) -> None:
        tally, ignores_missing = self._tally, self._tools.pusher.settings.ignore_missing
        tally.checked += len(findings)
        tally.queued = tally.queued.joined(queued)
        for finding in findings:
            gap = finding.gap
            tally.skipped += bool(finding.skipped)
            if gap is None or (gap.type is GapType.MISSING and ignores_missing):
                continue
            tally.gaps = tally.gaps.plus(gap.type)
            if len(tally.changes) < MOST_CHANGES_SHOWN:
                fields = {name.value: [_shown(old), _shown(new)] for name, (old, new) in gap.changes.items()}
                tally.changes.append({"scene_id": gap.scene_id, "type": gap.type.value, "fields": fields})

    def _end(self) -> Result:
        self._tools.memory.forget_unseen()
        is_complete = isinstance(self._listing, AllScenes)
        if is_complete and are_too_few(self._tally.listed, self.total):
            raise RunRefused(
                f"Stash listed {self._tally.listed} scenes and had told of {self.total}. "
                f"{'What was found in these is queued' if self._tools.closing else 'Nothing was queued'}; run it again "
                "when Stash is well."
            )
        assert self._library is not None  # noqa: S101 - set by the first step
        return Result(
            checked=self._tally.checked,
            gaps=self._tally.gaps,
            queued=self._tally.queued,
            skipped=self._tally.skipped,
            unclaimed=self._tools.memory.count_unclaimed(self._library.keys) if is_complete else None,
        )


def are_too_few(listed: int, total: int) -> bool:
    """Whether so many scenes can hardly have been deleted since they were counted."""
    return 2 * listed < total or total - listed > max(10, total // 10)


def _shown(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def timed(result: Result, began_at: float, now: float) -> Result:
    """With the seconds that it took."""
    return replace(result, took_s=max(0.0, now - began_at))
