"""Which scenes a run covers, when a run is due, and how long the reconciler waits. Pure; times are epoch seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stash.setting_values import BadValue, parse_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.clock import Clock

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

INTERVALS_S: Final[Mapping[str, float]] = {"hourly": HOUR_S, "daily": DAY_S, "weekly": 7 * DAY_S}
# A scheduled run that was refused or broken off is tried again after this long.
RETRY_S = 600.0
# A schedule that meets an obstacle is looked at again after this long.
OBSTACLE_RETRY_S = 60.0
# A time-out or a broken answer, while Plex answers otherwise, is no reason to begin anew.
MOST_STUMBLES = 3
STUMBLE_WAIT_S = 5.0
# A Stash that restarts is waited for; whoever asked for the run is not kept for ever.
STASH_PATIENCE_S = 60.0
# Clocks are corrected by seconds all the time. A run that was further ahead than that was timed by a wrong one.
_CORRECTED_S = 60.0

ALL = "all"
_ALIASES: Final[Mapping[str, str]] = {"recent": "24h", "7d": "7days", "1d": "24h"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """The delays above, in real seconds (scaled already)."""

    intervals_s: Mapping[str, float]
    retry_s: float
    obstacle_retry_s: float
    stumble_wait_s: float
    stash_patience_s: float

    @property
    def longest_stumble_wait_s(self) -> float:
        """Upper bound of the waits between stumbles, which double."""
        return self.stumble_wait_s * 2.0**MOST_STUMBLES


def delays(clock: Clock) -> Delays:
    """The delays at the clock's scale."""
    return Delays(
        intervals_s={word: clock.interval(seconds) for word, seconds in INTERVALS_S.items()},
        retry_s=clock.interval(RETRY_S),
        obstacle_retry_s=clock.interval(OBSTACLE_RETRY_S),
        stumble_wait_s=clock.interval(STUMBLE_WAIT_S),
        stash_patience_s=clock.interval(STASH_PATIENCE_S),
    )


def chosen_scope(value: object, default: str) -> str:
    """What a task was given as `scope`, in the words of the settings. Raises ValueError with what is allowed."""
    if value in (None, ""):
        return default
    try:
        text = str(value).strip().lower()
        scope = parse_scope(_ALIASES.get(text, text))
    except BadValue as error:
        raise ValueError(f"scope is {str(value)[:40]!r}; allowed is {error.allowed}") from None
    return _ALIASES.get(scope, scope)


def changed_since(scope: str, now: float) -> float | None:
    """From when on a change in Stash counts as recent; None: all scenes, whenever they changed."""
    if scope == ALL:
        return None
    if scope == "24h":
        return now - DAY_S
    days = re.match(r"\d+", scope)
    return now - int(days[0] if days else 1) * DAY_S


def next_run_at(
    interval: str, delays: Delays, *, now: float, last_run_at: float | None, failed_at: float | None
) -> float | None:
    """When the next scheduled run is due; None for never. A run by hand counts like any other.

    `failed_at`: when the last scheduled run failed, if none succeeded since. Times still to come are of a clock that
    was put back since, and count for nothing.
    """
    period_s = delays.intervals_s.get(interval)
    if period_s is None:
        return None
    waits = ((last_run_at, period_s), (failed_at, delays.retry_s))
    return max((at + wait_s for at, wait_s in waits if at is not None and at <= now + _CORRECTED_S), default=0.0)
