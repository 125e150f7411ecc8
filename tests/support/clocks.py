"""Clocks that stand still until a test moves them, or until somebody sleeps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class _Hands:
    now: float = 1_700_000_000.0
    monotonic: float = 5_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClock(Clock):
    """Setting it forward lets time pass; setting it back is what a person does to a system's clock."""

    hands: _Hands = field(default_factory=_Hands)

    def now(self) -> float:
        return self.hands.now

    def monotonic(self) -> float:
        return self.hands.monotonic

    def set(self, now: float) -> None:
        self.hands.monotonic += max(0.0, now - self.hands.now)
        self.hands.now = now

    def jump(self, seconds: float) -> None:
        """Set the system's clock, forward or back, while no time passes."""
        self.hands.now += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualClock(SetClock):
    """Time passes while somebody sleeps, and at once. `on_sleep`: called after each sleep."""

    on_sleep: list[Callable[[], object]] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.hands.monotonic += seconds
        self.hands.now += seconds
        for call in self.on_sleep:
            call()
