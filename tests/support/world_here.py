"""PlexSync in this process: the worker's own parts on a real disk, between the two simulators.

Time is virtual: it passes while the worker sleeps, and at once. Edits go to the simulated Stash as a user's do, and run
the hook's own code. The worker can be killed at any of its writes (see `KillPoints`) and started again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import tempfile
from collections import deque
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from hooks.receive import accept, parse
from local import inbox, lock
from local.redact import Redactor
from news.collect import WarningCollector
from outages.transitions import GateKind
from push.plex_link import PlexLink
from push.writes import Write
from reconciliation.reconciler import Reconciler
from reconciliation.state import COMMAND
from sim.plex.simulator import PlexSim
from sim.port import HOST
from sim.stash.plugin_host import Output
from stash.settings import Settings, parse_settings
from store.requests import command_content, command_entry, result_path
from tests.support.clocks import VirtualClock
from tests.support.kill_points import KillableAdapter, KillableConnection, KillableQueue, Killed, KillPoints
from tests.support.memory_network import MemoryPort, MemoryStash, memory_network
from undo.undoing import Undoing
from worker import serve
from worker.loop import SyncWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from plex.index import Index
    from push.pusher import Pusher
    from push.writes import Clients
    from worker.catch_up import CatchUp
    from worker.parts import Parts

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "plex-token-s3cr3t"
# Catch-up comes every 3 s, and no back-off is longer than half a second.
SCALE = 200.0
# In memory where there is such a folder: what is tested is the order of writes, not the disk.
FASTEST_DISK = next(filter(os.path.isdir, ["/dev/shm"]), None)  # noqa: S108 - a folder of its own in there
MOST_ROUNDS = 200
LOG = logging.getLogger("world here")


class HooksHere:
    """In place of the simulated Stash's host of plugins: runs hooks in this process. `is_off`: events are lost."""

    def __init__(self, directory: str, clock: VirtualClock) -> None:
        self.is_off = False
        self._directory = directory
        self._clock = clock

    def start(self, _command: Sequence[str], stdin: bytes, **_how: str) -> None:
        hook = parse(stdin)
        assert hook is not None
        if hook.name and not self.is_off:
            accept(hook, directory=self._directory, script="")
            os.utime(os.path.join(inbox.folder(self._directory), hook.name), (self._clock.now(),) * 2)

    def wait(self, _run: None, _is_cancelled: Callable[[], bool]) -> Output:
        return Output("queued")

    def note(self, level: str, text: str) -> None:
        raise AssertionError(f"{level}: {text}")


class KillablePlexLink(PlexLink):
    """Its requests to Plex and its index have kill points."""

    points: KillPoints

    def _make_pusher(self, clients: Clients, index: Index, settings: Settings, server: str) -> Pusher:
        for plex in (clients.here, clients.beside):
            session = plex._transport._session
            session.mount("http://", KillableAdapter(session.get_adapter("http://"), self.points))
        index._file._connection = _killable(index._file._connection, self.points)
        return super()._make_pusher(clients, index, settings, server)


class WriterHere:
    """In place of the thread: does a write when it is started, or not before the worker waits for it, in turn."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self._started = 0
        self._writes: deque[Write | Exception | None] = deque()  # what was not done yet, failed, or is done

    def start(self, write: Write) -> None:
        self._started += 1
        is_late = not self._started % 3 or any(each is not None for each in self._writes)
        self._writes.append(write if is_late else _error_of(write))

    def wait(self) -> None:
        first = self._writes.popleft()
        error = _error_of(first) if isinstance(first, Write) else first
        if error is not None:
            self.drop()
            raise error

    def drop(self) -> None:
        self._writes.clear()

    def close(self) -> None:
        assert not self._writes, "a write is still in flight"


def _error_of(write: Write) -> Exception | None:
    """As a thread would hand it over."""
    try:
        write.send(write.clients.beside)
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


class WorldHere:
    """Two libraries of Plex have the same folder. The worker is started when it is first needed, and after a kill."""

    def __init__(self, *, depth: int = 1, **settings: object) -> None:
        """`depth`: see Writer."""
        self._depth = depth
        self._folder = tempfile.mkdtemp(prefix="world-here-", dir=FASTEST_DISK)
        self.directory = os.path.join(self._folder, "data")
        self.log: deque[str] = deque(maxlen=200)
        self.clock = VirtualClock(scale=SCALE)
        self.points = KillPoints()
        self.plex = PlexSim(token=TOKEN, clock=self.clock.now)
        self.stash = MemoryStash(plugin=ROOT, home=os.path.join(self._folder, "stash"), parallel_tasks=1)
        self.stash.library._now = self.clock.now
        self.hooks = HooksHere(self.directory, self.clock)
        self.stash._plugins.host = cast("Any", self.hooks)
        self.parts: Parts | None = None
        self.worker: SyncWorker | None = None
        self.reconciler: Reconciler | None = None
        self.catch_up: CatchUp | None = None
        self.settings: dict[str, object] = {}
        self._open_parts, self._network = ExitStack(), ExitStack()
        self.deaths = 0
        self._disk: Any = None
        self._commands = 0
        self._open(settings)

    def _connect(self) -> None:
        ports = [MemoryPort(server._port) for server in (self.plex, self.stash)]
        self.plex._port, self.stash._port = cast("Any", ports)
        connection = self._network.enter_context(memory_network(*ports))
        self.stash.connection = connection(HOST, ports[1].number)

    def _open(self, settings: dict[str, object]) -> None:
        self._connect()
        self._handler = _Remember(self.log)
        LOG.handlers, LOG.propagate = [self._handler], False
        LOG.setLevel(logging.DEBUG)
        self.plex.__enter__()
        self.sections = [self.plex.add_section(name, locations=["/media"]) for name in ("Movies", "Films")]
        self.stash.start()
        self.configure(**settings)
        inbox.prepare(self.directory)
        descriptor = lock.try_take(self.directory)  # hooks find a worker running
        assert descriptor is not None
        self._descriptor = descriptor
        connection = self.stash._plugins._connection("")
        inbox.publish(self.directory, "connection-", json.dumps({"server_connection": connection}).encode())
        self.run(rounds=3)
        self.clock.sleep(5)  # catch-up looks at nothing that is as old as the installation

    def close(self) -> None:
        with suppress(Killed):
            self.stop()
        self.stash.close()
        self.plex.stop()
        self._network.close()
        lock.release(self._descriptor)
        shutil.rmtree(self._folder)

    def configure(self, **settings: object) -> None:
        """Configure the plugin anew. A job never becomes a dead letter because of a server's failures."""
        self.settings = {"plex_url": self.plex.url, "plex_token": TOKEN, "max_retries": 100, **settings}
        self.stash.configure_plugin(**self.settings)

    def settings_in_effect(self) -> Settings:
        return parse_settings(self.settings, {})[0]

    # The worker

    def start(self) -> None:
        """Open the worker's parts, as `worker/serve.py` does, with kill points in them."""
        self.points.is_dead = False
        self._open_parts = ExitStack()
        parts = serve._open_parts(
            self.directory, self.clock, LOG, Redactor(), WarningCollector(), self._open_parts
        )
        parts.ledger._file._connection = _killable(parts.ledger._file._connection, self.points)
        self._disk = parts.queue._disk
        parts.queue._disk = KillableQueue(self._disk, self.points)
        connection = parts.queue._connection
        parts.queue._connection = lambda: self.points.around_all(connection())  # type: ignore[method-assign]
        plex = KillablePlexLink(directory=self.directory, ledger=parts.ledger, clock=self.clock, log=LOG)
        plex.points = self.points
        self._open_parts.callback(plex.close)
        self.parts = parts = replace(parts, plex=plex)
        self.reconciler = Reconciler(parts)
        self._open_parts.callback(self.reconciler._close_cache)
        self.catch_up = serve.make_catch_up(parts)
        self.worker = SyncWorker(
            parts, linger_s=1e9, plugin_change=lambda: None, requested=(Undoing(parts), self.reconciler),
            background=(serve.make_picture_locking(parts), self.catch_up, serve.make_missing_scenes(parts)),
            writer=WriterHere(self._depth),
        )  # fmt: skip
        parts.resilience.start(self.clock.now())

    def stop(self) -> None:
        """Let the worker end in order, as after an update."""
        worker, self.worker, self.parts = self.worker, None, None
        if worker is not None:
            worker._drain.complete()
            worker._drain.close()
            worker._resilience.store_counts(self.clock.now())
            self._close_parts()

    def kill(self) -> None:
        """Kill the worker between two of its steps, if it runs."""
        if self.worker is not None:
            self.points.is_dead = True
            self._bury()

    def _close_parts(self) -> None:
        with suppress(Killed):
            self._open_parts.close()
        if self._disk is not None:
            self._disk._getter = self._disk._putter = None  # lest another thread collects, and closes, them

    def _bury(self) -> None:
        self._close_parts()
        self.deaths += 1
        self.worker = self.parts = None
        self.points.left = None

    def run(self, rounds: int = 1, *, until: Callable[[], bool] = lambda: False) -> bool:
        """Run so many rounds of the worker's loop, or until this is true. False if it was not, or the worker died."""
        try:
            if self.worker is None:
                self.start()
            assert self.worker is not None
            for _ in range(rounds):
                if until():
                    return True
                wait_s = self.worker._round()
                if until():  # after the wait, which may be longer than the time to the next look at Stash, it is not
                    return True
                self.worker._idle.wait(wait_s)
        except Killed:
            self._bury()
        return self.worker is not None and until()

    def kill_after(self, points: int) -> None:
        """Kill the worker when it has passed so many kill points from now on."""
        self.points.left = points

    def wait_for_death(self) -> bool:
        """Run until the worker is dead. False if it has no more to do before that; then it is not killed any more."""
        before = self.deaths
        self._run_until_quiet()
        self.points.left = None
        return self.deaths > before

    def finish(self) -> None:
        """Do everything that is pending."""
        assert self._run_until_quiet(), self.unrest()

    def _run_until_quiet(self) -> bool:
        return self.run(MOST_ROUNDS, until=lambda: self.is_quiet(lambda _: False))

    # Settling

    def settle(self, *, is_lost: Callable[[int], bool]) -> None:
        """Work under whatever is wrong, then heal it and run until nothing is left to do.

        `is_lost`: whether Plex has no item for a scene.
        """
        self.run(2)
        self.heal()
        for _ in range(2):
            self.clock.sleep(3)  # the second of the last edit is over, and catch-up is due
            for _ in range(2):  # the worker may be killed once
                if is_at_rest := self.run(MOST_ROUNDS, until=lambda: self.is_quiet(is_lost)):
                    break
            assert is_at_rest, f"PlexSync does not come to rest: {self.unrest()}\n" + "\n".join(self.log)

    def heal(self) -> None:
        """End all faults of both servers."""
        self.plex.heal()
        self.stash.heal()
        self.plex.clear_requests()
        self.stash.requests.clear()

    def is_quiet(self, is_lost: Callable[[int], bool]) -> bool:
        """Whether nothing is pending but scenes that Plex does not have."""
        parts, worker = self.parts, self.worker
        assert parts is not None
        assert worker is not None
        if inbox.list_entries(self.directory, self.clock.now())[0] or worker._fan_out.is_pending:
            return False
        if parts.resilience.gate(self.clock.now()).kind is not GateKind.DRAIN or worker._stash.is_away:
            return False
        if (self.reconciler and self.reconciler.is_running) or len(parts.plex.picture_locks):
            return False
        if worker._stash._until_newest.is_over or self._is_catch_up_due():
            return False
        return all(job.error_class == "NotInPlex" and is_lost(job.scene_id) for job in parts.queue.jobs())

    def _is_catch_up_due(self) -> bool:
        at = self.catch_up.due_at(self.clock.now()) if self.catch_up else None
        return at is None or at <= self.clock.now()

    def unrest(self) -> str:
        """What is pending."""
        parts, worker = self.parts, self.worker
        if parts is None or worker is None:
            return "the worker was killed"
        entries = [os.path.basename(each.path) for each in inbox.list_entries(self.directory, self.clock.now())[0]]
        return (
            f"inbox {entries}, jobs {list(parts.queue.jobs())}, {parts.resilience.gate(self.clock.now())}, "
            f"fan-out {worker._fan_out.is_pending}, locks {len(parts.plex.picture_locks)}, "
            f"Stash away {worker._stash.is_away}"
        )

    def is_read_ahead(self, rating_key: int) -> bool:
        """Whether the worker holds the item as it was before."""
        if self.worker is None or self.parts is None:
            return False
        pusher = self.parts.plex._pusher
        return rating_key in self.worker._drain.read_ahead.items._items or (
            pusher is not None and rating_key in pusher.busy
        )

    def reconcile(self, *, is_preview: bool) -> Any:
        """Reconcile everything as the task does; returns the task's answer."""
        path = self.command(COMMAND, {"scope": "all", "preview": is_preview})
        is_answered = any(self.run(MOST_ROUNDS, until=path.exists) for _ in range(2))  # it may be killed once
        assert is_answered, f"no answer: {self.unrest()}"
        return json.loads(path.read_text())

    def command(self, what: str, arguments: dict[str, object]) -> Path:
        """Put a task's command into the inbox; returns the path of the answer to come."""
        self._commands += 1
        name = str(self._commands)
        content = command_content(name, what, arguments, self.clock.now())
        inbox.publish(self.directory, command_entry(name), content)
        os.utime(os.path.join(inbox.folder(self.directory), command_entry(name)), (self.clock.now(),) * 2)
        return Path(result_path(self.directory, name))

    def ask(self, query: str) -> list[Any]:
        """Read the ledger, beside the worker."""
        with closing(sqlite3.connect(f"file:{self.directory}/sync_state.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()


def _killable(connection: sqlite3.Connection | None, points: KillPoints) -> Any:
    assert connection is not None
    return KillableConnection(connection, points)


class _Remember(logging.Handler):
    def __init__(self, lines: deque[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(f"{record.levelname} {record.getMessage()}")
