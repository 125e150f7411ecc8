"""`reconciliation_state.json`: the run in progress, the last result, and the last run of each scope."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from local.data_directory import RECONCILIATION_STATE
from local.words import counted, sentence
from store.state_file import StateFile

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from local.clock import Clock
    from reconciliation.gaps import GapType

# The command by which tasks request a run from the worker.
COMMAND = "reconcile"
_SCOPES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCounts:
    """The number of scenes by type of gap."""

    empty: int = 0
    stale: int = 0
    missing: int = 0

    def incremented(self, kind: GapType, by: int = 1) -> GapCounts:
        """A copy with `by` more scenes of one type."""
        return replace(self, **{kind.value: getattr(self, kind.value) + by})

    def __add__(self, other: GapCounts) -> GapCounts:
        return GapCounts(
            empty=self.empty + other.empty, stale=self.stale + other.stale, missing=self.missing + other.missing
        )

    def as_mapping(self) -> Mapping[str, int]:
        """The counts by type, as in task answers."""
        return {"empty": self.empty, "stale": self.stale, "missing": self.missing}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run should cover. `scope`: as the setting spells it; `library`: "" for all configured libraries.

    `id`: names the file of its answer. `is_preview`: queue nothing. `is_scheduled`: no task waits for the answer.
    """

    id: str
    scope: str
    library: str = ""
    is_preview: bool = False
    is_scheduled: bool = False
    started_at: float = 0.0  # epoch seconds

    def is_equivalent(self, other: RunRequest) -> bool:
        """Whether the same answer satisfies both requests."""
        return (self.scope, self.library, self.is_preview) == (other.scope, other.library, other.is_preview)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run found. `unclaimed`: Plex items that belong to no scene; None unless the scope is all scenes."""

    checked: int = 0
    gaps: GapCounts = field(default_factory=GapCounts)
    queued: GapCounts = field(default_factory=GapCounts)
    skipped: int = 0
    unclaimed: int | None = None
    took_s: float = 0.0

    @property
    def in_words(self) -> str:
        """One line for the log."""
        gaps, queued = self.gaps, self.queued
        unclaimed = "" if self.unclaimed is None else f"; {counted(self.unclaimed, 'item')} in Plex without a scene"
        return (
            f"{self.checked} scenes checked; gaps: {gaps.empty} empty, {gaps.stale} stale, {gaps.missing} missing; "
            f"queued: {queued.empty} empty, {queued.stale} stale, {queued.missing} missing; "
            f"{self.skipped} skipped{unclaimed}"
        )

    def as_mapping(self) -> dict[str, object]:
        """The fields of the task's answer."""
        return {
            "checked": self.checked,
            "gaps": self.gaps.as_mapping(),
            "queued": self.queued.as_mapping(),
            "skipped": self.skipped,
            "unclaimed": self.unclaimed,
            "took_s": round(self.took_s, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a run has come. `total`: scenes in Stash, 0 until they are counted."""

    request: RunRequest
    checked: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedRun:
    """A run that succeeded, or failed with `error`."""

    request: RunRequest
    ended_at: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRun:
    """When a scope was last reconciled (epoch seconds)."""

    scope: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationState:
    """`last_run_at` through `took_s` describe the last run that queued its gaps; previews do not change them.

    `running` outlives a killed worker: the next worker starts that run over.
    """

    last_run_at: float | None = None
    scope: str | None = None
    checked: int = 0
    gaps: GapCounts = field(default_factory=GapCounts)
    queued: GapCounts = field(default_factory=GapCounts)
    skipped: int = 0
    unclaimed: int | None = None
    took_s: float = 0.0
    runs: tuple[ScopeRun, ...] = ()
    running: RunProgress | None = None
    finished: FinishedRun | None = None
    failed_at: float | None = None  # of the last scheduled run, if no run succeeded since

    def started(self, request: RunRequest) -> ReconciliationState:
        """The state when a run begins or is started over."""
        return replace(self, running=RunProgress(request=request))

    def progressed(self, progress: RunProgress) -> ReconciliationState:
        """The state while the run goes on."""
        return replace(self, running=progress)

    def succeeded(self, request: RunRequest, result: Result, now: float) -> ReconciliationState:
        """The state after a run with a result. Only a run that is no preview resets the schedule."""
        after = replace(self, running=None, finished=FinishedRun(request=request, ended_at=now))
        if request.is_preview:
            return after
        runs = (ScopeRun(scope=request.scope, at=now), *(run for run in self.runs if run.scope != request.scope))
        found = {each.name: getattr(result, each.name) for each in fields(result)}
        return replace(
            after, last_run_at=now, scope=request.scope, runs=runs[:_SCOPES_KEPT], failed_at=None, **found
        )

    def failed(self, request: RunRequest, error: str, now: float) -> ReconciliationState:
        """The state after a run that was refused or interrupted. Only a scheduled run delays the schedule."""
        after = replace(self, running=None, finished=FinishedRun(request=request, ended_at=now, error=error))
        return replace(after, failed_at=now) if request.is_scheduled else after


def state_file(directory: str, *, clock: Clock, log: logging.Logger) -> StateFile[ReconciliationState]:
    """The state file in a data directory; it need not exist yet."""
    return StateFile(os.path.join(directory, RECONCILIATION_STATE), ReconciliationState(), clock=clock, log=log)


def interruption_message(request: RunRequest, why: str, *, checked: int, total: int) -> str:
    """What the user is told about a run that ended early. `checked` and `total` are scenes, 0 until counted."""
    reason = sentence(why)
    again = "It starts again by itself." if request.is_scheduled else "Run it again once that is over."
    if not checked:
        return f"The reconciliation stopped before it compared any scene: {reason} Nothing was queued. {again}"
    queued = "Nothing was queued." if request.is_preview else "What it had found is queued and is pushed by itself."
    return (
        f"The reconciliation stopped after {checked} of {total} scenes: {reason} {queued} {again} The next run "
        "skips what was compared and has not changed."
    )
