"""A job says only "scene N is dirty": what is pushed is read from Stash when it is pushed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Reason(str, Enum):
    """Why a scene is dirty."""

    HOOK = "hook"
    NOW = "now"  # a person asked for this scene and waits for the answer
    ENTITY = "entity"  # a tag, performer, studio or group of the scene changed
    SYNC = "sync"
    RECONCILE = "reconcile"
    RECOVERY = "recovery"
    CATCH_UP = "catch_up"

    @property
    def is_bulk(self) -> bool:
        """Bulk work lets edits by a user go first."""
        return self not in (Reason.HOOK, Reason.NOW)

    @property
    def finds_gaps(self) -> bool:
        """Whether nobody has asked for this scene: it was found to differ."""
        return self in (Reason.RECONCILE, Reason.CATCH_UP)

    @property
    def gets_one_try(self) -> bool:
        """Bulk work over a library that Plex may hold in part: a scene that it lacks is counted, not retried."""
        return self not in (Reason.HOOK, Reason.NOW, Reason.RECOVERY)

    @property
    def reads_always(self) -> bool:
        """Whether the item is looked at even when the ledger says that Plex has all of it."""
        return self in (Reason.RECONCILE, Reason.RECOVERY, Reason.NOW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One dirty scene. Times are epoch seconds; 0 stands for never."""

    scene_id: int
    reason: Reason
    first_event_at: float
    last_event_at: float
    attempts: int = 0
    not_before: float = 0.0
    error_class: str = ""
    error_text: str = ""
    failed_first_at: float = 0.0
    # The first verdict that Plex has no such file: Plex gets time to scan, counted from here.
    missing_since: float = 0.0
    outage_id: int = 0
    # Attempts given back because an outage was behind them: once a job.
    is_refunded: bool = False

    def merged_with(self, later: Job) -> Job:
        """This job after another event: due at once, with all its attempts, urgent if either is."""
        reason = later.reason if self.reason.is_bulk and not later.reason.is_bulk else self.reason
        if later.reason.reads_always and (reason.is_bulk or later.reason is Reason.NOW):
            reason = later.reason
        return replace(
            self,
            reason=reason,
            first_event_at=min(self.first_event_at, later.first_event_at),
            last_event_at=max(self.last_event_at, later.last_event_at),
            attempts=0,
            not_before=0.0,
        )


def job_to_data(job: Job) -> dict[str, object]:
    """The job as JSON can hold it."""
    return {**asdict(job), "reason": job.reason.value}


def job_from_data(data: Mapping[str, object]) -> Job:
    """The job that `job_to_data` wrote, by any version: unknown keys are left out, missing ones default.

    Raises ValueError for what is no job.
    """
    known = {key: value for key, value in data.items() if key in Job.__dataclass_fields__}
    try:
        known["reason"] = Reason(known.get("reason", Reason.HOOK))
        job = Job(**known)  # type: ignore[arg-type]
        return replace(
            job,
            scene_id=int(job.scene_id),
            attempts=int(job.attempts),
            not_before=float(job.not_before),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"not a job: {error}") from None


def new_job(scene_id: int, reason: Reason, at: float) -> Job:
    """The job of one event."""
    return Job(scene_id=scene_id, reason=reason, first_event_at=at, last_event_at=at)
