"""Compiles the modules that hooks and fast operations load, so that no Save and no page waits for the compiler.

Python does this itself unless PYTHONDONTWRITEBYTECODE is set, as in many Docker images, or the plugin's folder is not
writable for Stash. A hook then takes half as long again.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile

# Those of hooks, then those of the operations in status/.
FAST = (
    "hooks/__init__.py",
    "hooks/receive.py",
    "local/__init__.py",
    "local/files.py",
    "local/inbox.py",
    "local/lock.py",
    "local/start.py",
    "hooks/say.py",
    "local/data_directory.py",
    "local/log_lines.py",
    "local/path_marks.py",
    "local/scale.py",
    "local/words.py",
    "outages/__init__.py",
    "outages/figures.py",
    "outages/stops.py",
    "outages/watched.py",
    "push/__init__.py",
    "push/advice.py",
    "status/__init__.py",
    "status/answer.py",
    "status/arguments.py",
    "status/files.py",
    "status/look.py",
    "status/marks.py",
    "status/needs_you.py",
    "status/outage_lines.py",
    "status/outage_summary.py",
    "status/overview.py",
    "status/push_again.py",
    "status/queue_status.py",
    "status/report.py",
    "status/scene_status.py",
    "status/scenes_reader.py",
    "status/status_lines.py",
    "status/wake.py",
    "status/watch.py",
    "status/worker.py",
    "store/__init__.py",
    "store/evidence.py",
    "store/reader.py",
    "store/statistics.py",
)


def compile_fast_modules(root: str) -> None:
    """Compile each module whose compiled file is missing or older than the source. `root`: the plugin's folder."""
    for name in FAST:
        source = os.path.join(root, *name.split("/"))
        if not _is_compiled(source):
            try:
                py_compile.compile(source, doraise=True)
            except (OSError, py_compile.PyCompileError):
                return  # the folder is not writable: all still works, but more slowly


def _is_compiled(source: str) -> bool:
    """Whether the cached file belongs to this source: bytes 8 to 16 hold its time and size (PEP 552)."""
    try:
        with open(importlib.util.cache_from_source(source), "rb") as file:
            header = file.read(16)
        status = os.stat(source)
    except OSError:
        return False
    return header[8:16] == int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
