"""How fast jobs may go out after an outage: a token bucket whose rate grows in steps and heeds errors. Pure.

The steps of the recovery period are a third each: `recovery_rate`, twice, four times that; then no limit. When more
than a fifth of the last 20 jobs fail at the server level the rate is halved; 20 good ones in a row double it back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_STEPS = (1.0, 2.0, 4.0)
_WINDOW = 20
_MOST_FAILURES = _WINDOW // 5
_FLOOR_PER_S = 0.5
# Waiting exactly as long as told must be enough, though a float of epoch seconds is only exact to 0.24 microseconds.
# What a token lacks stays owed, so the rate holds in the long run.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What the settings ask for: jobs per second at first, length of the period in real seconds; both above 0."""

    rate_per_s: float
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPeriod:
    """The time after an outage, as `recovery_state.json` keeps it.

    `rate_scale` is what the errors have made of the rate, 0 < scale <= 1. `recent` holds the last results, newest
    last, True for a good one, since the scale last changed.
    """

    outage_id: int
    started_at: float
    rate_scale: float = 1.0
    recent: tuple[bool, ...] = ()

    def ends_at(self, pace: Pace) -> float:
        """Epoch seconds."""
        return self.started_at + pace.period_s

    def rate_at(self, now: float, pace: Pace) -> float | None:
        """Jobs per second; None when unlimited, before and after the period.

        A clock that runs a little behind is at the period's start; one set back by more than the period ends it.
        """
        step_rate = self._step_rate_at(now, pace)
        if step_rate is None:
            return None
        return max(step_rate * self.rate_scale, _floor_of(pace))

    def watched(self, *, good: bool, now: float, pace: Pace) -> RecoveryPeriod:
        """After a job's result: a good one, or a failure at the server level."""
        step_rate = self._step_rate_at(now, pace)
        if step_rate is None:
            return self
        recent = (*self.recent, good)[-_WINDOW:]
        if recent.count(False) > _MOST_FAILURES:
            lowest = min(1.0, _floor_of(pace) / step_rate)
            return replace(self, rate_scale=max(self.rate_scale / 2, lowest), recent=())
        if len(recent) == _WINDOW and all(recent) and self.rate_scale < 1.0:
            return replace(self, rate_scale=min(1.0, self.rate_scale * 2), recent=())
        return replace(self, recent=recent)

    def _step_rate_at(self, now: float, pace: Pace) -> float | None:
        position = (now - self.started_at) / pace.period_s
        if not -1.0 <= position < 1.0:
            return None
        return pace.rate_per_s * _STEPS[int(max(0.0, position) * len(_STEPS))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRateLimiter:
    """A token bucket of capacity 1, empty when it is made, so that a restart gains nobody a token.

    It fills at the lower one of the rates at the two ends of a stretch, so a step upwards cannot overfill it.
    """

    filled_at: float
    tokens: float = 0.0
    rate_per_s: float | None = None

    def take(self, now: float, rate_per_s: float | None) -> tuple[RecoveryRateLimiter, float]:
        """Take the token for one job; the second value is 0, or the seconds until there is one (none is taken then).

        `rate_per_s` None: no limit. A clock that was set back only fills the bucket later.
        """
        if rate_per_s is None:
            return RecoveryRateLimiter(filled_at=now), 0.0
        fill_rate = min(rate_per_s, self.rate_per_s or rate_per_s)
        tokens = min(1.0, self.tokens + max(0.0, now - self.filled_at) * fill_rate)
        if tokens < 1.0 - _ROUNDING:
            return replace(self, filled_at=now, tokens=tokens, rate_per_s=rate_per_s), (1.0 - tokens) / rate_per_s
        return replace(self, filled_at=now, tokens=tokens - 1.0, rate_per_s=rate_per_s), 0.0


def _floor_of(pace: Pace) -> float:
    """A rate set lower than the floor is its own floor."""
    return min(_FLOOR_PER_S, pace.rate_per_s)


def validated(period: RecoveryPeriod) -> RecoveryPeriod:
    """A period read from a file; ValueError when its scale is out of bounds."""
    if not 0.0 < period.rate_scale <= 1.0:
        raise ValueError(f"rate_scale {period.rate_scale} is not above 0 and at most 1")
    return replace(period, recent=period.recent[-_WINDOW:])
