"""One run: count the scenes in Stash, sweep Plex, then compare page by page and queue the gaps.

A run that was killed or interrupted is started over. What it queued stays queued, and what it found equal is not read
again unless it changed. A stored position would be worthless, since both libraries go on changing.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from plex.errors import PlexSetup
from plex.sections import choose_sections, describe_missing
from reconciliation.compare import PageComparison
from reconciliation.errors import RunRefused
from reconciliation.gaps import GapType
from reconciliation.library import choose_library
from reconciliation.schedule import scope_start
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
    from reconciliation.cache import ReconciliationCache
    from reconciliation.compare import Finding
    from reconciliation.gap_closer import GapCloser
    from reconciliation.library import Library
    from reconciliation.state import RunRequest
    from stash.client import StashClient
    from stash.listing import Listing
    from stash.scene import Scene

PAGE_SIZE = 250  # scenes
MAX_CHANGES_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run works with. `gap_closer`: None for a preview, which queues nothing."""

    pusher: Pusher
    stash: StashClient
    cache: ReconciliationCache
    gap_closer: GapCloser | None
    clock: Clock
    log: logging.Logger


@dataclass(slots=True)
class _Tally:
    """Counts so far. `listed`: scene ids that Stash has listed, whether or not the scenes could be read."""

    checked: int = 0
    listed: int = 0
    skipped: int = 0
    gaps: GapCounts = field(default_factory=GapCounts)
    queued: GapCounts = field(default_factory=GapCounts)
    changes: list[Mapping[str, object]] = field(default_factory=list)
    scenes: list[Mapping[str, object]] = field(default_factory=list)


class Run:
    """Reconciles what `request` covers, under one set of settings."""

    def __init__(self, request: RunRequest, context: RunContext) -> None:
        self._request = request
        self._context = context
        self._tally = _Tally()
        self._library: Library | None = None
        self._sweep: Sweep | None = None
        self._is_swept = False
        self._listing = self._make_listing()
        self._page_ids: list[int] | None = None  # listed, not yet compared
        self.total = 0

    @property
    def checked(self) -> int:
        """The number of scenes compared so far."""
        return self._tally.checked

    @property
    def changes(self) -> Sequence[Mapping[str, object]]:
        """The first gaps (at most MAX_CHANGES_SHOWN), as a preview shows them."""
        return self._tally.changes

    @property
    def scenes(self) -> Sequence[Mapping[str, object]]:
        """The scenes of these gaps, by name and by where Plex would have their files."""
        return self._tally.scenes

    def uses(self, pusher: Pusher) -> bool:
        """Whether the run was started with this pusher; another one means that the settings have changed."""
        return pusher is self._context.pusher

    def step(self) -> Result | None:
        """Process the next page; return the result after the last one, None before.

        Raises RunRefused and PlexError, which end the run, and StashUnavailable and LocalStorage, after which the step
        may be repeated.
        """
        if self._sweep is None:
            self._begin()
        elif not self._is_swept:
            self._is_swept = self._sweep.step()
            if self._is_swept:
                self._refuse_if_empty(self._sweep.empty_sections)
        elif not self._compare_page():
            return self._end()
        return None

    def _begin(self) -> None:
        _, self.total = self._context.stash.list_ids(after=0, limit=1)
        if not self.total:
            raise RunRefused(
                "Stash lists no scene at all. Nothing was queued. If that is wrong, check that Stash has opened the "
                "right database."
            )
        pusher = self._context.pusher
        configured = self._configured_sections()
        self._library = choose_library(configured, self._request.library, pusher.finder.rules)
        # Every configured section, even if the run covers one: a scene whose item is in another library is not missing.
        self._sweep = Sweep(
            configured, plex=pusher.plex, sweeper=pusher.finder.sweeper, cache=self._context.cache
        )

    def _configured_sections(self) -> tuple[Section, ...]:
        """Read from Plex each time: a library may have been renamed since the worker started. Raises PlexSetup."""
        found = self._context.pusher.plex.all_sections()
        chosen, missing = choose_sections(found, self._context.pusher.settings.plex_library)
        if missing or not chosen:
            raise PlexSetup(describe_missing(found, missing), setting="plex_library")
        return chosen

    def _refuse_if_empty(self, empty: Sequence[Section]) -> None:
        """Raises RunRefused if a library that used to hold items has none, or if no library of the run has any."""
        assert self._library is not None  # noqa: S101 - set by the first step
        index, sections = self._context.pusher.finder.index, self._library.sections
        empty = [section for section in empty if section in sections]
        lost = [section for section in empty if index.section(section.key).newest]
        if lost or len(empty) == len(sections):
            raise RunRefused(
                f"Plex lists no item in {', '.join(section.title for section in lost or empty)}. Nothing was queued. "
                "If that is wrong, check that Plex's disks are there; if it is right, name the other libraries in "
                '"Plex libraries", or one of them as the argument library.'
            )

    def _make_listing(self) -> Listing:
        # The scope counts from the request: a run that a killed worker left may be resumed much later.
        since = scope_start(self._request.scope, min(self._request.started_at, self._context.clock.now()))
        return AllScenes(PAGE_SIZE) if since is None else RecentScenes(since, PAGE_SIZE)

    def _compare_page(self) -> bool:
        """Return False if no page was left."""
        if self._page_ids is None:
            self._page_ids = self._listing.next_page(self._context.stash)
        if self._page_ids is None:
            return False
        scenes = self._read(self._page_ids)
        assert self._library is not None  # noqa: S101 - set by the first step
        context = self._context
        comparison = PageComparison(
            pusher=context.pusher, stash=context.stash, cache=context.cache, library=self._library
        )
        findings = comparison.compare(scenes)
        queued = context.gap_closer.close(findings) if context.gap_closer else GapCounts()
        self._count(findings, queued)
        self._tally.listed += len(self._page_ids)
        self._page_ids = None
        return True

    def _read(self, ids: Sequence[int]) -> list[Scene]:
        """These scenes, without deleted ones and without those that Stash cannot describe, which count as skipped."""
        stash = self._context.stash
        try:
            return list(stash.read_scenes(ids).values())
        except StashRefused as error:
            if len(ids) == 1:
                self._context.log.warning("scene %d is left out: %s", ids[0], error)
                self._tally.checked += 1
                self._tally.skipped += 1
                return []
            half = len(ids) // 2
            return [*self._read(ids[:half]), *self._read(ids[half:])]

    def _count(self, findings: Sequence[Finding], queued: GapCounts) -> None:
        tally, ignores_missing = self._tally, self._context.pusher.settings.ignore_missing
        tally.checked += len(findings)
        tally.queued += queued
        for finding in findings:
            gap = finding.gap
            tally.skipped += bool(finding.skipped)
            if gap is None or (gap.type is GapType.MISSING and ignores_missing):
                continue
            tally.gaps = tally.gaps.incremented(gap.type)
            if len(tally.changes) < MAX_CHANGES_SHOWN:
                fields = {name.value: [_as_json(old), _as_json(new)] for name, (old, new) in gap.changes.items()}
                about = {"scene_id": gap.scene_id, "type": gap.type.value}
                tally.changes.append({**about, "fields": fields})
                scene, rules = finding.target.scene, self._context.pusher.finder.rules
                paths = [rules.map(file.path) for file in scene.files]
                tally.scenes.append({**about, "title": scene.title, "paths": paths})

    def _end(self) -> Result:
        self._context.cache.drop_unswept()
        is_complete = isinstance(self._listing, AllScenes)
        if is_complete and is_listing_short(self._tally.listed, self.total):
            raise RunRefused(
                f"Stash listed only {self._tally.listed} of its {self.total} scenes. "
                f"{'What was found in these is queued' if self._context.gap_closer else 'Nothing was queued'}; run it "
                "again when Stash works."
            )
        assert self._library is not None  # noqa: S101 - set by the first step
        return Result(
            checked=self._tally.checked,
            gaps=self._tally.gaps,
            queued=self._tally.queued,
            skipped=self._tally.skipped,
            unclaimed=self._context.cache.count_unclaimed(self._library.keys) if is_complete else None,
        )


def is_listing_short(listed: int, total: int) -> bool:
    """Whether more scenes are missing from the listing than were plausibly deleted since they were counted."""
    return 2 * listed < total or total - listed > max(10, total // 10)


def _as_json(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def with_duration(result: Result, began_at: float, now: float) -> Result:
    """The result with `took_s`, which is 0 if the clock was set back meanwhile."""
    return replace(result, took_s=max(0.0, now - began_at))
