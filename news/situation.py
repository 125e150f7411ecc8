"""What is the case, as far as the user may have to hear of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outages.breaker import OpenOutage
    from outages.history import Outage
    from outages.notices import Notice
    from outages.scheduler import Pause
    from store.dead_letters import DeadLetter
    from store.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class NewlyWaiting:
    """Scenes that have begun to wait until Plex has their file: how many, and the first of them with the reason."""

    count: int
    first: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is the case at one moment, and what has happened since the last message.

    `outage`: under way. `past`: the outage of `Said.outage`, once it has ended and is on record. `is_unconfirmed`: it
    ended without a success in what had failed. `pushed`: scenes ever pushed. `is_drained`: nothing is due. `proven`:
    what jobs have shown to work since the last stop. `settings`: what is wrong with them. `waiting`: how many scenes
    wait for a scan; None: not counted. `first`: the scene that was just pushed, if it may be the first one ever.
    """

    outage: OpenOutage | None = None
    past: Outage | None = None
    is_unconfirmed: bool = False
    pushed: int = 0
    pending: int = 0
    is_drained: bool = False
    proven: frozenset[Evidence] = frozenset()
    stops: tuple[Pause, ...] = ()
    settings: tuple[str, ...] = ()
    warnings: tuple[Notice, ...] = ()
    dead_letters: tuple[DeadLetter, ...] = ()
    last_dead_letter: int = 0
    newly_waiting: NewlyWaiting | None = None
    waiting: int | None = None
    first: str = ""
