"""Sees to it that the modules on the hook's path are compiled, so that no Save waits for the compiler.

Python does it by itself unless PYTHONDONTWRITEBYTECODE is set (many Docker images set it) or Stash
may not write to the plugin's folder; a hook then takes half as long again.
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
    """Compile what is not compiled yet, or was before the last update; `root` is the plugin's folder."""
    for name in HOOK_PATH:
        source = os.path.join(root, *name.split("/"))
        if not _is_compiled(source):
            try:
                py_compile.compile(source, doraise=True)
            except (OSError, py_compile.PyCompileError):
                return  # a folder that cannot be written: hooks are slower there, and work


def _is_compiled(source: str) -> bool:
    """Whether the cached file was made from this very source: bytes 8 to 16 are its time and size (PEP 552)."""
    try:
        with open(importlib.util.cache_from_source(source), "rb") as file:
            header = file.read(16)
        status = os.stat(source)
    except OSError:
        return False
    return header[8:16] == int(status.st_mtime).to_bytes(4, "little") + status.st_size.to_bytes(4, "little")
