"""Starts the worker detached, so that it neither delays a Save in Stash nor ends with a stopped task.

Each precaution prevents a failure that was observed: a child that keeps an output open blocks the user's Save for as
long as it lives; signal masks and ignored signals are inherited; the caller's working directory may be deleted, and
with a relative PYTHONPATH the interpreter then fails to start.
"""

import os
import sys

from local import inbox, lock

WORKER_ARGUMENT = "worker"


def start_worker_if_none(script: str, directory: str, connection: bytes) -> None:
    """Publish how to reach Stash, and start a worker unless one lives. Raises OSError."""
    inbox.publish(directory, inbox.CONNECTION, connection)
    if lock.is_free(directory):
        start_worker(script, directory)


def start_worker(script: str, directory: str) -> None:
    """Start `script` as the worker of the data directory and return immediately.

    The caller must first publish a connection to Stash in the inbox. Raises OSError if the interpreter cannot be
    started.
    """
    python = sys.executable or "python3"
    arguments = [python, script, WORKER_ARGUMENT, directory]
    if os.name == "posix":
        _start_posix(arguments, directory)
    else:
        _start_windows(arguments, directory)


def _start_posix(arguments: list[str], directory: str) -> None:
    # Not `signal`, whose import of enum would cost the hook time.
    import _signal  # type: ignore[import-not-found]  # noqa: PLC0415

    for descriptor in _open_descriptors():
        if descriptor > 2:  # noqa: PLR2004 - standard error
            try:
                os.set_inheritable(descriptor, False)
            except OSError:
                pass  # the descriptor of the listing itself
    environment = _environment()
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
            arguments[0], arguments, environment, file_actions=null, setsid=True, setsigmask=(), setsigdef=defaults
        )
    except NotImplementedError:  # a C library without POSIX_SPAWN_SETSID
        import subprocess  # noqa: PLC0415 - takes 10 ms, and is only needed here

        subprocess.Popen(  # noqa: S603 - our own interpreter and script
            arguments,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, env=environment,
        )


def _environment() -> dict[str, str]:
    """Ours, but what is relative in PYTHONPATH means the same in the worker's directory."""
    environment = dict(os.environ)
    paths = environment.get("PYTHONPATH")
    if paths:
        try:
            absolute = [os.path.abspath(path) for path in paths.split(os.pathsep) if path]
        except OSError:  # our own directory was deleted, and with it what is relative to it
            absolute = [path for path in paths.split(os.pathsep) if os.path.isabs(path)]
        environment["PYTHONPATH"] = os.pathsep.join(absolute)
    return environment


def _open_descriptors() -> list[int]:
    listing = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
    try:
        return [int(name) for name in os.listdir(listing)]
    except OSError:
        return list(range(3, 256))


def _start_windows(arguments: list[str], directory: str) -> None:
    import subprocess  # noqa: PLC0415 - takes 10 ms

    detached_process, new_process_group, no_window = 0x00000008, 0x00000200, 0x08000000  # Win32 CreateProcess flags
    subprocess.Popen(  # noqa: S603 - our own interpreter and script
        arguments,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=directory, close_fds=True, env=_environment(),
        creationflags=detached_process | new_process_group | no_window,
    )
