"""`plexsync.py worker DIRECTORY`: how the worker's process begins. Hooks and tasks start it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from local import lock, start
from local.clock import clock_from_environment, is_plausible
from local.data_directory import PACKAGES_NOTE
from local.files import write_atomically
from local.packages import PackagesMissing, ensure_packages, missing_packages, requirements_beside

if TYPE_CHECKING:
    from local.clock import Clock

# A worker that is leaving releases the lock within moments; a busy one keeps it.
LOCK_WAIT_S = 2.0
LOCK_LOOK_S = 0.05
# How long the files of an update may be away, and how long after the last of them nothing more is expected.
UPDATE_WAIT_S, UPDATE_SETTLES_S = 10.0, 2.0
# Each attempt asks the package index.
INSTALL_AGAIN_AFTER_S = 600.0


def run_worker(directory: str, script: str) -> None:
    """Run as the worker of this data directory, unless it has one already."""
    os.umask(0o077)
    clock = clock_from_environment()
    descriptor = _take_lock(directory)
    if descriptor is None or not _has_packages(directory, script):
        return
    try:
        # These import packages that may have been installed just now.
        from reconciliation.reconciler import Reconciler  # noqa: PLC0415
        from undo.undoing import Undoing  # noqa: PLC0415
        from worker.serve import serve  # noqa: PLC0415
    except Exception as error:  # noqa: BLE001 - whatever a damaged package raises
        if wait_for_update(script, clock):  # it was not the packages: our own files were being replaced
            lock.release(descriptor)
            start.start_worker(script, directory)
            return
        _leave_note(
            directory,
            f"PlexSync cannot load its Python packages ({type(error).__name__}: {error}). Install those of "
            f"{requirements_beside(script)} anew. Nothing is lost: what is to be pushed stays queued until then.",
        )
        return
    serve(
        directory=directory,
        script=script,
        descriptor=descriptor,
        clock=clock,
        make_requested=lambda parts: (Undoing(parts), Reconciler(parts)),
    )


def wait_for_update(script: str, clock: Clock) -> bool:
    """Wait while the plugin's files are being replaced: its manifest is away, or new.

    False if there was no need to, or if it does not come back.
    """
    manifest = os.path.splitext(script)[0] + ".yml"
    give_up_at, waited = clock.monotonic() + UPDATE_WAIT_S, False
    while clock.monotonic() < give_up_at:
        try:
            age_s = clock.now() - os.stat(manifest).st_mtime
        except OSError:
            age_s = 0.0
        if not 0 <= age_s < UPDATE_SETTLES_S:
            return waited
        waited = True
        clock.sleep(LOCK_LOOK_S)
    return False


def _take_lock(directory: str) -> int | None:
    clock = clock_from_environment()
    give_up_at = clock.monotonic() + LOCK_WAIT_S
    while True:
        descriptor = lock.try_take(directory)
        if descriptor is not None or clock.monotonic() >= give_up_at:
            return descriptor
        clock.sleep(LOCK_LOOK_S)


def _has_packages(directory: str, script: str) -> bool:
    """True if every package can be imported now; if not, the reason is left where the tasks look for it."""
    note = os.path.join(directory, PACKAGES_NOTE)
    if os.path.exists(note) and was_tried_recently(os.stat(note).st_mtime) and missing_packages():
        return False
    try:
        ensure_packages(requirements_beside(script), directory, lambda _: None)
    except PackagesMissing as error:
        _leave_note(directory, str(error))
        return False
    if os.path.exists(note):
        os.unlink(note)
    return True


def was_tried_recently(noted_at: float) -> bool:
    """Whether it is too early to install the packages again. A time in the future says nothing: the clock was set."""
    now = clock_from_environment().now()
    return is_plausible(noted_at, now) and now - noted_at < INSTALL_AGAIN_AFTER_S


def _leave_note(directory: str, why: str) -> None:
    """Leave the reason where the tasks look for it, and say it in Stash's log, if it is a new one."""
    path, before = os.path.join(directory, PACKAGES_NOTE), ""
    with suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        before = file.read()
    try:
        write_atomically(path, why.encode())
    except OSError:
        return  # the next start finds the same, and each would say it
    if why != before:
        from news.last_words import say_what_is_missing  # noqa: PLC0415 - not needed by a worker that can work

        say_what_is_missing(directory, why, clock=clock_from_environment())
