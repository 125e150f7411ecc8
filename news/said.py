"""`said.json`: what PlexSync has said in Stash's log, so that no restart says it again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from local.clock import is_plausible
from outages.scheduler import PauseReason
from store.evidence import Evidence

# So many messages of a topic an hour, the ends of what was said not counted.
PER_HOUR = 4
WARNINGS_KEPT = 50
_SETTINGS_KEPT = 30


class Topic(str, Enum):
    """What a message is about. Each topic has its own limit, so that none keeps another from being heard."""

    OUTAGE = "outage"
    STOP = "stop"
    SETTING = "setting"
    DEAD_LETTER = "dead_letter"
    WAITING = "waiting"
    WARNING = "warning"
    NEWS = "news"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of the last hour. `at`: epoch seconds."""

    topic: Topic
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidOutage:
    """An outage whose begin was said. By then, `pushed_before` scenes had ever been pushed.

    `was_ever_well`: Plex had answered before it; if not, it may turn out to be a matter of the set-up.
    """

    id: int
    pushed_before: int
    is_end_said: bool = False
    was_ever_well: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidStop:
    """A pause that was said."""

    reason: PauseReason
    message: str
    evidence: Evidence = Evidence.PROBE


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidWarning:
    """A warning that was said, by a digest of its text. `at`: epoch seconds."""

    digest: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The content of `said.json`.

    `outage`: None once all of it was said. `ended_outage`: the id of the last one whose end was said; if it was not
    certain, that outage may go on. `warnings`: newest last. `last_dead_letter`: the number of the newest one that was
    said; None before the first worker. `is_waiting`: that scenes wait for a scan was said. `has_succeeded`: a scene has
    been pushed since the installation.
    """

    recent: tuple[Message, ...] = ()
    outage: SaidOutage | None = None
    ended_outage: int = 0
    stops: tuple[SaidStop, ...] = ()
    settings: tuple[str, ...] = ()
    warnings: tuple[SaidWarning, ...] = ()
    last_dead_letter: int | None = None
    is_waiting: bool = False
    has_succeeded: bool = False

    def left(self, topic: Topic, now: float, hour_s: float) -> int:
        """How many more messages of this topic the hour before `now` allows."""
        return PER_HOUR - sum(each.topic is topic for each in self._of_last_hour(now, hour_s))

    def noting(self, topic: Topic, now: float, hour_s: float) -> Said:
        """A copy that counts one more message of this topic."""
        return replace(self, recent=(*self._of_last_hour(now, hour_s), Message(topic=topic, at=now)))

    def _of_last_hour(self, now: float, hour_s: float) -> tuple[Message, ...]:
        return tuple(each for each in self.recent if is_plausible(each.at, now) and now - each.at < hour_s)


def bounded(said: Said) -> Said:
    """Cut what could grow without end, whatever the file holds."""
    return replace(
        said,
        recent=said.recent[-PER_HOUR * len(Topic) :],
        stops=said.stops[-len(PauseReason) :],
        settings=said.settings[-_SETTINGS_KEPT:],
        warnings=said.warnings[-WARNINGS_KEPT:],
    )
