"""What differs between systems, apart from locks (lock.py), files (files.py) and the start of a worker (start.py)."""

from __future__ import annotations

import os
import shlex
from typing import Final

IS_WINDOWS: Final = os.name == "nt"
# Where a person enters a command line. PowerShell takes a quoted program for a text.
WHERE_TO_RUN: Final = " in a Command Prompt" if IS_WINDOWS else ""


def quoted_for_shell(command: list[str]) -> str:
    """A command line as a user can enter it."""
    if not IS_WINDOWS:
        return shlex.join(command)
    import subprocess  # noqa: PLC0415 - takes 5 ms

    return subprocess.list2cmdline(command)


def may_become(owner: os.stat_result) -> bool:
    """Whether this process is, or can become, the owner of a file with this status."""
    return IS_WINDOWS or os.geteuid() in (0, owner.st_uid)


def become(owner: os.stat_result) -> None:
    """Go on as the owner of a file with this status. Raises OSError; see `may_become`."""
    if IS_WINDOWS or os.geteuid() == owner.st_uid:
        return
    os.setgroups([owner.st_gid])
    os.setgid(owner.st_gid)
    os.setuid(owner.st_uid)
    os.environ.pop("HOME", None)  # root's; without it, the user's own is looked up


def give(folder: str, owner: os.stat_result) -> None:
    """Give a folder and all in it to the owner of a file with this status, if this process may do that."""
    if IS_WINDOWS or os.geteuid() != 0:
        return
    for path, _, names in os.walk(folder):
        for each in (path, *(os.path.join(path, name) for name in names)):
            os.chown(each, owner.st_uid, owner.st_gid)
