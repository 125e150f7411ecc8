"""Runs every measurement and prints the table; `python3 bench` starts it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from typing import TYPE_CHECKING

from bench import drain, edits, hooks, large, reconcile, soak, status
from bench.world import open_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.hooks import Pairs

BUSY_SCENES = 1200
EDITED_SCENES = 60
# What PlexSync promises; a noisy machine may miss a target without anything being wrong.
TARGET_LIVING, TARGET_NONE = 1.2, 1.6
TARGET_STATUS = 3
TARGET_COLD_MS, TARGET_WARM_MS = 2000, 1000
TARGET_CHANGED, TARGET_UNCHANGED = 2, 0
TARGET_AT_ONCE_S, TARGET_DURING_MS = 4, 1000
LARGE_SCENES, SOAKED_SCENES = 50, 100
TARGET_GROWN_MB, TARGET_SLOWER = 15, 1.2
TARGET_TAGS_CPU_S, TARGET_FLUSHES = 10, 200
TARGET_FIELDS_PER_S, TARGET_SCENES_PER_S = 130, 45


def main() -> int:
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs\n")
    for part in (
        report_hooks, report_status, report_edits, report_drain, report_reconciliation, report_large_numbers,
        report_soak,
    ):  # fmt: skip
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


def report_status() -> Iterator[str]:
    yield f"The page's operations with {status.JOBS} jobs, against `python -c pass` of the same interpreter (medians)"
    for name, took_ms, bare_ms in status.measure():
        yield _row(name, f"{took_ms / bare_ms:.2f} x   ({took_ms:.1f} ms / {bare_ms:.1f} ms)", f"{TARGET_STATUS} x")


def report_edits() -> Iterator[str]:
    yield "One edit in Stash"
    with open_world(EDITED_SCENES) as world:
        cold_ms = edits.measure_arrival(world, edits.COLD, is_cold=True)
        warm_ms = edits.measure_arrival(world, edits.WARM, is_cold=False)
        requests = edits.measure_requests(world)
        at_once_s = edits.measure_at_once(world)
    with open_world(edits.LIBRARY) as world:
        world.plex.latency_s = drain.PLEX_ANSWERS_AFTER_S
        during_ms = edits.measure_during_sync(world)
    yield _row("hook's start to Plex, no worker", f"{cold_ms:.0f} ms", f"{TARGET_COLD_MS} ms")
    yield _row("hook's start to Plex, worker there", f"{warm_ms:.0f} ms", f"{TARGET_WARM_MS} ms")
    yield _row(f"during a first sync of {edits.LIBRARY}", f"{during_ms:.0f} ms, the longest", f"{TARGET_DURING_MS} ms")
    name = f"{edits.AT_ONCE} at once, {1000 * edits.PUT_S:.0f} ms a PUT"
    yield _row(name, f"{at_once_s:.1f} s", f"{TARGET_AT_ONCE_S} s; PUTs alone: {edits.AT_ONCE * edits.PUT_S:.1f} s")
    yield _row("requests to Plex: first push", f"{requests.first:.2f}")
    yield _row("requests to Plex: changed", f"{requests.changed:.2f}", str(TARGET_CHANGED))
    yield _row("requests to Plex: unchanged", f"{requests.unchanged:.2f}", str(TARGET_UNCHANGED))


def report_drain() -> Iterator[str]:
    answers_ms = 1000 * drain.PLEX_ANSWERS_AFTER_S
    yield f"Sync All of {drain.SCENES} scenes with covers; Plex takes {answers_ms:.0f} ms for each answer"
    with open_world(drain.SCENES, cover_bytes=drain.COVER_BYTES) as world:
        world.plex.latency_s = drain.PLEX_ANSWERS_AFTER_S
        first = drain.measure_sync(world, "Synchronized")
        again = drain.measure_sync(world, "Synchronized again")
        unchanged_ms = drain.measure_unchanged_ms(world)
        naive = drain.measure_naive(world, "Plain")
        limit = drain.measure_limit(world)
    fields, everything = f"{TARGET_FIELDS_PER_S}/s", f"{TARGET_SCENES_PER_S}/s"
    yield _row("first sync: all fields", _rate(first.fields_per_s, naive, limit.fields_per_s), fields)
    yield _row("first sync: covers, too", _rate(first.scenes_per_s, naive, limit.scenes_per_s), everything)
    yield _row("later sync of changed fields", _rate(again.fields_per_s, naive, limit.fields_per_s), fields)
    yield _row("requests for each scene", f"{first.requests_per_scene:.2f}, later {again.requests_per_scene:.2f}")
    yield _row(f"a plain script ({naive.scenes} of them)", f"{naive.scenes_per_s:5.1f}/s")
    one = f"{limit.fields_per_s:5.1f}/s, with covers {limit.scenes_per_s:.1f}/s"
    yield _row("one connection that only writes", one)
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


def _rate(per_s: float, naive: drain.SyncFigures, limit_per_s: float) -> str:
    return f"{per_s:5.1f}/s, {per_s / naive.scenes_per_s:.1f} x the script, {per_s / limit_per_s:.0%} of the limit"


def _row(name: str, value: str, target: str = "") -> str:
    return f"  {name:36} {value:40}" + (f" target: {target}" if target else "")


if __name__ == "__main__":
    sys.exit(main())
