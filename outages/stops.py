"""What stops the drain, and how fast it may go, as the state files say it. Pure.

The worker asks through `transitions.decide_gate`. The operations of `status/` ask with what they read from the files;
they have to answer fast, so this module needs no dataclass.
"""

from __future__ import annotations

from local.words import sentence
from store.evidence import Evidence

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol, TypeVar

    class PauseLike(Protocol):
        """A Pause, or one as read from the file."""

        @property
        def reason(self) -> str: ...  # noqa: D102 - as in Pause, also for those that follow
        @property
        def since(self) -> float: ...  # noqa: D102
        @property
        def message(self) -> str: ...  # noqa: D102
        @property
        def until(self) -> float | None: ...  # noqa: D102
        @property
        def is_on_trial(self) -> bool: ...  # noqa: D102

    class BreakerLike(Protocol):
        """A CircuitBreaker, or one as read from the file."""

        @property
        def state(self) -> str: ...  # noqa: D102 - as in CircuitBreaker, also for those that follow
        @property
        def evidence(self) -> str: ...  # noqa: D102
        @property
        def last_error(self) -> str | None: ...  # noqa: D102

    class PeriodLike(Protocol):
        """A RecoveryPeriod, or one as read from the file."""

        @property
        def started_at(self) -> float: ...  # noqa: D102 - as in RecoveryPeriod, also for those that follow
        @property
        def rate_scale(self) -> float: ...  # noqa: D102

    P = TypeVar("P", bound=PauseLike)
    Stop = tuple[str, str, float | None]

# The recovery period has this many equal steps; each is that many times as fast as the setting says.
RATE_STEPS = (1.0, 2.0, 4.0)
MIN_RATE_PER_S = 0.5
# A clock that is corrected all the time goes back by fractions of a second.
_ROUNDING_S = 0.1
PUSHES_NOTHING = "PlexSync pushes nothing for now"
CONTINUES_BY_ITSELF = "PlexSync continues by itself once that is resolved."
PAUSED = 'PlexSync is paused: "Pause" is switched on in its settings'
STORAGE = "storage"
STORAGE_MESSAGE = (
    "the worker cannot write to its data directory, most likely because the disk is full; plexsync.log there says more."
)
_STASH = "Stash does not answer"
_OPEN, _HALF_OPEN, _BUSY = "open", "half_open", "busy"  # as in Circuit and PauseReason
_WHAT_FAILS = (
    (Evidence.PROBE, "Plex is down"),
    (Evidence.READ, "Plex answers but shows no items"),
    (Evidence.WRITE, "Plex shows items but takes no changes"),
)


def what_fails(evidence: str) -> str:
    """What fails while the circuit is not closed, as the beginning of a sentence."""
    return next((words for kind, words in _WHAT_FAILS if kind == evidence), _WHAT_FAILS[0][1])


def cause_of(evidence: str, last_error: str | None) -> str:
    """What fails while the circuit is not closed, and the last error, in a sentence."""
    return f"{what_fails(evidence)}: {last_error or 'unknown'}"


def stop_of(breaker: BreakerLike, pauses: Sequence[PauseLike], next_check_at: float | None, now: float) -> Stop | None:
    """What stops the drain: a `stopped_by`, a sentence, and until when. An open circuit is named before any pause."""
    if breaker.state == _OPEN:
        return "circuit", cause_of(breaker.evidence, breaker.last_error), next_check_at
    pause = active_pause(pauses, now)
    if pause is None:
        return None
    return _text(pause.reason), pause.message, next_check_at if pause.until is None else pause.until


def stop_reported(by: str | None, message: str | None) -> tuple[str, str] | None:
    """What stops the drain, if only `worker.json` says so: a `stopped_by`, and a sentence.

    `by` and `message`: as they stand there.
    """
    words = {"paused": PAUSED, "stash": _STASH}
    if by == STORAGE:
        return STORAGE, STORAGE_MESSAGE
    return (by, message or words[by]) if by in words else None


def active_pause(pauses: Sequence[P], now: float) -> P | None:
    """Return the pause that stops the drain: of several, the one whose reason comes first.

    A pause on trial does not stop the drain. A BUSY pause is ignored if more is left of it than it was long: the clock
    was set back since it began.
    """
    for pause in pauses:
        if pause.is_on_trial:
            continue
        if pause.until is None or is_ahead(pause.until, now, pause.until - pause.since):
            return pause
    return None


def trial_of(breaker: BreakerLike, pauses: Sequence[PauseLike]) -> tuple[str, str] | None:
    """What one job tries to show to be over, if nothing stops the drain: a `stopped_by`, and a sentence."""
    on_trial = next((pause for pause in pauses if pause.is_on_trial), None)
    if breaker.state == _HALF_OPEN:
        is_probed = breaker.evidence == Evidence.PROBE
        reason = "circuit"
        cause = "Plex answers again" if is_probed else cause_of(breaker.evidence, breaker.last_error)
    elif on_trial:
        reason, cause = _text(on_trial.reason), on_trial.message
    else:
        return None
    return reason, f"{sentence(cause)} One scene is pushed first, to test it."


def is_ahead(at: float, now: float, longest_s: float) -> bool:
    """Whether a stored time is still to come. Not if it is further ahead than it can mean, rounding aside."""
    return 0.0 < at - now <= 1.1 * longest_s + _ROUNDING_S


def need_probe(pauses: Sequence[PauseLike]) -> bool:
    """Whether there is a pause that only a probe or new settings can end."""
    return any(pause.reason != _BUSY for pause in pauses)


def _text(reason: str) -> str:
    """Of an enum's member, its value."""
    return str(getattr(reason, "value", reason))


def step_rate_at(started_at: float, now: float, rate_per_s: float, period_s: float) -> float | None:
    """Return the limit of the step that `now` lies in, in jobs per second; None outside the period.

    A clock that is slightly behind counts as the period's start; one set back by more than its length ends it.
    """
    position = (now - started_at) / period_s
    if not -1.0 <= position < 1.0:
        return None
    return rate_per_s * RATE_STEPS[int(max(0.0, position) * len(RATE_STEPS))]


def rate_at(period: PeriodLike, now: float, rate_per_s: float, period_s: float) -> float | None:
    """Return the limit in jobs per second, as failures have reduced it; None outside the period."""
    step_rate = step_rate_at(period.started_at, now, rate_per_s, period_s)
    return None if step_rate is None else max(step_rate * period.rate_scale, min(MIN_RATE_PER_S, rate_per_s))
