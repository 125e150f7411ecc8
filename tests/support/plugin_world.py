"""PlexSync between a simulated Stash and a simulated Plex: the real script, real hooks, a real worker.

`PluginWorld` knows which Plex item belongs to which scene and which process is the worker (the holder of `worker.lock`
according to the kernel). It leaves no process behind.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hooks import say
from local import inbox, lock
from local.path_marks import without_marks
from sim.plex.simulator import PlexSim
from sim.stash.long_ago import make_old
from sim.stash.simulator import StashSim
from tests.support.pythons import windows_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sim.plex.simulator import ItemView, Request
    from sim.stash.plugin_host import Invocation

ROOT = Path(__file__).resolve().parent.parent.parent
MEDIA = "/media"
TOKEN = "plex-token-s3cr3t"
# Generous: several test processes may share the machine. Conditions are polled, so what is quick stays quick.
PATIENCE_S = 40.0
POLL_S = 0.01
# The files of PlexSync, for a copy that a test may update or remove.
ROOMS = (
    "hooks",
    "installation",
    "local",
    "network",
    "plex",
    "stash",
    "store",
    "outages",
    "push",
    "news",
    "status",
    "tasks",
    "worker",
    "reconciliation",
    "undo",
    "shell",
)
ENTRY_POINT = ("plexsync.py", "plexsync.yml", "requirements.txt")
_UNSETTLED = "SELECT data FROM ack_queue_default WHERE status < 5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The output and the end of one start of the script."""

    stdout: bytes
    stderr: bytes
    exit_code: int
    took_s: float

    @property
    def json(self) -> Any:
        """Standard output, which must be exactly one JSON value."""
        return json.loads(self.stdout)


class PluginWorld:
    """One Stash, one Plex with the section `Movies`, one data directory.

    With `time_scale` 60 an idle worker leaves after 1 s, and back-offs last a tenth of a second and more.
    """

    def __init__(
        self,
        folder: Path,
        *,
        time_scale: float = 60.0,
        plugin: Path = ROOT,
        python: str = sys.executable,
        env: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        self.folder = folder
        self.directory = directory or folder / "data"
        if python == sys.executable and os.environ.get("PLEXSYNC_TEST_WINDOWS"):
            python = windows_python(folder)
        self.script, self.python = plugin / "plexsync.py", python
        self.env = {
            "PLEXSYNC_DATA_DIR": str(self.directory),
            "PLEXSYNC_TIME_SCALE": f"{time_scale:g}",
            "PLEXSYNC_NO_INSTALL": "1",
            "PLEXSYNC_PLEX_TV": "http://127.0.0.1:9",  # where nobody listens
            **(env or {}),
        }
        self.plex = PlexSim(token=TOKEN)
        self.stash = StashSim(plugin=plugin, python=python, home=folder / "stash", env=self.env)
        self.keys: dict[int, int] = {}  # scene id -> rating key
        self.section = 0

    # Start and stop

    def __enter__(self) -> PluginWorld:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self.plex.__enter__()
        self.section = self.plex.add_section("Movies", locations=[MEDIA])
        self.stash.start()
        self.configure()
        return self

    def __exit__(self, error: object, *_: object) -> None:
        self.stash.close()  # first: a running hook could start one more worker
        self.stop_workers()
        self.plex.stop()
        if error is None:
            shown = [self.log_text(), *(line.text for line in self.stash.log)]
            assert all(text == without_marks(text) for text in shown), "a log shows the marks of a path"

    # Contents

    def add_scenes(self, count: int, **scene: Any) -> list[int]:
        """Add scenes without titles, each with its item in Plex; `scene` as for `StashSim.add_scene`. Returns the
        ids.
        """
        return [self.add_scene(**scene) for _ in range(count)]

    def add_scene(self, **scene: Any) -> int:
        """Add a scene in Stash, and in Plex the item with its file; returns the scene's id.

        Its file and what it shows are older than PlexSync, so catch-up does not look at them as new ones.
        """
        number = len(self.keys) + 1
        path, size = f"{MEDIA}/scene {number}.mp4", 1000 + number
        scene_id = self.stash.add_scene(path, size, **scene)
        make_old(self.stash.library, scene_id)
        self.keys[scene_id] = self.plex.add_item(self.section, files=[(path, size)])
        return scene_id

    def configure(self, **settings: Any) -> None:
        """Configure the plugin with the address of Plex and these settings; None leaves a setting unset.

        The worker leaves when it is idle, so that a test can wait for that; with `leave_when_idle=False` it stays.
        """
        given = {"plex_url": self.plex.url, "plex_token": TOKEN, "leave_when_idle": True, **settings}
        self.stash.configure_plugin(**{key: value for key, value in given.items() if value is not None})

    def item(self, scene_id: int) -> ItemView:
        """The scene's item in Plex as it is now."""
        return self.plex.item(self.keys[scene_id])

    def has_titles(self, titles: Mapping[int, str]) -> bool:
        """Whether Plex shows these titles, by scene id."""
        return all(self.item(scene_id).title == title for scene_id, title in titles.items())

    def wait_for_titles(self, titles: Mapping[int, str], timeout_s: float = PATIENCE_S) -> None:
        """Wait until Plex shows all of these titles, by scene id."""
        self.wait_until(lambda: self.has_titles(titles), "the titles in Plex", timeout_s)

    def plex_requests(self, scene_id: int) -> list[Request]:
        """The requests to Plex about the scene's item, or about its file by name."""
        key, name = self.keys[scene_id], os.path.basename(self.stash.library.scene(scene_id).files[0].path)
        return [each for each in self.plex.requests if key in each.rating_keys or each.first("file") == name]

    # Editing

    def edit_at_once(self, titles: Mapping[int, str]) -> None:
        """Save all these titles at the same instant; returns when the last save has returned."""
        with ThreadPoolExecutor(max(1, len(titles))) as pool:
            saves = [pool.submit(self.stash.update_scene, scene, title=title) for scene, title in titles.items()]
            for save in saves:
                save.result()

    def hook_input(self, scene_id: int, hook_type: str = "Scene.Update.Post", *, cookie_value: str = "") -> bytes:
        """The script's input as Stash would write it, without the hook's `input`."""
        port = int(self.stash.url.rsplit(":", 1)[1])
        cookie = {"Name": "session", "Value": cookie_value or self.stash.session_cookie()}
        connection = {
            "Scheme": "http", "Host": "127.0.0.1", "Port": port, "SessionCookie": cookie,
            "Dir": str(self.folder), "PluginDir": str(self.script.parent),
        }  # fmt: skip
        context = {"id": scene_id, "type": hook_type, "input": None}
        given = {"server_connection": connection, "args": {"hookContext": context}}
        return json.dumps(given, separators=(",", ":")).encode()

    def run_script(
        self, data: bytes | None, *, python: Sequence[str] = ("-S",), launcher: Sequence[str] = (), **process: Any
    ) -> Answer:
        """Start the script as Stash does, with this input. `launcher` is a command that ends by running the rest of its
        arguments; `process` goes to `subprocess.run`, with its `env` added to the existing environment.
        """
        env = {**os.environ, **self.env, **process.pop("env", {})}
        given: dict[str, Any] = {"input": data} if data is not None else {}
        given |= {"env": env, "cwd": self.folder, "capture_output": True, "timeout": 60, **process}
        began = time.monotonic()
        done = subprocess.run([*launcher, self.python, *python, str(self.script)], check=False, **given)
        took_s = time.monotonic() - began
        return Answer(stdout=done.stdout or b"", stderr=done.stderr or b"", exit_code=done.returncode, took_s=took_s)

    def fire_hook(self, scene_id: int, hook_type: str = "Scene.Update.Post") -> Answer:
        """Run one hook without Stash."""
        return self.run_script(self.hook_input(scene_id, hook_type))

    # The worker

    def worker_pid(self) -> int | None:
        """The holder of `worker.lock`, None if there is none."""
        return next(iter(self.lock_holders()), None)

    def lock_holders(self) -> list[int]:
        """The exclusive holders of `worker.lock` according to the kernel. A hook's probe is a shared lock."""
        try:
            inode = os.stat(self.directory / lock.NAME).st_ino
        except FileNotFoundError:
            return []
        lines = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
        return [
            int(words[4]) for words in lines
            if words[1:4] == ["FLOCK", "ADVISORY", "WRITE"] and words[5].rsplit(":", 1)[1] == str(inode)
        ]  # fmt: skip

    def worker_pids(self) -> list[int]:
        """All processes started as workers of this data directory, including those that wait for the lock."""
        arguments = f"\0worker\0{self.directory}\0".encode()
        return [pid for pid in all_pids() if read_proc(pid, "cmdline").endswith(arguments)]

    def at_work(self) -> set[int]:
        """The workers that have the queue open; there must never be two."""
        mark = str(self.directory / "queue" / "data.db")
        return {pid for pid in self.worker_pids() if mark in open_files(pid)}

    def wait_for_worker(self) -> int:
        """Wait until a worker holds the lock; returns its process id."""
        self.wait_until(lambda: self.worker_pid() is not None, "a worker")
        return self.worker_pid() or self.wait_for_worker()

    def wait_until_worker_left(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until no worker process is left. One that ends has its lock a little longer than its command line."""
        self.wait_until(lambda: not self.lock_holders() and not self.worker_pids(), "the worker to leave", timeout_s)

    def kill_worker(self) -> bool:
        """Kill the holder of the lock and wait for its death; returns whether there was one."""
        pid = self.worker_pid()
        if pid is None:
            return False
        kill_and_wait(pid)
        return True

    def stop_workers(self) -> None:
        """Kill every worker, including those that wait for the lock."""
        while pids := self.worker_pids():
            for pid in pids:
                kill_and_wait(pid)

    @contextmanager
    def no_worker(self) -> Iterator[None]:
        """Hold the lock, so that hooks believe a worker is running and their inbox files stay where they are."""
        inbox.prepare(str(self.directory))
        descriptor = lock.try_take(str(self.directory))
        assert descriptor is not None, "a worker holds the lock"
        try:
            yield
        finally:
            lock.release(descriptor)

    def started(self) -> list[Invocation]:
        """The starts of the script that were not the worker's own: hooks, tasks and operations of others."""
        return [each for each in self.stash.invocations if each.args.get("mode") != say.MODE]

    # Pending work

    def inbox_names(self) -> list[str]:
        """The names in the inbox, including temporary files and claims."""
        try:
            return sorted(os.listdir(inbox.folder(str(self.directory))))
        except FileNotFoundError:
            return []

    def jobs(self) -> list[Any]:
        """The jobs that are queued and not settled, as stored on disk."""
        path = self.directory / "queue" / "data.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as database:
            try:
                return [json.loads(data) for (data,) in database.execute(_UNSETTLED)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def is_idle(self) -> bool:
        """Whether nothing is pending. Reads the inbox first: what leaves it is in the queue by then."""
        return all(map(is_left_by_the_dead, self.inbox_names())) and not self.jobs()

    def wait_idle(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until nothing is pending."""
        self.wait_until(self.is_idle, "an empty queue", timeout_s)

    def settle_later(self) -> None:
        """Else catch-up queues again, two seconds after their edit, the scenes that failed within its second."""
        self.wait_idle()
        with closing(sqlite3.connect(self.directory / "sync_state.db", timeout=10)) as database, database:
            database.execute("UPDATE scene SET settled_at = settled_at + 10")
        self.wait_idle()

    # Logs

    def log_text(self) -> str:
        """The worker's log."""
        path = self.directory / "plexsync.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def problems(self) -> list[str]:
        """Warnings and errors in the worker's log and in Stash's."""
        own = [line for line in self.log_text().splitlines() if " WARNING " in line or " ERROR " in line]
        return own + [line.text for line in self.stash.log if line.level in {"warning", "error"}]

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Poll a condition; raises AssertionError with everything that helps to diagnose the failure."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"waited {timeout_s:g} s in vain for {what}. Worker: {self.worker_pids()}, inbox: "
                    f"{self.inbox_names()}, jobs: {self.jobs()[:5]}, log:\n{self.log_text()[-3000:]}"
                )
            time.sleep(POLL_S)


def shell(script: str) -> tuple[str, ...]:
    """A launcher: a shell runs this script, then becomes the rest of the command where the script says `"$@"`."""
    return ("sh", "-c", script, "sh")


def is_left_by_the_dead(name: str) -> bool:
    """Whether this is a temporary file in the inbox whose writer was killed: a minute later it counts as an entry."""
    pid = name.rpartition("-")[0].rpartition("-")[2]
    return name.startswith(inbox.TEMPORARY) and pid.isdigit() and int(pid) not in all_pids()


def all_pids() -> list[int]:
    """Every process of the machine."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read_proc(pid: int, name: str) -> bytes:
    """A file of /proc; empty for a process that has gone, or is dead and not yet reaped."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def descriptors_of(pid: int) -> dict[int, str]:
    """The open files of a process by descriptor; empty if the process has gone."""
    folder, found = f"/proc/{pid}/fd", {}
    with suppress(OSError):
        for name in os.listdir(folder):
            with suppress(OSError):  # closed meanwhile
                found[int(name)] = os.readlink(f"{folder}/{name}")
    return found


def open_files(pid: int) -> set[str]:
    """The open files of a process."""
    return set(descriptors_of(pid).values())


def kill_and_wait(pid: int) -> None:
    """Kill a process and wait until it has gone or is a zombie: then its locks are free."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + PATIENCE_S
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} outlives SIGKILL"
        time.sleep(0.001)


def is_running(pid: int) -> bool:
    """Whether the process still has its files and locks; its command line disappears a little earlier.

    The first thread may be dead while another one of them, which has the same files, is still about to end.
    """
    state = read_proc(pid, "stat").rpartition(b")")[2].split()[:1]
    with suppress(OSError):
        return state not in ([], [b"Z"], [b"X"]) or len(os.listdir(f"/proc/{pid}/task")) > 1
    return False
