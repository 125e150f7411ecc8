"""Files that are whole or not there, whatever happens while they are written.

The hook imports this inside a user's Save, hence `os` and `time` only: `collections.abc` for one annotation
would cost it 2 ms.
"""

import os
import time

# Windows refuses to replace a file that somebody is reading just then; readers here take milliseconds.
# Elsewhere a PermissionError will not go away by itself.
_REPLACE_TRIES = 50 if os.name == "nt" else 1
_REPLACE_PAUSE_S = 0.01


def write_atomically(path: str, data: bytes, *, sync: bool = True) -> None:
    """Put `data` at `path`, replacing what is there; a reader sees the old content or the new, never a part.

    The file has mode 0600. With `sync` the content is on disk before the name points to it. A kill leaves at most
    a `.tmp-<name>-<pid>-<ns>` beside it; an error (OSError, as the system raised it) leaves nothing behind.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".tmp-{name}-{os.getpid()}-{time.time_ns()}")
    # O_BINARY exists on Windows alone, where line ends would be rewritten without it.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    try:
        try:
            _write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        replace_patiently(temporary, path)
    except BaseException:
        _unlink_if_possible(temporary)
        raise


def replace_patiently(
    source: str, target: str, *, tries: int = _REPLACE_TRIES, pause_s: float = _REPLACE_PAUSE_S
) -> None:
    """`os.replace`, tried again while another process holds the target open (Windows)."""
    for _ in range(tries - 1):
        try:
            os.replace(source, target)
        except PermissionError:  # noqa: PERF203 - one try each is the point
            time.sleep(pause_s)
        else:
            return
    os.replace(source, target)


def _write_all(descriptor: int, data: bytes) -> None:
    """A nearly full disk takes a part of a write and says so only by the count it returns."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _unlink_if_possible(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # the error that brought us here says more
