"""A job only says "scene N is dirty". What to push is read from Stash when the job runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

class Reason(str, Enum):
    """Why a scene is dirty."""

    HOOK = "hook"
    NOW = "now"  # a user asked for this scene and is waiting for the answer
    ENTITY = "entity"  # a tag, performer, studio or group of the scene changed
    SYNC = "sync"
    RECONCILE = "reconcile"
    RECOVERY = "recovery"
    CATCH_UP = "catch_up"

    @property
    def is_bulk(self) -> bool:
        """Whether user edits go before this job."""
        return self not in (Reason.HOOK, Reason.NOW)

    @property
    def is_unrequested(self) -> bool:
        """Whether PlexSync found the difference itself, without an event or a request for this scene."""
        return self in (Reason.RECONCILE, Reason.CATCH_UP)

    @property
    def gets_one_try(self) -> bool:
        """Whether a scene that Plex lacks is counted instead of retried: Plex may hold only part of the library."""
        return self not in (Reason.HOOK, Reason.NOW, Reason.RECOVERY)

    @property
    def ends_ignoring(self) -> bool:
        """Whether to push even an ignored scene: it was changed itself, or somebody asked for it."""
        return self not in (Reason.ENTITY, Reason.SYNC, Reason.RECONCILE)

    @property
    def always_reads_item(self) -> bool:
        """Whether to read the item even if the ledger says that Plex has everything."""
        return self in (Reason.RECONCILE, Reason.RECOVERY, Reason.NOW)


class Rank(IntEnum):
    """Which of the due jobs goes first: the lowest."""

    EDIT = 0
    COVER_OF_EDIT = 1
    BULK = 2
    COVER_OF_BULK = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One dirty scene. Times are epoch seconds; 0 means never."""

    scene_id: int
    reason: Reason
    first_event_at: float
    last_event_at: float
    attempts: int = 0
    not_before: float = 0.0
    # When the last try failed. A wait until `not_before` began then.
    failed_at: float = 0.0
    error_class: str = ""
    error_text: str = ""
    failed_first_at: float = 0.0
    # When Plex was first found to lack the file, and for how many seconds it has been given time to scan for it since.
    missing_since: float = 0.0
    missing_s: float = 0.0
    outage_id: int = 0
    # It failed, and then another scene succeeded in the same: the next failure is certainly its own.
    fails_alone: bool = False
    # No scene's cover arrives; this one is due when another one has.
    awaits_covers: bool = False
    # The fields were judged, and the cover is still to be pushed.
    is_cover_left: bool = False

    @property
    def rank(self) -> Rank:
        """Covers go after all fields of their kind, and those of bulk work after everything."""
        if self.reason.is_bulk:
            return Rank.COVER_OF_BULK if self.is_cover_left else Rank.BULK
        return Rank.COVER_OF_EDIT if self.is_cover_left else Rank.EDIT

    def with_cover_left(self) -> Job:
        """This job once its fields are done. What it went through for them does not count against the cover."""
        if self.is_cover_left:
            return self
        return Job(
            scene_id=self.scene_id,
            reason=self.reason,
            first_event_at=self.first_event_at,
            last_event_at=self.last_event_at,
            is_cover_left=True,
        )

    def wait_s(self, now: float, longest_s: float) -> float:
        """Seconds until the job is due, at most as long as its wait was when it began.

        So a clock that was set back since delays no job further. `longest_s`: of any wait, for a job of a version that
        did not store when its wait began.
        """
        whole_s = self.not_before - self.failed_at if self.failed_at else longest_s
        return max(0.0, min(self.not_before - now, whole_s))

    def merged_with(self, later: Job) -> Job:
        """Merge a later event into this job: due at once, with nothing charged, urgent if either is."""
        reason = later.reason if self.reason.is_bulk and not later.reason.is_bulk else self.reason
        if later.reason.always_reads_item and (reason.is_bulk or later.reason is Reason.NOW):
            reason = later.reason
        return replace(
            self,
            reason=reason,
            first_event_at=min(self.first_event_at, later.first_event_at),
            last_event_at=max(self.last_event_at, later.last_event_at),
            attempts=0,
            not_before=0.0,
            fails_alone=False,
            awaits_covers=False,
            is_cover_left=False,
        )


_NAMES = tuple(Job.__dataclass_fields__)


def job_to_data(job: Job) -> dict[str, object]:
    """Convert the job to values that `json.dumps` accepts."""
    return {name: getattr(job, name) for name in _NAMES} | {"reason": job.reason.value}


def job_from_data(data: Mapping[str, object]) -> Job:
    """Read a job written by any version's `job_to_data`: unknown keys are ignored, missing ones get their default.

    Raises ValueError if it is not a job.
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
    """Create the job for one event. `at`: epoch seconds."""
    return Job(scene_id=scene_id, reason=reason, first_event_at=at, last_event_at=at)
