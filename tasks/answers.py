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
class IgnoreAnswer(TaskAnswer):
    """`ignore`: the scenes that are ignored now. `stop_ignoring`: those that no longer are."""

    scene_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewItem:
    """One Plex item of the scene. `send` is what would change; the values are keyed by Plex's field names.

    `path`: of the item's file by which it was found; "" if Plex does not show it.
    """

    rating_key: int
    library: str
    title: str
    path: str
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
