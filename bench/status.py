"""How long the page's operations take with ten thousand jobs, against `python -c pass` of the same interpreter.

All take turns, so that other load on the machine affects them alike. `python -m bench.status` prints the ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from contextlib import closing
from typing import TYPE_CHECKING

from bench.hooks import clean_python, compile_as_the_worker_does
from bench.world import ROOT, environment
from local.clock import Clock
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.ledger import Ledger
from store.queue import JobQueue

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

JOBS, WAITING, LETTERS = 10_000, 3_000, 1_000
ROUNDS = 40
ASKED: Sequence[Mapping[str, object]] = (
    {"mode": "overview"},
    {"mode": "queue_status"},
    {"mode": "needs_you"},
    {"mode": "needs_you", "group": "dead", "error_class": "Rejected"},
    {"mode": "needs_you", "group": "waiting", "error_class": "NotInPlex"},
    {"mode": "marks", "scene_ids": list(range(JOBS - 50, JOBS + 50))},
    {"mode": "scene_status", "scene_id": 7},
    {"mode": "outage_summary"},
)


def measure() -> Iterator[tuple[str, float, float]]:
    """By operation: its name with its arguments, its median in ms, and that of the bare interpreter."""
    compile_as_the_worker_does()
    with clean_python() as python, tempfile.TemporaryDirectory(prefix="plexsync-bench-") as folder:
        _fill(folder)
        env = {**environment(), "PLEXSYNC_NO_INSTALL": "1", "PLEXSYNC_DATA_DIR": folder}
        bare: list[float] = []
        took: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            bare.append(_time([str(python), "-c", "pass"], b"", env))
            for asked in ASKED:
                name = " ".join(str(value) for value in asked.values() if not isinstance(value, list))
                content = json.dumps({"server_connection": {}, "args": asked}, separators=(",", ":")).encode()
                command = [str(python), "-S", str(ROOT / "plexsync.py")]
                took.setdefault(name, []).append(_time(command, content, env))
        for name, times in took.items():
            yield name, 1000 * statistics.median(times), 1000 * statistics.median(bare)


def _fill(folder: str) -> None:
    now = Clock().now()
    os.makedirs(os.path.join(folder, "queue"))
    with closing(JobQueue(os.path.join(folder, "queue"), clock=Clock())) as queue:
        queue.add_all(_job(number, now, waits=number <= WAITING) for number in range(1, JOBS + 1))
    with closing(Ledger(folder)) as ledger:
        letters = DeadLetters(ledger)
        for number in range(JOBS, JOBS + LETTERS):
            letters.bury(_job(number, now, waits=False), None, now=now)


def _job(number: int, now: float, *, waits: bool) -> Job:
    job = Job(scene_id=number, reason=Reason.SYNC, first_event_at=now, last_event_at=now, error_class="Rejected")
    if not waits:
        return job
    return Job(
        scene_id=number, reason=Reason.SYNC, first_event_at=now, last_event_at=now, attempts=1, failed_at=now,
        not_before=now + 900, error_class="NotInPlex", error_text=f"Plex has no item with the file {number}.mp4",
    )  # fmt: skip


def _time(command: list[str], stdin: bytes, env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, input=stdin, capture_output=True, env=env, check=True)
    took_s = time.perf_counter() - began
    if stdin and not done.stdout.startswith(b'{"output": {'):
        raise ValueError(f"{stdin!r} was answered with {done.stdout!r}")
    return took_s


if __name__ == "__main__":
    for name, took_ms, bare_ms in measure():
        print(f"{name:36} {took_ms / bare_ms:.2f} x   ({took_ms:.1f} ms / {bare_ms:.1f} ms)")
