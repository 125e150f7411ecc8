"""What hooks and fast operations may load: somebody waits for each of them."""

from __future__ import annotations

import subprocess
import sys

from installation.compiled import FAST
from status.answer import MODES
from tests.support.sources import ROOT

# All of the standard library that may be loaded on the hook's path, beyond what `os` loads itself.
HOOK_LOADS = frozenset({"fcntl", "msvcrt", "time"})
HOOK_PATH = ("plexsync", "local.start")  # and every module of hooks/


def loaded_by(names: list[str], there: str) -> list[str]:
    """The modules that importing these loads. `there`: modules that do not count, `sys` among them."""
    code = (
        f"import {there}; before = set(sys.modules); sys.path.insert(0, sys.argv[1]); "
        "[__import__(name) for name in sys.argv[2:]]; print(*set(sys.modules) - before)"
    )
    command = [sys.executable, "-S", "-c", code, str(ROOT), *names]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert set(names) <= set(loaded)
    return loaded


def test_a_hook_loads_nothing_that_a_save_would_wait_for() -> None:
    names = [*HOOK_PATH, *(f"hooks.{path.stem}" for path in (ROOT / "hooks").glob("*.py") if path.stem != "__init__")]
    loaded = loaded_by(names, "os, sys")
    others = {name for name in loaded if name.split(".")[0] not in ("hooks", "local", "plexsync")}
    assert sorted(others - HOOK_LOADS) == []


def test_a_fast_operation_loads_nothing_that_its_caller_would_wait_for() -> None:
    """And the worker compiles all of it."""
    names = [f"status.{mode}" for mode in ("answer", *MODES)]
    loaded = loaded_by(names, "json, os, sqlite3, sys, types")
    ours = {name for name in loaded if (ROOT / name.split(".")[0]).is_dir()}
    assert sorted(set(loaded) - ours - HOOK_LOADS - {"__future__"}) == []
    assert {f"{name.replace('.', '/')}.py" for name in ours if "." in name} <= set(FAST)


def test_a_task_starts_the_worker_before_it_loads_what_takes_long() -> None:
    """It loads its own module while the worker loads everything else."""
    loaded = loaded_by(["tasks.run"], "os, sys")
    assert {name for name in loaded if name.startswith("tasks.")} == {"tasks.answers", "tasks.context", "tasks.run"}
    assert not {"requests", "plexapi", "plex.client", "stash.client", "worker.loop"} & set(loaded)
