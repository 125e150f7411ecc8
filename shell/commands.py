"""The words that may follow `plexsync.py`: commands for people with a shell, and the one that starts the worker."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

from installation.packages import activate_site
from local.start import WORKER_ARGUMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HELP: Final = """\
PlexSync pushes scene metadata from Stash to Plex. Stash starts it by itself, without a command.

usage: python3 plexsync.py COMMAND

  status                 show what is pending, what was given up and why, and whether there is an outage
  health                 check each step on a scene's way from Stash to Plex
  take-over FOLDER       continue here with the data of the copy of PlexSync in FOLDER, and retire that copy
  demo                   show PlexSync at work between a simulated Stash and a simulated Plex
  package [--url URL]    build the packages for Stash in dist/, from the newest commit; needs a checkout of PlexSync.
                         URL is the address of the project's page, for Stash to show

PLEXSYNC_DATA_DIR names the data directory. Set it as for Stash; the default is data/ beside plexsync.py.
status and health say the same as the tasks View Queue Status and Health Check in Stash.
"""
HELP_WORDS = ("--help", "-h", "help")
MISUSED = 2


def run_command(arguments: Sequence[str], *, directory: str, script: str) -> int:
    """Run what the command line names, and return the exit code. `directory`: the data directory."""
    if len(arguments) == 2 and arguments[0] == WORKER_ARGUMENT:  # noqa: PLR2004 - the word and the directory
        from shell.run_worker import run_worker  # noqa: PLC0415 - needs much that other commands do not

        run_worker(arguments[1], script)
        return 0
    if not arguments or arguments[0] in HELP_WORDS:
        sys.stdout.write(HELP)
        return 0
    word, *rest = arguments
    try:
        return _command(word)(rest, directory, script)
    except UsageError as error:
        sys.stderr.write(f"{error}\n\n{HELP}")
        return MISUSED


class UsageError(Exception):
    """What follows `plexsync.py` is no command, or has arguments that the command does not take."""


def _command(word: str) -> Callable[[Sequence[str], str, str], int]:
    commands = {"status": _status, "health": _health, "take-over": _take_over, "demo": _demo, "package": _package}
    if word not in commands:
        raise UsageError(f"PlexSync has no command {word!r}.")
    return commands[word]


def _status(arguments: Sequence[str], directory: str, script: str) -> int:
    _take_none(arguments, "status")
    activate_site()  # it may have been started with -S
    from shell.terminal import show_status  # noqa: PLC0415 - not needed by other commands

    return show_status(directory, script)


def _health(arguments: Sequence[str], directory: str, script: str) -> int:
    _take_none(arguments, "health")
    activate_site()
    from shell.terminal import show_health  # noqa: PLC0415 - as above

    return show_health(directory, script)


def _take_over(arguments: Sequence[str], directory: str, script: str) -> int:
    if len(arguments) != 1:
        raise UsageError("`take-over` takes the folder of the other copy, and nothing else.")
    from shell.take_over import take_over  # noqa: PLC0415 - as above

    return take_over(arguments[0], directory=directory, script=script)


def _demo(arguments: Sequence[str], _: str, script: str) -> int:
    _take_none(arguments, "demo")
    from demo.run import run_demo  # noqa: PLC0415 - the plugin itself never loads the simulators

    return run_demo(script)


def _package(arguments: Sequence[str], _: str, script: str) -> int:
    root = os.path.dirname(script)
    if not os.path.isdir(os.path.join(root, "release")):
        sys.stderr.write("`package` builds packages from a checkout of PlexSync; this is an installed copy.\n")
        return 1
    url = ""
    if arguments:
        if len(arguments) != 2 or arguments[0] != "--url":  # noqa: PLR2004 - the option and its value
            raise UsageError("`package` takes nothing but `--url URL`.")
        url = arguments[1]
    from release.package import run_package  # noqa: PLC0415 - not part of the packages

    return run_package(root, url=url)


def _take_none(arguments: Sequence[str], word: str) -> None:
    if arguments:
        raise UsageError(f"`{word}` takes no arguments, not {' '.join(arguments)!r}.")
