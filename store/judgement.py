"""The closed sets that the data directory stores: how a scene was last judged, and why a job failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Judgement(str, Enum):
    """What the ledger says of a scene's last try."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    MISSING = "missing"  # Plex has no item with its file, and no job waits for one
    DEAD = "dead"  # its job is a dead letter


class ErrorClass(str, Enum):
    """Why a job failed: public names, in answers, arguments and reports. All but BUG are classes of plex/errors.py."""

    SERVER_DOWN = "PlexServerDown"
    TIMEOUT = "PlexTimeout"
    SERVER_ERROR = "PlexServerError"
    NOT_IN_PLEX = "NotInPlex"
    AMBIGUOUS = "Ambiguous"
    REJECTED = "Rejected"
    BUG = "Bug"


ERROR_CLASSES = tuple(each.value for each in ErrorClass)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """When a scene was judged, and as what state of it.

    `updated_at`: Stash's text at that time, "" when the scene could not be read. The others are epoch seconds, 0 for
    never. Changes up to `cleared_at` were cleared by the user.
    """

    updated_at: str = ""
    settled_at: float = 0.0
    cleared_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One try at a job. Epoch seconds: when it began, and the job's last event at that time."""

    began_at: float
    event_at: float
