"""`worker.lock`: an operating system lock, held by the only worker of a data directory.

The kernel releases it when the holder dies, however that happens. Standard library only: hooks probe the lock, and the
worker takes it before it knows whether the packages that it needs are installed.
"""

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "worker.lock"


def _open(directory: str) -> int:
    # Python sets O_CLOEXEC, so no child process of the holder inherits the lock.
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
    """Take the lock and return the descriptor that holds it until closed; None if another process has the lock.

    Raises OSError if the file system does not support locks (some network shares).
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
    """Whether no worker is running. Does not get in the way of a worker that is starting, or of other probes.

    Windows has no shared locks: there, only a process that will start a worker may call this.
    """
    descriptor = _open(directory)
    try:
        return _try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def release(descriptor: int) -> None:
    """Release the lock that `try_take` returned."""
    os.close(descriptor)


def occupy_standard_descriptors() -> None:
    """Open /dev/null on each of the descriptors 0, 1, 2 that is closed, so that no file of ours gets its number."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:  # noqa: PLR2004 - standard error
            os.close(descriptor)
            return
