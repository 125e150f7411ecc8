"""A world whose Plex goes away: the state files meanwhile, the requests Plex gets, and what must hold afterwards."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from local.files import write_atomically
from tests.support.plugin_world import PluginWorld
from tests.support.troubles import HERE, NAME_SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sim.faults import Request


class OutageWorld(PluginWorld):
    """A PluginWorld that finds its Plex by the name `plex.test`; see `tests/support/name_service`."""

    def __init__(self, folder: Path, *, time_scale: float = 60.0, env: Mapping[str, str] | None = None) -> None:
        address = folder / "address of plex.test"
        address.write_text(HERE)
        names = {"PYTHONPATH": str(NAME_SERVICE), "PLEX_TEST_ADDRESS": str(address)}
        super().__init__(folder, time_scale=time_scale, env={**names, **(env or {})})
        self.scale = time_scale

    def __enter__(self) -> OutageWorld:  # noqa: PYI034 - Python 3.10 has no typing.Self
        super().__enter__()
        return self

    def configure(self, **settings: Any) -> None:
        """Configure Plex by its name; a job gives up a hanging request after a second."""
        given = {"plex_url": f"http://plex.test:{self.plex.port}", "read_timeout": 1, **settings}
        super().configure(**given)

    # What is stored

    def state_file(self, name: str) -> dict[str, Any]:
        """One of the JSON state files; empty if there is none."""
        try:
            return dict(json.loads((self.directory / f"{name}.json").read_text()))
        except FileNotFoundError:
            return {}

    def write_state_file(self, name: str, content: Mapping[str, Any] | bytes) -> None:
        """Replace a state file, as another process or an accident would."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        write_atomically(str(self.directory / f"{name}.json"), data)

    def circuit(self) -> str:
        """`closed`, `open` or `half_open`."""
        return str(self.state_file("circuit_breaker").get("state", "closed"))

    def stopped_by(self) -> set[str]:
        """The reasons why the drain is stopped."""
        pauses = self.state_file("recovery_state").get("pauses", [])
        reasons = {pause["reason"] for pause in pauses if pause["until"] is None or pause["until"] > time.time()}
        return reasons | ({"circuit"} if self.circuit() == "open" else set())

    def scaled(self, seconds: float) -> float:
        """One of PlexSync's intervals in real seconds."""
        return seconds / self.scale

    def next_check_at(self) -> float:
        """The time of the next probe; now if none is planned."""
        return float(self.state_file("recovery_state").get("next_check_at") or time.time())

    def outages(self) -> list[dict[str, Any]]:
        """The outages that are over."""
        return list(self.state_file("outage_history").get("outages", []))

    def dead_letters(self) -> list[tuple[int, str, int]]:
        """Scene id, error class and attempts of each."""
        with closing(sqlite3.connect(f"file:{self.directory}/sync_state.db?mode=ro", uri=True, timeout=5)) as database:
            return list(database.execute("SELECT scene_id, error_class, attempts FROM dead_letter"))

    def attempts(self) -> dict[int, int]:
        """Attempts charged to each pending scene."""
        return {job["scene_id"]: job["attempts"] for job in self.jobs()}

    # Waiting

    def wait_stopped(self, reason: str) -> None:
        """Wait until the drain is stopped for this reason."""
        self.wait_until(lambda: reason in self.stopped_by(), f"the drain to stop: {reason}")

    def wait_circuit(self, state: str) -> None:
        """Wait until the circuit's file shows this state."""
        self.wait_until(lambda: self.circuit() == state, f"a circuit that is {state}")

    def new_worker(self) -> int:
        """Kill the worker, let a hook of scene 1 notice, and wait for the next worker; returns its process id."""
        old = self.worker_pid()
        self.kill_worker()
        self.fire_hook(min(self.keys))
        pid = self.wait_for_worker()
        assert pid != old
        self.wait_until(lambda: not self.inbox_names(), "the new worker to take in what is there")
        return pid

    # What Plex sees

    def puts(self, *, since: float = 0.0) -> list[Request]:
        """The edits that Plex received."""
        return [each for each in self.plex.requests if each.method == "PUT" and each.at >= since]

    def requests_between(self, begin: float, end: float) -> list[Request]:
        """The requests that Plex received in between (epoch seconds)."""
        return [each for each in self.plex.requests if begin <= each.at < end]


def is_of_probe(request: Request) -> bool:
    """Whether the request is a probe's. A job asks for items, or lists with more parameters than a type."""
    if request.method != "GET":
        return False
    is_look = request.path.endswith("/all") and request.query == (("type", "1"),)
    return is_look or request.path in {"/identity", "/library/sections"}
