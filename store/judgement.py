"""Enums that the data directory stores: how a scene was last judged, and why a job failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from local.clock import is_plausible


class Judgement(str, Enum):
    """How a scene's last attempt ended, as stored in the ledger."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    MISSING = "missing"  # no item in Plex has its file, and no job is waiting for one
    DEAD = "dead"  # its job is a dead letter
    IGNORED = "ignored"  # missing or dead, and a person wants to hear no more of it; a dead letter stays where it is


class ErrorClass(str, Enum):
    """Why a job failed. The values are public: answers, arguments and reports use them.

    All except BUG are names of classes in plex/errors.py and stash/errors.py.
    """

    SERVER_DOWN = "PlexServerDown"
    TIMEOUT = "PlexTimeout"
    SERVER_ERROR = "PlexServerError"
    NOT_IN_PLEX = "NotInPlex"
    AMBIGUOUS = "Ambiguous"
    REJECTED = "Rejected"
    SCENE_TOO_LARGE = "SceneTooLarge"
    BUG = "Bug"


ERROR_CLASSES = tuple(each.value for each in ErrorClass)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastJudgement:
    """When a scene was last judged, and which version of it.

    `updated_at` is Stash's text at that time, "" if the scene could not be read. The other fields are epoch seconds, 0
    for never. The user cleared all changes up to `cleared_at`.
    """

    updated_at: str = ""
    settled_at: float = 0.0
    cleared_at: float = 0.0

    def as_believed(self, now: float) -> LastJudgement:
        """Without times in the future, which the clock was wrong to tell: they would hide every change up to then."""
        return replace(
            self,
            settled_at=self.settled_at if is_plausible(self.settled_at, now) else 0.0,
            cleared_at=self.cleared_at if is_plausible(self.cleared_at, now) else 0.0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTimes:
    """When an attempt at a job began, and when the job's last event before that was. Epoch seconds."""

    began_at: float
    event_at: float
