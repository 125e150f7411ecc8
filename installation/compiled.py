"""Compiles the modules that hooks load, so that no Save waits for the compiler.

Python does this itself unless PYTHONDONTWRITEBYTECODE is set, as in many Docker images, or the plugin's folder is not
writable for Stash. A hook then takes half as long again.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile

HOOK_PATH = (
    "hooks/__init__.py",
    "hooks/receive.py",
    "local/__init__.py",
    "local/files.py",
    "local/inbox.py",
    "local/lock.py",
    "local/start.py",
)


def compile_hook_path(root: str) -> None:
    """Compile each module whose compiled file is missing or older than the source. `root`: the plugin's folder."""
    for name in HOOK_PATH:
        source = os.path.join(root, *name.split("/"))
        if not _is_compiled(source):
            try:
                py_compile.compile(source, doraise=True)
            except (OSError, py_compile.PyCompileError):
                return  # the folder is not writable: hooks still work, but more slowly


def _is_compiled(source: str) -> bool:
    """Whether the cached file belongs to this source: bytes 8 to 16 hold its time and size (PEP 552)."""
    try:
        with open(importlib.util.cache_from_source(source), "rb") as file:
            header = file.read(16)
        status = os.stat(source)
    except OSError:
        return False
    return header[8:16] == int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
