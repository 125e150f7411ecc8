"""What each task answers: the fields are the keys of the JSON object, and docs/reference.md says what each one means.

Times ending in `_at` are epoch seconds. None is JSON's null: not known, or there is none.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - from_json and the tests read the annotations at run time
from dataclasses import dataclass, field, fields
from typing import Any, Final

from reconciliation.state import GapCounts  # noqa: TC001 - as above
from store.state_file import to_json

# What a field holds in Plex or Stash; () and "" are empty.
FieldValue = str | tuple[str, ...]

# For a field whose key is left out, instead of null, when there is nothing to say.
LEFT_OUT_IF_NONE: Final[Mapping[str, bool]] = {"left_out_if_none": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnswer:
    """The base of every answer."""


def as_json(answer: TaskAnswer) -> dict[str, Any]:
    """The object that the caller receives, as `json.dumps` takes it."""
    left_out = {
        each.name for each in fields(answer) if each.metadata == LEFT_OUT_IF_NONE and getattr(answer, each.name) is None
    }
    return {name: value for name, value in to_json(answer).items() if name not in left_out}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainAnswer(TaskAnswer):
    """`process_queue`. The counts are of scenes that were pending when it began."""

    pushed: int
    unchanged: int
    skipped: int
    missing: int
    gone: int
    dead: int
    waiting: int
    next_due_at: float | None
    stopped_by: str | None
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncAnswer(DrainAnswer):
    """`sync_all`, `sync_recent`: the comparison, then the drain. `unchanged` and `skipped` are the comparison's."""

    checked: int
    queued: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneSyncAnswer(TaskAnswer):
    """`sync_scene`. `items` are the rating keys of the Plex items that were looked at."""

    scene_id: int
    verdict: str
    items: tuple[int, ...]
    message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewItem:
    """One Plex item of the scene. `send` is what would change; the values are keyed by Plex's field names."""

    rating_key: int
    grade: str
    reason: str
    current: Mapping[str, FieldValue]
    wanted: Mapping[str, FieldValue]
    send: Mapping[str, FieldValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewAnswer(TaskAnswer):
    """`preview`. `message` says why there is no item, or why nothing would be sent; "" when neither is the case."""

    scene_id: int
    items: tuple[PreviewItem, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStatus:
    """`pending` includes `waiting`, `in_progress` and the inbox; dead letters are counted separately."""

    pending: int
    covers_left: int
    waiting: int
    waiting_by_error: Mapping[str, int]
    in_progress: int
    next_due_at: float | None
    dead_letters: int
    dead_letters_by_error: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterExample:
    """One of the latest dead letters of its error class."""

    scene_id: int
    title: str
    path: str
    error_class: str
    error_text: str
    attempts: int
    failed_first_at: float
    failed_last_at: float
    outage_id: int | None
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitStatus:
    """The circuit breaker; `failures` counts those in a row."""

    state: str
    failures: int
    opened_at: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryStatus:
    """Probes, and the current recovery period; `rate_per_s` is its limit now, in jobs per second."""

    last_check_at: float | None
    next_check_at: float | None
    consecutive_successes: int
    last_recovery_at: float | None
    recovery_until: float | None
    rate_per_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageEntry:
    """One outage; it has no end and no duration while it lasts."""

    id: int
    started_at: float
    ended_at: float | None
    duration_s: float | None
    jobs_affected: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageReportEntry(OutageEntry):
    """An outage as `outage_summary` lists it."""

    probes: int
    jobs_pushed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationStatus:
    """The last run that queued what it found."""

    last_run_at: float | None
    scope: str | None
    checked: int
    gaps: GapCounts
    queued: GapCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStatus:
    """The worker; everything except `running` is None while no worker is running."""

    running: bool
    pid: int | None = None
    since: float | None = None
    doing: str | None = None
    jobs_done: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainStatus:
    """What stops the drain; `until` is when that is checked again."""

    stopped_by: str | None
    message: str | None
    until: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PushFigures:
    """Numbers of scenes by outcome; `mean_s` is the mean duration of a push."""

    pushed: int
    unchanged: int
    failed: int
    mean_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus(PushFigures):
    """The figures since the ledger was created, and those of the last hour."""

    last_hour: PushFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusAnswer(TaskAnswer):
    """`queue_status`."""

    queue: QueueStatus
    dead_letter_examples: tuple[DeadLetterExample, ...]
    circuit: CircuitStatus
    recovery: RecoveryStatus
    outages: tuple[OutageEntry, ...]
    reconciliation: ReconciliationStatus
    worker: WorkerStatus
    draining: DrainStatus
    sync: SyncStatus
    path_map_inferred: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageSummaryAnswer(TaskAnswer):
    """`outage_summary`. The figures are those of outages.history.OutageFigures."""

    outages: tuple[OutageReportEntry, ...]
    count: int
    total_s: float
    longest_s: float
    mttr_s: float | None
    mtbf_s: float | None
    availability: float | None
    observed_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverAnswer(TaskAnswer):
    """`recover_outage_jobs`. `message` says what is wrong with Plex if the probe before the recovery failed."""

    recovered: int
    skipped_already_queued: int
    skipped_scene_missing: int
    skipped_plex_down: int
    failed: int
    scene_ids: tuple[int, ...]
    outage: int | None
    other_types: int
    message: str | None = field(default=None, metadata=LEFT_OUT_IF_NONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GapScene:
    """A scene with a gap. `paths`: where Plex would have its files."""

    scene_id: int
    type: str
    title: str
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationAnswer(TaskAnswer):
    """`reconcile_all`, `reconcile_recent`, `reconcile_7days`. `unclaimed`: None unless all scenes were looked at.

    `scenes`: the first 200 with a gap.
    """

    checked: int
    gaps: GapCounts
    queued: GapCounts
    skipped: int
    unclaimed: int | None
    took_s: float
    scenes: tuple[GapScene, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GapEntry:
    """One gap; `fields`: by Plex's field name, what Plex has and what it would get."""

    scene_id: int
    type: str
    fields: Mapping[str, tuple[FieldValue, FieldValue]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationPreviewAnswer(ReconciliationAnswer):
    """`reconcile_preview`. `changes` and `scenes` are about the same scenes in the same order."""

    changes: tuple[GapEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoEntry:
    """One item of Plex, with its title before. Fields by Plex's names; `fields`: the value before and after."""

    scene_id: int | None
    rating_key: int
    title: str
    fields: Mapping[str, tuple[FieldValue, FieldValue]]
    unlocked: tuple[str, ...]
    kept: Mapping[str, FieldValue]
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAnswer(TaskAnswer):
    """`undo_all`. `items` includes those for which there was nothing to do; `fields`, `unlocked`, `kept`: fields."""

    preview: bool
    finished: bool
    items: int
    fields: int
    unlocked: int
    kept: int
    gone: int
    failed: int
    changes: tuple[UndoEntry, ...]
    stopped_by: str | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearAnswer(TaskAnswer):
    """`clear_queue`, `clear_dlq`. `backup` is the path of the file; None when there was nothing to set aside."""

    cleared: int
    backup: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeAnswer(TaskAnswer):
    """`purge_dlq`; `backup` as in ClearAnswer."""

    purged: int
    backup: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreAnswer(TaskAnswer):
    """`restore_cleared`. `backup` is the path that the file had; None when there was none to restore."""

    restored: int
    backup: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WakeAnswer(TaskAnswer):
    """`wake`."""

    pending: int
    worker: bool
