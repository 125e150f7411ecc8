"""How long a hook takes, against `python -c pass` of the same interpreter in an environment without packages.

The two take turns, so that other load on the machine affects both alike. Medians are compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
import venv
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.drain import PLEX_ANSWERS_AFTER_S, change
from bench.world import LOOK_S, ROOT, TooSlowError, environment, wait
from installation.compiled import compile_fast_modules
from local import inbox, lock
from local.data_directory import PACKAGES_NOTE
from store.reader import count_queue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.world import World

PAIRS = 60
IN_A_ROW = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Seconds of each run, as many of one kind as of the other."""

    plain: Sequence[float]
    hook: Sequence[float]

    @property
    def plain_ms(self) -> float:
        return 1000 * statistics.median(self.plain)

    @property
    def hook_ms(self) -> float:
        return 1000 * statistics.median(self.hook)

    @property
    def ratio(self) -> float:
        return self.hook_ms / self.plain_ms


class HookRuns:
    """Runs hooks as Stash does: pipes for input and output, and the script's answer read to its end."""

    def __init__(self, python: Path, world: World) -> None:
        self._python, self._world = str(python), world
        # A worker that such a hook starts finds no packages and ends by itself; what is measured is its start.
        self._env = {**environment(), "PLEXSYNC_NO_INSTALL": "1"}

    def pairs(self, count: int, data: str, prepare: Callable[[], None] = lambda: None) -> Pairs:
        plain, hook = [], []
        for number in range(count):
            prepare()
            plain.append(self._time(["-c", "pass"], b"", ""))
            hook.append(self._time(["-S", str(ROOT / "plexsync.py")], self._input(number), data))
        return Pairs(plain=plain, hook=hook)

    def _input(self, number: int) -> bytes:
        return self._world.hook_input(self._world.scenes[number % len(self._world.scenes)])

    def _time(self, arguments: list[str], stdin: bytes, data: str) -> float:
        env = {**self._env, "PLEXSYNC_DATA_DIR": data}
        pipe = subprocess.PIPE
        began = time.perf_counter()
        process = subprocess.Popen([self._python, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, env=env)
        output, errors = process.communicate(stdin)
        took_s = time.perf_counter() - began
        expected = b'{"output": "queued"}' if stdin else b""
        if process.returncode != 0 or output != expected or errors:
            raise ValueError(f"{arguments} ended with {process.returncode} and said {output!r} {errors!r}")
        return took_s


@contextmanager
def clean_python() -> Iterator[Path]:
    """The interpreter of an environment with nothing in it."""
    with tempfile.TemporaryDirectory(prefix="plexsync-bench-") as folder:
        venv.create(folder, with_pip=False, symlinks=os.name == "posix")
        yield Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def measure_living(runs: HookRuns, folder: str) -> Pairs:
    """Measure while the lock is held, as it is by a worker that has nothing to do."""
    runs.pairs(3, folder)  # makes the data directory, and warms up
    wait(lambda: _is_over(folder), "the worker's end")
    descriptor = lock.try_take(folder)
    if descriptor is None:
        raise ValueError(f"{folder} has a worker of its own")
    try:
        return runs.pairs(PAIRS, folder)
    finally:
        lock.release(descriptor)


def measure_none(runs: HookRuns, folder: str) -> Pairs:
    """Measure while nobody holds the lock: each hook starts a worker, and the next pair waits until that has ended."""
    note = os.path.join(folder, PACKAGES_NOTE)

    def prepare() -> None:
        wait(lambda: _is_over(folder), "the worker's end")
        if os.path.exists(note):
            os.unlink(note)

    return runs.pairs(PAIRS, folder, prepare)


def measure_busy(runs: HookRuns, world: World) -> Pairs:
    """Measure hooks in a row, of different scenes, while the worker pushes them; the servers share this machine too."""
    world.plex.latency_s = PLEX_ANSWERS_AFTER_S
    change(world, world.scenes, "Busy")
    for scene_id in world.scenes:
        inbox.publish(world.data, f"{inbox.SCENE}-{scene_id}", world.connection())
    world.start_worker()
    measured = runs.pairs(IN_A_ROW, world.data)
    if count_queue(world.data, time.time()).pending == 0:
        raise TooSlowError("the worker had nothing to do any more: the measurement is not what it says")
    return measured


def compile_as_the_worker_does() -> None:
    compile_fast_modules(str(ROOT))


def _is_over(folder: str) -> bool:
    """Whether the worker that the last hook started has ended."""
    time.sleep(LOOK_S)
    return os.path.exists(os.path.join(folder, PACKAGES_NOTE)) and lock.is_free(folder)
