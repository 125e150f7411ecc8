"""A PluginWorld for histories whose worker, the real program, is killed with SIGKILL at any of its writes."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stash.settings import Settings, parse_settings
from tests.support.plugin_world import MEDIA, PluginWorld

if TYPE_CHECKING:
    from collections.abc import Callable

# Ten minutes are a second: an idle worker leaves after a tenth of one, and each new one catches up.
SCALE = 600.0
PATIENCE_S = 900.0  # a machine may stop these processes for a while
_KILLER = Path(__file__).parent / "kill_at_write"


class _Hooks:
    """Whether Stash runs hooks."""

    def __init__(self, world: PluginWorld) -> None:
        self._world = world
        self._manifest = world.stash.manifest

    @property
    def is_off(self) -> bool:
        return self._world.stash._plugins.manifest is None

    @is_off.setter
    def is_off(self, is_off: bool) -> None:
        self._world.stash._plugins.manifest = None if is_off else self._manifest


class KillWorld(PluginWorld):
    """Two libraries of Plex have the same folder. `deaths`: how often the worker was killed."""

    def __init__(self, folder: Path) -> None:
        self._kill_at = folder / "kill at"
        env = {"PYTHONPATH": str(_KILLER), "PLEXSYNC_TEST_KILL": str(self._kill_at)}
        super().__init__(folder, time_scale=SCALE, env=env)
        self.settings: dict[str, object] = {}
        self.sections: list[int] = []
        self.hooks = _Hooks(self)
        self.deaths = 0

    def __enter__(self) -> KillWorld:  # noqa: PYI034 - Python 3.10 has no typing.Self
        super().__enter__()
        self.sections = [self.section, self.plex.add_section("Films", locations=[MEDIA])]
        return self

    @property
    def log(self) -> list[str]:
        return self.log_text().splitlines()[-60:]

    def configure(self, **settings: Any) -> None:
        self.settings = {"max_retries": 100, **settings}
        super().configure(**self.settings)

    def settings_in_effect(self) -> Settings:
        return parse_settings({"plex_url": self.plex.url, "plex_token": self.plex.token, **self.settings}, {})[0]

    def is_read_ahead(self, rating_key: int) -> bool:
        raise NotImplementedError(rating_key)  # nobody edits in Plex here

    def reconcile(self, *, is_preview: bool) -> Any:
        mode = "reconcile_preview" if is_preview else "reconcile_all"
        return {"output": self.stash.operation(mode=mode)}

    def ask(self, query: str) -> list[Any]:
        path = self.directory / "sync_state.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(query).fetchall()

    # Killing

    def kill_after(self, points: int) -> None:
        """Kill the worker when it has passed so many kill points from now on."""
        self._kill_at.write_text(str(points))

    @property
    def is_armed(self) -> bool:
        return self._kill_at.exists()

    def wait_for_death(self) -> bool:
        """Wait until the worker is dead. False if it has no more to do before that; then it is not killed any more."""
        self._start_worker()
        self.wait_until(lambda: not self.is_armed or self._has_left(), "the end of the worker", PATIENCE_S)
        if self.is_armed:
            self._kill_at.unlink()
            return False
        self.wait_until(lambda: self.worker_pid() is None, "the death of the worker", PATIENCE_S)
        self.deaths += 1
        return True

    def _has_left(self) -> bool:
        return not self.worker_pids() and self.is_idle()

    # Rest

    def settle(self, *, is_lost: Callable[[int], bool]) -> None:
        """Once the second of the last edit is over, let a worker finish everything."""
        assert is_lost is not None
        time.sleep(3)
        self.finish()

    def finish(self) -> None:
        """Let a worker do everything that is pending."""
        self._start_worker()
        self.wait_until(self._has_left, "rest", PATIENCE_S)

    def _start_worker(self) -> None:
        """The next event starts a worker, if what was pending was left by one that is dead."""
        self.fire_hook(next(iter(self.stash.library.scenes)))
