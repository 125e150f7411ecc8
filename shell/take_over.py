"""`plexsync.py take-over FOLDER`: go on here with the data of another copy of PlexSync, and retire that copy.

Whenever it is interrupted, running it again completes it.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from local import inbox, lock, start
from local.clock import clock_from_environment
from local.data_directory import PACKAGES
from local.hide_paths import as_path
from local.path_marks import without_marks
from local.system import IS_WINDOWS
from shell.owner import become_owner, check_owner, give_to_owner_of
from tasks.context import TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.clock import Clock

SCRIPT, MANIFEST, RETIRED = "plexsync.py", "plexsync.yml", "plexsync.yml.retired"
# A worker sees within a second that its plugin has gone, and takes 10 s to be sure of it; it may be in a push.
WORKER_ENDS_WITHIN_S = 90.0
LOOK_S = 0.1
FAILED = 1


def take_over(folder: str, *, directory: str, script: str) -> int:
    """Take over from the copy in `folder`; return the exit code. `directory`: the data directory of this copy."""
    old, here = os.path.abspath(folder), os.path.dirname(script)
    try:
        _check(old, here)
        with _retired(old):
            moved = _take_data(old, here, directory)
    except TaskError as error:
        sys.stderr.write(f"{without_marks(str(error))}\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"{old} cannot be taken over: {error}. Once that is fixed, run this again.\n")
        return FAILED
    sys.stdout.write(
        f"{moved}\nNow press Reload plugins in Stash (Settings > Plugins); until then it runs the copy in {old}. After "
        "that, you may delete that folder.\n"
    )
    if os.path.isdir(directory):
        become_owner(directory)
        start.start_worker(script, directory)  # for what is pending
    return 0


def _check(old: str, here: str) -> None:
    if not os.path.exists(os.path.join(old, SCRIPT)):
        raise TaskError(f"{as_path(old)} is not the folder of a copy of PlexSync: it has no {SCRIPT}.")
    if os.path.samefile(old, here):
        raise TaskError(f"{as_path(old)} is the copy that was started. Name the folder of the other copy.")
    if os.path.isdir(os.path.join(old, "data")):
        check_owner(os.path.join(old, "data"))


@contextmanager
def _retired(old: str) -> Iterator[None]:
    """Make Stash not load this copy any more, and its worker end; undone if what follows fails."""
    manifest, retired = os.path.join(old, MANIFEST), os.path.join(old, RETIRED)
    if os.path.exists(manifest):
        os.replace(manifest, retired)
    try:
        yield
    except BaseException:
        if os.path.exists(retired):
            os.replace(retired, manifest)
        raise


def _take_data(old: str, here: str, directory: str) -> str:
    """Move the data directory of the copy `old` to `directory`. Returns in words what was done."""
    data = os.path.join(old, "data")
    if directory != os.path.join(here, "data"):
        return f"All copies have their data in {directory}, which PLEXSYNC_DATA_DIR names: nothing had to be moved."
    if not os.path.isdir(data):
        return f"{old} has no data: nothing had to be moved."
    sys.stdout.write(f"Waiting until no worker uses {data} any more; that can take a minute.\n")
    sys.stdout.flush()
    clock, moved = clock_from_environment(), f"PlexSync in {here} continues with the data of {old}."
    with ExitStack() as held:
        for each in (data, directory):
            if os.path.isdir(each):
                held.callback(lock.release, _take_lock(each, clock))
        if os.path.isdir(directory):
            aside = f"{directory}.replaced-{clock.now():.0f}"
            _hand_over(directory, data)
            moved += f" Its own data are in {aside}."
        if IS_WINDOWS:
            held.close()  # Windows moves no folder in which a file is open
        if os.path.isdir(directory):
            os.rename(directory, aside)
        _move(data, directory)
        give_to_owner_of(directory, directory)
    return moved


def _take_lock(directory: str, clock: Clock) -> int:
    give_up_at = clock.monotonic() + clock.interval(WORKER_ENDS_WITHIN_S)
    while (descriptor := lock.try_take(directory)) is None:
        if clock.monotonic() >= give_up_at:
            raise TaskError(
                f"A worker of PlexSync still uses {as_path(directory)}. Disable PlexSync in Stash (Settings > "
                "Plugins), which ends it within a minute, and run this again; then enable it."
            )
        clock.sleep(LOOK_S)
    return descriptor


def _hand_over(directory: str, data: str) -> None:
    """Put what a data directory has that must not wait, events and packages, into the one that replaces it."""
    inbox.prepare(data)
    for name in os.listdir(inbox.folder(directory)) if os.path.isdir(inbox.folder(directory)) else ():
        os.replace(os.path.join(inbox.folder(directory), name), os.path.join(inbox.folder(data), name))
    packages = os.path.join(directory, PACKAGES)
    if os.path.isdir(packages) and not os.path.exists(os.path.join(data, PACKAGES)):
        os.replace(packages, os.path.join(data, PACKAGES))


def _move(data: str, directory: str) -> None:
    """Move a folder; on another disk, only the complete copy gets the name."""
    try:
        os.rename(data, directory)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy = f"{directory}.tmp-copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(data, copy)
        give_to_owner_of(data, copy)
        os.rename(copy, directory)
        shutil.rmtree(data)
