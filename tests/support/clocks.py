"""Clocks that stand still until a test moves them."""

from __future__ import annotations

from dataclasses import dataclass, field

from local.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClock(Clock):
    """Returns the last of `times`; `set` appends to them."""

    times: list[float] = field(default_factory=lambda: [1_700_000_000.0])

    def now(self) -> float:
        return self.times[-1]

    def set(self, now: float) -> None:
        self.times.append(now)
