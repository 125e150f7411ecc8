"""`plexsync.py worker DIRECTORY`: how the worker's process begins. Hooks and tasks start it."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from installation.packages import PACKAGE_MODULES, PackagesMissing, ensure_packages, requirements_beside, use_available
from local import lock, start
from local.clock import clock_from_environment, is_plausible
from local.data_directory import PACKAGES_NOTE
from local.files import write_atomically

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
        if wait_for_update(script, clock) or _repair(directory, script, error):
            lock.release(descriptor)
            start.start_worker(script, directory)
        return
    _remove_note(directory)
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
    if not os.path.exists(requirements_beside(script)):
        wait_for_update(script, clock_from_environment())
    if not use_available(requirements_beside(script), directory):
        return True
    return not _is_too_early(directory) and _install(directory, script)


def _repair(directory: str, script: str, error: Exception) -> bool:
    """Install anew what cannot be loaded; leave the reason if that does not help, or did not help the last time."""
    what = f"{type(error).__name__}: {error}"
    module = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    if module and module not in PACKAGE_MODULES:
        _leave_note(
            directory,
            f"PlexSync's worker cannot start: {what}. This Python, or the plugin itself, is incomplete: install "
            "PlexSync again, or let Stash use another Python. Nothing is lost: changes wait.",
        )
        return False
    if _is_too_early(directory):
        return False
    _note_repair(directory, f"PlexSync cannot load its Python packages: {what}. It installs them again.")
    return _install(directory, script, broken=what)


def _note_repair(directory: str, what: str) -> None:
    """The next worker must not begin all this again at once. What was said before is kept: it is not said again."""
    note = os.path.join(directory, PACKAGES_NOTE)
    with suppress(OSError):
        if os.path.exists(note):
            os.utime(note)
        else:
            write_atomically(note, what.encode())


def _install(directory: str, script: str, *, broken: str = "") -> bool:
    try:
        ensure_packages(requirements_beside(script), directory, lambda _: None, broken=broken)
    except PackagesMissing as error:
        _leave_note(directory, str(error))
        return False
    return True


def _is_too_early(directory: str) -> bool:
    note = os.path.join(directory, PACKAGES_NOTE)
    return os.path.exists(note) and was_tried_recently(os.stat(note).st_mtime)


def was_tried_recently(noted_at: float) -> bool:
    """Whether it is too early to install the packages again. A time in the future says nothing: the clock was set."""
    now = clock_from_environment().now()
    return is_plausible(noted_at, now) and now - noted_at < INSTALL_AGAIN_AFTER_S


def _remove_note(directory: str) -> None:
    with suppress(OSError):  # mostly there is none
        os.unlink(os.path.join(directory, PACKAGES_NOTE))


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
