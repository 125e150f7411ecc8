"""`reconciliation_state.json`: what is under way, the last result, the last run of each scope."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING

from local.data_directory import RECONCILIATION_STATE
from local.words import counted, sentence
from store.requests import answer_path
from store.state_file import StateFile

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from local.clock import Clock
    from reconciliation.gaps import GapType

# The command that asks for a run.
COMMAND = "reconcile"
_SCOPES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GapCounts:
    """Scenes by type of gap."""

    empty: int = 0
    stale: int = 0
    missing: int = 0

    def plus(self, kind: GapType, by: int = 1) -> GapCounts:
        """With `by` more of one type."""
        return replace(self, **{kind.value: getattr(self, kind.value) + by})

    def joined(self, other: GapCounts) -> GapCounts:
        """Both together."""
        return GapCounts(
            empty=self.empty + other.empty, stale=self.stale + other.stale, missing=self.missing + other.missing
        )

    def as_mapping(self) -> Mapping[str, int]:
        """As answers show it."""
        return {"empty": self.empty, "stale": self.stale, "missing": self.missing}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a run was asked for. `scope`: in the words of the settings; `library`: "" for all configured ones.

    `id`: names its answer's file. `is_preview`: queue nothing. `is_scheduled`: nobody waits for it.
    """

    id: str
    scope: str
    library: str = ""
    is_preview: bool = False
    is_scheduled: bool = False
    started_at: float = 0.0  # epoch seconds

    def is_like(self, other: RunRequest) -> bool:
        """Whether one answer serves both."""
        return (self.scope, self.library, self.is_preview) == (other.scope, other.library, other.is_preview)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run found. `unclaimed`: Plex items of no scene; None where the scope cannot tell. `took_s`: seconds."""

    checked: int = 0
    gaps: GapCounts = field(default_factory=GapCounts)
    queued: GapCounts = field(default_factory=GapCounts)
    skipped: int = 0
    unclaimed: int | None = None
    took_s: float = 0.0

    @property
    def in_words(self) -> str:
        """For the log and the user."""
        gaps, queued = self.gaps, self.queued
        unclaimed = "" if self.unclaimed is None else f"; {counted(self.unclaimed, 'item')} of Plex without a scene"
        return (
            f"{self.checked} scenes checked; gaps: {gaps.empty} empty, {gaps.stale} stale, {gaps.missing} missing; "
            f"queued: {queued.empty} empty, {queued.stale} stale, {queued.missing} missing; "
            f"{self.skipped} skipped{unclaimed}"
        )

    def as_mapping(self) -> dict[str, object]:
        """As a task answers it."""
        return {
            "checked": self.checked,
            "gaps": self.gaps.as_mapping(),
            "queued": self.queued.as_mapping(),
            "skipped": self.skipped,
            "unclaimed": self.unclaimed,
            "took_s": round(self.took_s, 3),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is. `total`: scenes of Stash, 0 while it is not known."""

    request: RunRequest
    checked: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A run that came to its end, if by an error."""

    request: RunRequest
    ended_at: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeRun:
    """When a scope was reconciled last."""

    scope: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationState:
    """From `last_run_at` to `took_s`: the last run that queued what it found; a preview leaves them alone.

    `running` survives a killed worker: the next one starts that run over.
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
    running: Progress | None = None
    finished: Finished | None = None
    failed_at: float | None = None  # of the last scheduled run, if none succeeded since

    def started(self, request: RunRequest) -> ReconciliationState:
        """A run begins, or is started over."""
        return replace(self, running=Progress(request=request))

    def progressed(self, progress: Progress) -> ReconciliationState:
        """It is under way."""
        return replace(self, running=progress)

    def succeeded(self, request: RunRequest, result: Result, now: float) -> ReconciliationState:
        """It came to its end."""
        after = replace(self, running=None, finished=Finished(request=request, ended_at=now))
        if request.is_preview:
            return after
        runs = (ScopeRun(scope=request.scope, at=now), *(run for run in self.runs if run.scope != request.scope))
        found = {each.name: getattr(result, each.name) for each in fields(result)}
        return replace(
            after, last_run_at=now, scope=request.scope, runs=runs[:_SCOPES_KEPT], failed_at=None, **found
        )

    def failed(self, request: RunRequest, error: str, now: float) -> ReconciliationState:
        """It was refused or broken off."""
        after = replace(self, running=None, finished=Finished(request=request, ended_at=now, error=error))
        return replace(after, failed_at=now) if request.is_scheduled else after


def state_file(directory: str, *, clock: Clock, log: logging.Logger) -> StateFile[ReconciliationState]:
    """The file of a data directory."""
    return StateFile(os.path.join(directory, RECONCILIATION_STATE), ReconciliationState(), clock=clock, log=log)


def result_path(directory: str, run_id: str) -> str:
    """Where the answer of a run is, once it has ended."""
    return answer_path(directory, f"{run_id}-result")


def words_for_break_off(request: RunRequest, why: str, *, checked: int, total: int) -> str:
    """`checked` and `total` are scenes, 0 of 0 before they are counted."""
    reason = sentence(why)
    again = "It is started again by itself." if request.is_scheduled else "Run it again once that is over."
    if not checked:
        return f"The reconciliation stopped before it compared any scene: {reason} Nothing was queued. {again}"
    queued = "Nothing was queued." if request.is_preview else "What it had found is queued and goes out by itself."
    return (
        f"The reconciliation stopped after {checked} of {total} scenes: {reason} {queued} {again} What was compared "
        "and does not change is not read again."
    )
