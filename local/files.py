"""Atomic writes: a file is complete or absent, whatever happens while it is written.

Hooks import this while the user waits for Save, so it imports only `os` and `time`: `collections.abc` for one
annotation would cost 2 ms.
"""

import os
import time

# Windows refuses to replace a file while somebody reads it; readers here take milliseconds. On other systems a
# PermissionError is permanent.
_REPLACE_TRIES = 50 if os.name == "nt" else 1
_REPLACE_PAUSE_S = 0.01


def write_atomically(path: str, data: bytes, *, sync: bool = True) -> None:
    """Write `data` to `path`, replacing any file there. Readers see the old content or the new, never a part of it.

    The file has mode 0600. With `sync`, the content is on disk before the name points to it. If the process is killed,
    a file `.tmp-<name>-<pid>-<ns>` may be left in the same folder; after an error (the system's OSError) nothing is.
    """
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".tmp-{name}-{os.getpid()}-{time.time_ns()}")
    # O_BINARY exists only on Windows, which would otherwise translate line endings.
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
    """`os.replace`, retried while another process has the target open (Windows)."""
    for _ in range(tries - 1):
        try:
            os.replace(source, target)
        except PermissionError:  # noqa: PERF203 - one try each is the point
            time.sleep(pause_s)
        else:
            return
    os.replace(source, target)


def keep_newest(folder: str, count: int, *, prefix: str = "", ending: str = "") -> None:
    """Delete all but the newest files of these names. What cannot be listed or deleted stays."""
    try:
        with os.scandir(folder) as listing:
            named = [each for each in listing if each.name.startswith(prefix) and each.name.endswith(ending)]
            files = [(each.stat(follow_symlinks=False).st_mtime, each.path) for each in named if not each.is_dir()]
    except OSError:
        return
    for _, path in sorted(files)[: max(0, len(files) - count)]:
        _unlink_if_possible(path)


def remove_older(folder: str, limit_s: float, now: float, *, prefix: str = "") -> None:
    """Delete the files of these names that were last changed longer ago. What cannot be listed or deleted stays."""
    try:
        with os.scandir(folder) as listing:
            named = [each for each in listing if each.name.startswith(prefix) and not each.is_dir()]
            old = [each.path for each in named if now - each.stat(follow_symlinks=False).st_mtime > limit_s]
    except OSError:
        return
    for path in old:
        _unlink_if_possible(path)


def takes_writes(directory: str) -> bool:
    """Whether a file can be written there now. Leaves none behind."""
    path = os.path.join(directory, f".tmp-check-{os.getpid()}-{time.time_ns()}")
    try:
        with open(path, "xb") as file:
            file.write(bytes(4096))
    except OSError:
        return False
    finally:
        _unlink_if_possible(path)
    return True


def path_in_uri(path: str) -> str:
    """The path of a `file:` URI. `urllib.request` knows how to write it too, and takes 20 ms to load."""
    for character in "%?#":
        path = path.replace(character, f"%{ord(character):02x}")
    if os.name != "nt":
        return path
    path = path.replace("\\", "/")
    return path if path.startswith("/") else f"/{path}"


def _write_all(descriptor: int, data: bytes) -> None:
    """Loop, because a nearly full disk may accept only part of a write, which shows only in the returned count."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _unlink_if_possible(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # the original error is more useful
