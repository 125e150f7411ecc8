"""Locks of the operating system: `worker.lock`, held by the only worker of a data directory, and any other file's.

The kernel releases a lock when its holder dies, however that happens. Standard library only: hooks probe `worker.lock`,
and the worker takes it before it knows whether the packages that it needs are installed.
"""

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "worker.lock"
# Whether `is_free` gets in the way of a worker that is starting: Windows has no shared locks.
PROBES_DISTURB = sys.platform == "win32"
# On Windows each try takes 10 s, in total longer than an installation may run; elsewhere a single one has no limit.
_TRIES = 40


def _open(path: str) -> int:
    # Python sets O_CLOEXEC, so no child process of the holder inherits the lock.
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


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


def _wait_for_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        for _ in range(_TRIES):
            try:
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
            except OSError:  # which does not tell a held lock from other failures
                continue
            return True
        return False
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return True


def try_take(directory: str) -> int | None:
    """Take `worker.lock` and return the descriptor that holds it until closed; None if another process has it.

    Raises OSError if the file system does not support locks (some network shares).
    """
    return try_take_file(os.path.join(directory, NAME))


def take_file(path: str) -> int:
    """As `try_take_file`, but wait until no other process has the lock. Raises OSError, on Windows after 400 s, too."""
    descriptor = _open(path)
    try:
        taken = _wait_for_lock(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    if not taken:
        os.close(descriptor)
        raise OSError(f"another process holds {path}")
    return descriptor


def try_take_file(path: str) -> int | None:
    """As `try_take`, for the lock of any file, which is created if missing."""
    descriptor = _open(path)
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
    descriptor = _open(os.path.join(directory, NAME))
    try:
        return _try_lock(descriptor, shared=True)
    finally:
        os.close(descriptor)


def release(descriptor: int) -> None:
    """Release the lock that one of these functions returned."""
    os.close(descriptor)


def occupy_standard_descriptors() -> None:
    """Open /dev/null on each of the descriptors 0, 1, 2 that is closed, so that no file of ours gets its number."""
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR)
        if descriptor > 2:  # noqa: PLR2004 - standard error
            os.close(descriptor)
            return
