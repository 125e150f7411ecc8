"""What the worker does beside the jobs: in short steps, between them, never before an edit that a user waits for.

The worker's own is catch-up; the door hands it the rest, which stands above the worker and imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.commands import Handler


def planned(at: float, now: float, most_s: float) -> float:
    """`at`, which was planned for `most_s` ahead or less; `now` where the clock was put back since."""
    return at if at - now <= most_s else now


class Background(Protocol):
    """Work that is done step by step by the loop, which is also served between the steps."""

    def due_at(self, now: float) -> float | None:
        """When the next step is due (epoch seconds); None while nothing is planned. A due step keeps the worker."""

    def step(self, now: float, obstacle: str | None) -> None:
        """Do a few seconds' work at most. `obstacle`: why Plex must not be asked now.

        Raises StashUnavailable and LocalStorage, after which the same step comes again, and PlexError.
        """

    def break_off(self, why: str, *, is_passing: bool = False) -> None:
        """A step failed. `is_passing`: Plex is well otherwise. The loop has taken care of the circuit."""


class AskedWork(Background, Protocol):
    """Background work that tasks can ask for."""

    @property
    def is_under_way(self) -> bool:
        """Whether there is more to do, if only later: the worker stays for it."""

    def commands(self) -> Mapping[str, Handler]:
        """What carries out the commands about it, by the command's word."""
