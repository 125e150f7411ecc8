"""Which scenes a run looks at, and when the next one is due. Pure; times are epoch seconds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from stash.setting_values import BadValue, parse_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S

INTERVALS_S: Final[Mapping[str, float]] = {"hourly": HOUR_S, "daily": DAY_S, "weekly": 7 * DAY_S}
# A scheduled run that was refused or broken off is tried again after this long.
RETRY_S = 600.0
# Clocks are corrected by seconds all the time. A run that was further ahead than that was timed by a wrong one.
_CORRECTED_S = 60.0

ALL = "all"
_ALIASES: Final[Mapping[str, str]] = {"recent": "24h", "7d": "7days", "1d": "24h"}


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
    interval: str,
    *,
    now: float,
    last_run_at: float | None,
    failed_at: float | None,
    scaled: Callable[[float], float],
) -> float | None:
    """When the next scheduled run is due; None for never. A run by hand counts like any other.

    `failed_at`: when the last scheduled run failed, if none succeeded since. Times still to come are of a clock that
    was put back since, and count for nothing.
    """
    period_s = INTERVALS_S.get(interval)
    if period_s is None:
        return None
    waits = ((last_run_at, period_s), (failed_at, RETRY_S))
    return max(
        (at + scaled(wait_s) for at, wait_s in waits if at is not None and at <= now + _CORRECTED_S), default=0.0
    )
