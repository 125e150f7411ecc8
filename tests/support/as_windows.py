"""Runs a script as on Windows, as far as PlexSync's own files can tell.

    python as_windows.py PYTHON SCRIPT [ARGUMENT ...]

For the files beside the script, `os` is called "nt" and lacks what only POSIX has, `sys` says "win32", there is a
`msvcrt` and no `fcntl`, and a process is detached by Windows' flags. Everything below that is this machine's: paths,
files and processes behave as they do here. PYTHON is what the script takes for its interpreter.
"""

from __future__ import annotations

import builtins
import errno
import fcntl
import os
import runpy
import subprocess
import sys
import time
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# Of those that are used anywhere in the plugin, or could be.
NOT_IN_WINDOWS = (
    "chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg",
    "lchown", "mkfifo", "nice", "posix_spawn", "posix_spawnp", "pread", "pwrite", "register_at_fork", "setegid",
    "seteuid", "setgid", "setpgid", "setsid", "setuid", "statvfs", "sync", "uname", "wait3", "wait4",
)  # fmt: skip
DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP = 0x8, 0x200
LK_UNLCK, LK_LOCK, LK_NBLCK = 0, 1, 2
# How often LK_LOCK tries, once a second.
TRIES = 10


def windows_os() -> ModuleType:
    made = ModuleType("os")
    made.__dict__.update(os.__dict__)
    for name in (*NOT_IN_WINDOWS, *(name for name in vars(os) if name.startswith(("POSIX_SPAWN_", "SCHED_")))):
        made.__dict__.pop(name, None)
    made.__dict__["name"] = "nt"
    return made


class WindowsSys(ModuleType):
    """The real one, under another platform's name."""

    platform = "win32"

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(sys, name, value)


def windows_msvcrt() -> ModuleType:
    made = ModuleType("msvcrt")
    made.__dict__.update(LK_UNLCK=LK_UNLCK, LK_LOCK=LK_LOCK, LK_NBLCK=LK_NBLCK, locking=locking)
    return made


def locking(descriptor: int, mode: int, _bytes: int) -> None:
    """One lock for the whole file; exclusive, as Windows' are."""
    if mode == LK_UNLCK:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return
    if is_taken(descriptor):
        return
    if mode != LK_LOCK:
        raise PermissionError(errno.EACCES, "Permission denied")
    for _ in range(TRIES):
        time.sleep(1)
        if is_taken(descriptor):
            return
    raise OSError(errno.EDEADLK, "Resource deadlock avoided")


def is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def windows_subprocess() -> ModuleType:
    made = ModuleType("subprocess")
    made.__dict__.update(subprocess.__dict__)
    made.__dict__["Popen"] = start
    return made


def start(command: Sequence[str], *, creationflags: int = 0, **how: Any) -> subprocess.Popen[Any]:
    """A process that outlives its starter has to be detached by Windows' means."""
    assert "start_new_session" not in how
    is_detached = creationflags & (DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP)
    return subprocess.Popen(command, start_new_session=bool(is_detached), **how)


class WindowsLoader(SourceFileLoader):
    """Gives a module another `import`."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_on_windows}
        super().exec_module(module)


class WindowsFinder:
    """Finds the modules below one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.join(folder, "")

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        if not spec.origin.startswith(self._folder) or f"{os.sep}site-packages{os.sep}" in spec.origin:
            return None
        spec.loader = WindowsLoader(name, spec.origin)
        return spec


INSTEAD = {"os": windows_os(), "sys": WindowsSys("sys"), "msvcrt": windows_msvcrt(), "subprocess": windows_subprocess()}


def import_on_windows(
    name: str, globals_: Any = None, locals_: Any = None, fromlist: Sequence[str] = (), level: int = 0
) -> ModuleType:
    if name in {"fcntl", "_posixsubprocess", "pwd", "grp", "resource"}:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    if name in INSTEAD and level == 0:
        return INSTEAD[name]
    return builtins.__import__(name, globals_, locals_, fromlist, level)


def main(python: str, *arguments: str) -> None:
    words = [word for word in arguments if word != "-S"]
    script = os.path.abspath(words[0])
    sys.executable, sys.argv = python, [script, *words[1:]]
    sys.path[0] = os.path.dirname(script)
    sys.meta_path.insert(0, WindowsFinder(os.path.dirname(script)))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
