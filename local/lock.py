"""`worker.lock`: the operating system's own lock, held by the one worker of a data directory.

The kernel releases it when its holder dies, however it dies. Standard library only: hooks probe it,
and the worker takes it before the packages it needs may have been installed.
"""

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "worker.lock"


def _open(directory: str) -> int:
    # O_CLOEXEC is set by Python itself: no child of the holder inherits the lock.
    return os.open(os.path.join(directory, NAME), os.O_RDWR | os.O_CREAT, 0o600)


def _try_lock(descriptor: int, *, shared: bool) -> bool:
    if sys.platform == "win32":  # which has no shared lock
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def try_take(directory: str) -> int | None:
    """The descriptor that holds the lock until it is closed; None when another process has it.

    Raises OSError where the file system cannot lock (some network shares).
    """
    descriptor = _open(directory)
    try:
        taken = _try_lock(descriptor, shared=False)
    except BaseException:
        os.close(descriptor)
        raise
    if not taken:
        os.close(descriptor)
        return None
    return descriptor


def is_free(directory: str) -> bool:
    """Whether no worker lives. Does not disturb a worker that is just starting, nor other probes.

    Windows has no shared lock: there only a process that will start a worker may ask.
    """
    descriptor = _open(directory)
    try:
        return _try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def release(descriptor: int) -> None:
    """Let go of the lock taken by `try_take`."""
    os.close(descriptor)


def occupy_standard_descriptors() -> None:
    """Open /dev/null on those of 0, 1, 2 that the caller closed, so that no file of ours lands there."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:  # noqa: PLR2004 - standard error
            os.close(descriptor)
            return
