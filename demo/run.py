"""`python3 plexsync.py demo`: the real plugin between a simulated Stash and a simulated Plex; needs nothing installed.

Everything it creates, including installed packages, is in one temporary folder. At the end the folder is removed and
the worker killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from demo.screen import Screen
from installation.packages import (
    RUNTIME,
    PackagesMissing,
    Requirement,
    activate_site,
    ensure_packages,
    missing_packages,
    private_folder,
    use_available,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The simulated Stash needs one package more than the plugin.
NEEDED: Final = (*RUNTIME, Requirement(package="graphql-core", module="graphql.graphql", text=b"def graphql("))
REQUIREMENTS: Final = ("requirements.txt", os.path.join("sim", "requirements.txt"))
INTRODUCTION: Final = (
    "Real: PlexSync, with the same processes, files and requests as in your own Stash. Simulated: Stash and Plex, by "
    "two small servers on this machine that answer as the real ones do. Your own Stash and Plex are not touched. Each "
    "line begins with the place where it happens. All files are in {folder}, which is removed at the end."
)
DOWNLOAD: Final = (
    "First, pip downloads the packages that are missing here ({names}) into that folder. This takes a few seconds; "
    "they are removed with the folder."
)
FAILED, INTERRUPTED = 1, 130
END_SIGNALS: Final = ("SIGTERM", "SIGHUP")  # by name: Windows lacks SIGHUP


def run_demo(script: str) -> int:
    """Show PlexSync at work. `script` is the path of plexsync.py. Returns the exit code, 0 if everything arrived."""
    try:
        with _ended_by_signals(), tempfile.TemporaryDirectory(prefix="plexsync-demo-") as folder:
            code = _run_in(folder, os.path.dirname(os.path.abspath(script)))
        if code == 0:
            Screen().say("All of its processes have ended, and its folder is gone.")
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped. Nothing was left behind.\n")
        return INTERRUPTED
    except BrokenPipeError:  # `| head`: the reader has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED
    except PackagesMissing as error:
        sys.stderr.write(
            f"The demonstration needs Python packages that are not installed: {', '.join(error.missing)}. "
            f"{error.reason}. It needs a Python that has the packages listed in {' and '.join(REQUIREMENTS)}.\n"
        )
        return FAILED
    except OSError as error:
        sys.stderr.write(f"The demonstration cannot run here: {error}\n")
        return FAILED
    return code


def _run_in(folder: str, plugin: str) -> int:
    began = time.monotonic()
    screen, data = Screen(), os.path.join(folder, "data")
    screen.head("PlexSync copies what you edit in Stash into Plex. Here you can watch it.")
    screen.say(INTRODUCTION.format(folder=folder))
    packages = install_packages(plugin, folder, screen.say)
    from demo.story import NotArrivedError, Story  # noqa: PLC0415 - needs packages that may only just have been installed
    from demo.world import end_of_log, end_worker, open_world  # noqa: PLC0415 - likewise

    with ExitStack() as opened:
        opened.callback(end_worker, data)
        world = opened.enter_context(open_world(plugin=plugin, folder=folder, data=data, packages=packages))
        try:
            Story(world, screen).tell()
        except NotArrivedError as error:
            sys.stdout.flush()
            sys.stderr.write(f"\nFAILED: {error}\nThe end of the worker's log:\n{end_of_log(data)}\n")
            return FAILED
    screen.head(f"Everything arrived. The demonstration took {time.monotonic() - began:.0f} s.")
    return 0


def install_packages(plugin: str, folder: str, say: Callable[[str], None]) -> str:
    """Make all packages importable. Returns the folder of a private copy, if one had to be installed, else "". Raises
    PackagesMissing.
    """
    activate_site()  # the demonstration may have been started with -S
    use_available(os.path.join(plugin, REQUIREMENTS[0]), folder)  # the full package brings all
    requirements = os.path.join(folder, "requirements.txt")
    with open(requirements, "wb") as combined:
        for name in REQUIREMENTS:
            with open(os.path.join(plugin, name), "rb") as part:
                shutil.copyfileobj(part, combined)
    said = iter((DOWNLOAD.format(names=", ".join(missing_packages(NEEDED))), "The packages are there."))
    ensure_packages(requirements, folder, lambda _: say(next(said)), needed=NEEDED)
    private = private_folder(requirements, folder)
    return private if private in sys.path else ""


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn these signals into KeyboardInterrupt, so that the worker and the folder are cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {name: signal.signal(getattr(signal, name), interrupt) for name in END_SIGNALS if hasattr(signal, name)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
