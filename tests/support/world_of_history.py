"""What a history needs of the world that it happens in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sim.plex.simulator import PlexSim
    from sim.stash.simulator import StashSim
    from stash.settings import Settings


class Switch(Protocol):
    """Whether Stash runs hooks."""

    is_off: bool


class World(Protocol):
    """Stash, Plex and a worker; see `world_here.py` and `kill_world.py`."""

    @property
    def plex(self) -> PlexSim: ...

    @property
    def stash(self) -> StashSim: ...

    @property
    def sections(self) -> Sequence[int]: ...

    @property
    def settings(self) -> Mapping[str, object]: ...

    @property
    def hooks(self) -> Switch: ...

    @property
    def log(self) -> Sequence[str]: ...

    def configure(self, **settings: Any) -> None: ...

    def settings_in_effect(self) -> Settings: ...

    def is_read_ahead(self, rating_key: int) -> bool: ...

    def settle(self, *, is_lost: Callable[[int], bool]) -> None: ...

    def reconcile(self, *, is_preview: bool) -> Any: ...

    def ask(self, query: str) -> list[Any]: ...
