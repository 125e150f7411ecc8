"""Runs every measurement and prints the table; `python3 bench` starts it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from typing import TYPE_CHECKING

from bench import drain, edits, hooks, large, reconcile, soak
from bench.world import open_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.hooks import Pairs

BUSY_SCENES = 1200
EDITED_SCENES = 60
# What PlexSync promises; a noisy machine may miss a target without anything being wrong.
TARGET_LIVING, TARGET_NONE = 1.2, 1.6
TARGET_COLD_MS, TARGET_WARM_MS = 2000, 1000
TARGET_CHANGED, TARGET_UNCHANGED = 2, 1
LARGE_SCENES, SOAKED_SCENES = 50, 100
TARGET_GROWN_MB, TARGET_SLOWER = 15, 1.2
TARGET_TAGS_CPU_S, TARGET_FLUSHES = 10, 200
TARGET_SCENES_PER_S, TARGET_REQUESTS = 60, 1.1


def main() -> int:
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs\n")
    for part in (report_hooks, report_edits, report_drain, report_reconciliation, report_large_numbers, report_soak):
        for line in part():
            print(f"  {line}".rstrip(), flush=True)
        print()
    return 0


def report_hooks() -> Iterator[str]:
    yield "Hook, against `python -c pass` of the same interpreter in a clean environment (medians)"
    hooks.compile_as_the_worker_does()
    with (
        hooks.clean_python() as python,
        open_world(BUSY_SCENES) as world,
        tempfile.TemporaryDirectory(prefix="plexsync-bench-") as folder,
    ):
        runs = hooks.HookRuns(python, world)
        world.end_worker()
        yield _pairs("a worker lives", hooks.measure_living(runs, folder), TARGET_LIVING)
        yield _pairs("no worker lives", hooks.measure_none(runs, folder), TARGET_NONE)
        yield _pairs(f"{hooks.IN_A_ROW} in a row, worker busy", hooks.measure_busy(runs, world), TARGET_LIVING)


def report_edits() -> Iterator[str]:
    yield "One edit in Stash"
    with open_world(EDITED_SCENES) as world:
        cold_ms = edits.measure_arrival(world, edits.COLD, is_cold=True)
        warm_ms = edits.measure_arrival(world, edits.WARM, is_cold=False)
        requests = edits.measure_requests(world)
    yield _row("hook's start to Plex, no worker", f"{cold_ms:.0f} ms", f"{TARGET_COLD_MS} ms")
    yield _row("hook's start to Plex, worker there", f"{warm_ms:.0f} ms", f"{TARGET_WARM_MS} ms")
    yield _row("requests to Plex: first push", f"{requests.first:.2f}")
    yield _row("requests to Plex: changed", f"{requests.changed:.2f}", str(TARGET_CHANGED))
    yield _row("requests to Plex: unchanged", f"{requests.unchanged:.2f}", str(TARGET_UNCHANGED))


def report_drain() -> Iterator[str]:
    answers_ms = 1000 * drain.PLEX_ANSWERS_AFTER_S
    yield f"Sync All of {drain.SCENES} scenes, all changed; Plex takes {answers_ms:.0f} ms for each answer"
    with open_world(drain.SCENES) as world:
        world.plex.latency_s = drain.PLEX_ANSWERS_AFTER_S
        first = drain.measure_sync(world, "Synchronized")
        again = drain.measure_sync(world, "Synchronized again")
        unchanged_ms = drain.measure_unchanged_ms(world)
        naive = drain.measure_naive(world, "Plain")
    target = f"{TARGET_SCENES_PER_S}/s, {TARGET_REQUESTS} requests"
    yield _row("PlexSync, never pushed before", _drain(first, naive), target)
    yield _row("PlexSync, pushed before", _drain(again, naive), target)
    yield _row(f"a plain script ({naive.scenes} of them)", _drain(naive, naive))
    yield _row("once more, nothing changed", f"{unchanged_ms:.2f} ms of PlexSync's own CPU a scene", "1 ms")


def report_reconciliation() -> Iterator[str]:
    yield "Reconcile Library (All), nothing to do: first run, then second"
    for size in reconcile.SIZES:
        for line in reconcile.lines(reconcile.measure(size)):
            yield f"  {line}"


def report_large_numbers() -> Iterator[str]:
    yield "Large numbers"
    with open_world(LARGE_SCENES) as world:
        cpu_s, took_s = large.measure_tags(world)
        flushes = large.count_flushes(world)
    tags = f"{cpu_s:.1f} s of CPU, {took_s:.0f} s"
    yield _row(f"{large.TAGS} changed tags", tags, f"{TARGET_TAGS_CPU_S} s of CPU")
    counted = "not counted: there is no strace" if flushes is None else f"{flushes} flushes"
    yield _row(f"{large.ENTRIES} changed scenes in the inbox", counted, f"{TARGET_FLUSHES} flushes")


def report_soak() -> Iterator[str]:
    yield f"{soak.SAVES} saves one after the other, each with another cookie; the end against the start"
    with open_world(SOAKED_SCENES) as world:
        figures = soak.measure_soak(world)
    memory = f"{figures.first_mb:.1f} MB, then {figures.last_mb:.1f} MB"
    yield _row("the worker's memory", memory, f"{TARGET_GROWN_MB} MB more at most")
    latency = f"{figures.first_ms:.0f} ms, then {figures.last_ms:.0f} ms"
    yield _row("from a save to Plex", latency, f"{TARGET_SLOWER} x at most")
    yield _row("files in the data directory", str(figures.files))


def _pairs(name: str, pairs: Pairs, target: float) -> str:
    return _row(name, f"{pairs.ratio:.2f} x   ({pairs.hook_ms:.1f} ms / {pairs.plain_ms:.1f} ms)", f"{target} x")


def _drain(measured: drain.SyncFigures, naive: drain.SyncFigures) -> str:
    factor = measured.scenes_per_s / naive.scenes_per_s
    return f"{measured.scenes_per_s:5.1f}/s, {measured.requests_per_scene:.2f} requests each, {factor:.1f} x"


def _row(name: str, value: str, target: str = "") -> str:
    return f"  {name:36} {value:40}" + (f" target: {target}" if target else "")


if __name__ == "__main__":
    sys.exit(main())
