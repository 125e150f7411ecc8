"""Starts the worker: detached, so that neither Stash's Save nor Stash's Stop is tied to it.

Everything here answers a trap that was seen: a child that keeps one open output holds the user's
Save for its whole life; a signal mask and ignored signals are inherited; the caller's working
directory may be deleted, and a relative PYTHONPATH is then fatal at interpreter start.
"""

import os
import sys

WORKER_ARGUMENT = "worker"


def start_worker(script: str, directory: str) -> None:
    """Start `script` as the worker of the data directory and return at once.

    Whoever calls it has published a connection to Stash in the inbox before. Raises OSError when the
    interpreter cannot be started.
    """
    python = sys.executable or "python3"
    arguments = [python, script, WORKER_ARGUMENT, directory]
    if os.name == "posix":
        _start_posix(arguments, directory)
    else:
        _start_windows(arguments, directory)


def _start_posix(arguments: list[str], directory: str) -> None:
    # The part of `signal` that does not cost the hook an import of enum.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415

    for descriptor in _open_descriptors():
        if descriptor > 2:  # noqa: PLR2004 - standard error
            try:
                os.set_inheritable(descriptor, False)
            except OSError:
                pass  # it was the listing's own
    os.chdir(directory)
    null = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    defaults = [_signal.SIGCHLD, _signal.SIGPIPE]
    spawn = os.posix_spawn if os.path.isabs(arguments[0]) else os.posix_spawnp
    try:
        spawn(
            arguments[0], arguments, os.environ, file_actions=null, setsid=True, setsigmask=(), setsigdef=defaults
        )
    except NotImplementedError:  # a C library without POSIX_SPAWN_SETSID
        import subprocess  # noqa: PLC0415 - costs the hook 10 ms, here only

        subprocess.Popen(  # noqa: S603 - our own interpreter and script
            arguments,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _open_descriptors() -> list[int]:
    listing = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        return [int(name) for name in os.listdir(listing)]
    except OSError:
        return list(range(3, 256))


def _start_windows(arguments: list[str], directory: str) -> None:
    import subprocess  # noqa: PLC0415 - costs 10 ms

    detached_process, new_process_group, no_window = 0x00000008, 0x00000200, 0x08000000  # Win32 CreateProcess flags
    subprocess.Popen(  # noqa: S603 - our own interpreter and script
        arguments,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=directory, close_fds=True,
        creationflags=detached_process | new_process_group | no_window,
    )
