"""Which scenes a run covers, when a run is due, and how long the reconciler waits. Pure; times are epoch seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from local.clock import is_plausible
from stash.setting_values import BadValue, parse_scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.clock import Clock

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

INTERVALS_S: Final[Mapping[str, float]] = {"hourly": HOUR_S, "daily": DAY_S, "weekly": 7 * DAY_S}
# After a scheduled run was refused or interrupted.
FAILED_RUN_RETRY_S = 600.0
# While a pause or an outage keeps a scheduled run from starting.
BLOCKED_RETRY_S = 60.0
# A time-out or a broken response while Plex is healthy otherwise is no reason to start over: the step is retried, after
# a delay that doubles each time.
MAX_STEP_RETRIES = 3
STEP_RETRY_S = 5.0
# Long enough for Stash to restart; the task that requested the run should not wait indefinitely.
STASH_TIMEOUT_S = 60.0

ALL = "all"
_ALIASES: Final[Mapping[str, str]] = {"recent": "24h", "7d": "7days", "1d": "24h"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """The delays above in real seconds: the time scale is applied."""

    intervals_s: Mapping[str, float]
    failed_run_retry_s: float
    blocked_retry_s: float
    step_retry_s: float
    stash_timeout_s: float


def delays(clock: Clock) -> Delays:
    """The delays at the clock's time scale."""
    return Delays(
        intervals_s={word: clock.interval(seconds) for word, seconds in INTERVALS_S.items()},
        failed_run_retry_s=clock.interval(FAILED_RUN_RETRY_S),
        blocked_retry_s=clock.interval(BLOCKED_RETRY_S),
        step_retry_s=clock.interval(STEP_RETRY_S),
        stash_timeout_s=clock.interval(STASH_TIMEOUT_S),
    )


def parse_scope_argument(value: object, default: str) -> str:
    """A task's `scope` argument, spelled as in the settings; `default` if it is not given.

    Raises ValueError, which says what is allowed.
    """
    if value in (None, ""):
        return default
    try:
        text = str(value).strip().lower()
        scope = parse_scope(_ALIASES.get(text, text))
    except BadValue as error:
        raise ValueError(f"scope is {str(value)[:40]!r}; it must be {error.allowed}") from None
    return _ALIASES.get(scope, scope)


def scope_start(scope: str, now: float) -> float | None:
    """The time since which a scene must have changed in Stash to be in the scope; None if every scene is."""
    if scope == ALL:
        return None
    if scope == "24h":
        return now - DAY_S
    days = re.match(r"\d+", scope)
    return now - int(days[0] if days else 1) * DAY_S


def next_run_at(
    interval: str, delays: Delays, *, now: float, last_run_at: float | None, failed_at: float | None
) -> float | None:
    """When the next scheduled run is due; None if never. Runs started by hand count as well.

    `failed_at`: when the last scheduled run failed, if no run succeeded since. Times in the future are ignored: the
    clock has been set back since.
    """
    period_s = delays.intervals_s.get(interval)
    if period_s is None:
        return None
    waits = ((last_run_at, period_s), (failed_at, delays.failed_run_retry_s))
    return max((at + wait_s for at, wait_s in waits if at is not None and is_plausible(at, now)), default=0.0)
