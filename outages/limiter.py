"""How fast jobs go out after an outage: a token bucket whose rate grows in steps and falls on errors. Pure.

The recovery period has three equal steps: `recovery_rate`, twice that, four times that; then there is no limit. If more
than a fifth of the last 20 jobs fail at the server level, the rate is halved; 20 successes in a row double it again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from outages import stops

_WINDOW = 20
_MAX_FAILURES = _WINDOW // 5
# Waiting for exactly the returned time must be enough, but a float of epoch seconds is only exact to 0.24 microseconds.
# The missing fraction of a token stays owed, so the rate is correct in the long run.
_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The configured pace: jobs per second in the first step, length of the period in real seconds; both above 0."""

    rate_per_s: float
    period_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPeriod:
    """The time after an outage, as stored in `recovery_state.json`.

    `rate_scale` is the factor that errors have reduced the rate by, 0 < scale <= 1. `recent` holds the latest results
    since it last changed, newest last, True for a success.
    """

    outage_id: int
    started_at: float
    rate_scale: float = 1.0
    recent: tuple[bool, ...] = ()

    def ends_at(self, pace: Pace) -> float:
        """Return the end of the period, in epoch seconds."""
        return self.started_at + pace.period_s

    def rate_at(self, now: float, pace: Pace) -> float | None:
        """Return the limit in jobs per second; None outside the period, when there is no limit."""
        return stops.rate_at(self, now, pace.rate_per_s, pace.period_s)

    def with_result(self, *, good: bool, now: float, pace: Pace) -> RecoveryPeriod:
        """Add a job's result: `good`, or a failure at the server level."""
        step_rate = self._step_rate_at(now, pace)
        if step_rate is None:
            return self
        recent = (*self.recent, good)[-_WINDOW:]
        if recent.count(False) > _MAX_FAILURES:
            lowest = min(1.0, _min_rate_per_s(pace) / step_rate)
            return replace(self, rate_scale=max(self.rate_scale / 2, lowest), recent=())
        if len(recent) == _WINDOW and all(recent) and self.rate_scale < 1.0:
            return replace(self, rate_scale=min(1.0, self.rate_scale * 2), recent=())
        return replace(self, recent=recent)

    def _step_rate_at(self, now: float, pace: Pace) -> float | None:
        return stops.step_rate_at(self.started_at, now, pace.rate_per_s, pace.period_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRateLimiter:
    """A token bucket of capacity 1. It starts empty, so that a restart does not gain a token.

    Between two calls it fills at the lower of the two calls' rates, so that a step up cannot overfill it.
    """

    filled_at: float
    tokens: float = 0.0
    rate_per_s: float | None = None

    def take(self, now: float, rate_per_s: float | None) -> tuple[RecoveryRateLimiter, float]:
        """Take the token for one job; the second value is 0, or the seconds until there is a token if none was taken.

        `rate_per_s` None: no limit. If the clock was set back, the bucket only fills later.
        """
        if rate_per_s is None:
            return RecoveryRateLimiter(filled_at=now), 0.0
        fill_rate = min(rate_per_s, self.rate_per_s or rate_per_s)
        tokens = min(1.0, self.tokens + max(0.0, now - self.filled_at) * fill_rate)
        if tokens < 1.0 - _ROUNDING:
            return replace(self, filled_at=now, tokens=tokens, rate_per_s=rate_per_s), (1.0 - tokens) / rate_per_s
        return replace(self, filled_at=now, tokens=tokens - 1.0, rate_per_s=rate_per_s), 0.0


def _min_rate_per_s(pace: Pace) -> float:
    """A configured rate below the minimum is its own minimum."""
    return min(stops.MIN_RATE_PER_S, pace.rate_per_s)


def validated(period: RecoveryPeriod) -> RecoveryPeriod:
    """Check a period read from a file; ValueError if its scale is out of bounds."""
    if not 0.0 < period.rate_scale <= 1.0:
        raise ValueError(f"rate_scale {period.rate_scale} is not above 0 and at most 1")
    return replace(period, recent=period.recent[-_WINDOW:])
