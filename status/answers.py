"""What the fast operations answer: the keys of the JSON objects. docs/reference.md says what each one means.

For the type checker and the tests alone: an operation does not load this module. Times ending in `_at` are epoch
seconds. None is JSON's null: not known, or there is none.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the tests read the annotations at run time
from typing import TypedDict


class Gaps(TypedDict):
    """The number of scenes by type of gap."""

    empty: int
    stale: int
    missing: int


class QueueStatus(TypedDict):
    """`pending` includes `waiting`, `in_progress` and the inbox; dead letters are counted separately."""

    pending: int
    covers_left: int
    waiting: int
    waiting_by_error: Mapping[str, int]
    in_progress: int
    next_due_at: float | None
    dead_letters: int
    dead_letters_by_error: Mapping[str, int]


class DeadLetterExample(TypedDict):
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


class CircuitStatus(TypedDict):
    """The circuit breaker; `failures` counts those in a row."""

    state: str
    failures: int
    opened_at: float | None
    last_error: str | None


class RecoveryStatus(TypedDict):
    """Probes, and the current recovery period; `rate_per_s` is its limit now, in jobs per second."""

    last_check_at: float | None
    next_check_at: float | None
    consecutive_successes: int
    last_recovery_at: float | None
    recovery_until: float | None
    rate_per_s: float | None


class OutageEntry(TypedDict):
    """One outage; it has no end and no duration while it lasts."""

    id: int
    started_at: float
    ended_at: float | None
    duration_s: float | None
    jobs_affected: int
    cause: str


class OutageReportEntry(OutageEntry):
    """An outage as `outage_summary` lists it."""

    probes: int
    jobs_pushed: int


class ReconciliationStatus(TypedDict):
    """The last run that queued what it found."""

    last_run_at: float | None
    scope: str | None
    checked: int
    gaps: Gaps
    queued: Gaps


class WorkerStatus(TypedDict):
    """The worker; everything except `running` is None while no worker is running."""

    running: bool
    pid: int | None
    since: float | None
    doing: str | None
    jobs_done: int | None


class DrainStatus(TypedDict):
    """What stops the drain; `until` is when that is checked again."""

    stopped_by: str | None
    message: str | None
    until: float | None


class PushFigures(TypedDict):
    """Numbers of scenes by outcome; `mean_s` is the mean duration of a push."""

    pushed: int
    unchanged: int
    failed: int
    mean_s: float | None


class SyncStatus(PushFigures):
    """The figures since the ledger was created, and those of the last hour."""

    last_hour: PushFigures


class StatusAnswer(TypedDict):
    """`queue_status`."""

    queue: QueueStatus
    dead_letter_examples: list[DeadLetterExample]
    circuit: CircuitStatus
    recovery: RecoveryStatus
    outages: list[OutageEntry]
    reconciliation: ReconciliationStatus
    worker: WorkerStatus
    draining: DrainStatus
    sync: SyncStatus
    path_map_inferred: list[str]


class OutageSummaryAnswer(TypedDict):
    """`outage_summary`. The figures are those of outages.figures.OutageFigures."""

    outages: list[OutageReportEntry]
    count: int
    total_s: float
    longest_s: float
    mttr_s: float | None
    mtbf_s: float | None
    availability: float | None
    observed_since: float | None


class WakeAnswer(TypedDict):
    """`wake`."""

    pending: int
    worker: bool


class OngoingOutage(TypedDict):
    """The outage under way."""

    id: int
    started_at: float
    cause: str
    probes: int
    jobs_affected: int


class OverviewAnswer(TypedDict):
    """`overview`."""

    now: float
    queue: QueueStatus
    in_progress: list[int]
    scenes_in_plex: int
    missing: int
    ignored: int
    last_push_at: float | None
    sync: SyncStatus
    circuit: CircuitStatus
    outage: OngoingOutage | None
    recovery: RecoveryStatus
    draining: DrainStatus
    worker: WorkerStatus
    problems: list[str]


class GroupOfScenes(TypedDict):
    """Scenes that are not in Plex as they should be, for the same reason."""

    group: str
    error_class: str
    count: int
    advice: str


class SceneInNeed(TypedDict):
    """One of them. Title and path are empty where only Stash knows them."""

    scene_id: int
    title: str
    path: str
    error_text: str
    attempts: int
    failed_last_at: float | None
    due_at: float | None


class NeedsYouAnswer(TypedDict):
    """`needs_you`."""

    groups: list[GroupOfScenes]
    scenes: list[SceneInNeed]
    problems: list[str]


class MarksAnswer(TypedDict):
    """`marks`: of the scenes that were asked about, those that need somebody."""

    dead: list[int]
    missing: list[int]
    problems: list[str]


class ItemOfScene(TypedDict):
    """An item in Plex that holds the scene."""

    rating_key: int
    pushed_at: float


class PendingJob(TypedDict):
    """The scene's job in the queue; `due_at` is None unless it waits for another try."""

    is_in_progress: bool
    attempts: int
    due_at: float | None
    error_class: str
    error_text: str


class BuriedJob(TypedDict):
    """The scene's dead letter."""

    error_class: str
    error_text: str
    attempts: int
    failed_last_at: float
    advice: str


class SceneStatusAnswer(TypedDict):
    """`scene_status`."""

    scene_id: int
    verdict: str | None
    settled_at: float | None
    server: str | None
    items: list[ItemOfScene]
    job: PendingJob | None
    dead_letter: BuriedJob | None
    problems: list[str]


class WatchAnswer(TypedDict):
    """`watch`."""

    was_running: bool


class PushAgainAnswer(TypedDict):
    """`push_again`."""

    queued: int
