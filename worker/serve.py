"""Runs the worker's process: opens its parts, runs its loop, and hands over to the next worker without a gap."""

from __future__ import annotations

import logging
import logging.handlers
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from installation import compiled
from local import inbox, lock, start
from local.clock import Stopwatch
from local.data_directory import BACKUPS, QUEUE_FOLDER, WORKER_LOG
from local.files import remove_older
from local.hide_paths import PathHider, as_path
from local.log_text import OneLineFormatter, quieten_libraries
from local.redact import Redactor
from local.storage import LocalStorage, check_storage
from local.words import sentence
from news.collect import WarningCollector
from news.last_words import say_last_words
from news.speaker import Speaker
from outages.resilience import Resilience
from push.picture_address import PictureAddress
from push.picture_locks import PictureLocking
from push.plex_link import PlexLink
from store.ledger import Ledger
from store.queue import JobQueue
from store.sign_in import read_sign_in
from store.worker_file import WAITING_FOR_STORAGE, WorkerFile
from worker.catch_up import QUEUE_LOST, CatchUp
from worker.intake import Intake
from worker.loop import SyncWorker
from worker.missing import MissingScenes
from worker.parts import LeaveReason, Parts
from worker.stash_link import StashLink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.clock import Clock
    from worker.parts import RequestedWork

LOG_BYTES, LOG_BACKUPS = 1_000_000, 4
# An idle minute costs less than to open again what a worker closes when it rests, or to start another. Scaled.
LINGER_S = 60.0
RETAKE_LOCK_S = 1.0
LEFTOVER_S = 3600.0
# How long a worker waits that could not start or go on, at first and at most. Scaled.
RETRY_FIRST_S, RETRY_LONGEST_S = 1.0, 60.0
REMOVED_AFTER_S = 10.0
CANNOT_USE_DIRECTORY = (
    "the worker cannot use its data directory %s: %s What is pending stays there, and the worker tries again."
)
LEDGER_DAMAGED = (
    "sync_state.db in %s is damaged: PlexSync set it aside there and started a new one. Nothing pending is lost, but "
    "the dead letters are, and the record of what PlexSync put into Plex and what was there before: what you remove in "
    "Stash may stay in Plex, and Undo cannot restore what was there. Reconcile Library (All) compares everything again."
)
QUEUE_DAMAGED = (
    "queue/data.db in %s is damaged: PlexSync set it aside there and started a new one. What was pending is lost, so "
    "PlexSync checks every scene that it knows."
)


def serve(
    *,
    directory: str,
    script: str,
    descriptor: int,
    clock: Clock,
    make_requested: Callable[[Parts], Sequence[RequestedWork]],
) -> None:
    """Work as the holder of `worker.lock` (`descriptor`) until there is a reason to leave.

    `script`: the path of plexsync.py. `make_requested`: makes the background work that tasks can request.
    """
    redactor, warnings = Redactor(), WarningCollector()
    log = open_log(directory, redactor, warnings, script)
    compiled.compile_fast_modules(os.path.dirname(script))
    held: int | None = descriptor
    retry = Retry(directory, script, clock, log)
    plugin_change = watch_installation(os.path.splitext(script)[0] + ".yml", clock)
    while held is not None:
        leave = _run_once(directory, clock, log, redactor, warnings, make_requested, plugin_change, retry)
        if leave is None:
            say_last_words(directory, warnings, clock=clock, log=log)
        if leave is None and retry.wait():
            leave = plugin_change()  # the error may come from files of which only some were replaced
            if leave is None:
                continue  # with the lock: nobody else would do better
        lock.release(held)
        held = _retake_lock(leave, directory, clock)
    if leave in (LeaveReason.UPDATED, LeaveReason.PYTHON_CHANGED):
        start.start_worker(script, directory)


class Retry:
    """The pauses of a worker that ends with an error, mostly because the disk is full."""

    def __init__(self, directory: str, script: str, clock: Clock, log: logging.Logger) -> None:
        self._directory = directory
        self._script = script
        self._clock = clock
        self._log = log
        self._pause_s = RETRY_FIRST_S
        self._said = ""
        self._worked = Stopwatch(clock)
        self._worked.start()

    def note(self, error: Exception) -> None:
        """Say why it ended, once for each reason in a row. To be called where the error is handled."""
        text = f"{type(error).__name__}: {error}"
        if text == self._said:
            return
        self._said = text
        if isinstance(error, (LocalStorage, OSError)):
            self._log.error(CANNOT_USE_DIRECTORY, as_path(self._directory), sentence(str(error)))
        else:
            self._log.exception("the worker failed and starts again; what is pending stays.")

    def wait(self) -> bool:
        """Wait before the next try. False if the plugin was removed."""
        if self._worked.passed_s > self._clock.interval(RETRY_LONGEST_S):
            self._pause_s, self._said = RETRY_FIRST_S, ""  # it worked for a while
        now = self._clock.now()
        WorkerFile(self._directory, started_at=now).report(WAITING_FOR_STORAGE, now, stopped_by="storage")
        self._clock.sleep(self._clock.interval(self._pause_s))
        self._pause_s = min(2 * self._pause_s, RETRY_LONGEST_S)
        self._worked.restart()
        return os.path.exists(self._script)


def open_log(directory: str, redactor: Redactor, warnings: WarningCollector, script: str) -> logging.Logger:
    """Open the worker's log file, which also receives the errors of libraries."""
    handler = logging.handlers.RotatingFileHandler(
        os.path.join(directory, WORKER_LOG),
        maxBytes=LOG_BYTES,
        backupCount=LOG_BACKUPS,
        encoding="utf-8",
        errors="backslashreplace",
        delay=True,  # a full disk must not keep the worker from starting
    )
    logging.raiseExceptions = False  # nor what cannot be logged end it
    handler.setFormatter(OneLineFormatter("%(asctime)s %(levelname)s %(message)s"))
    for each in (handler, warnings):
        each.addFilter(redactor)
        each.addFilter(PathHider(directory, os.path.dirname(script)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler, warnings], force=True)
    quieten_libraries()
    log = logging.getLogger("plexsync")
    log.setLevel(logging.INFO)
    return log


def _run_once(  # noqa: PLR0917 - the arguments of `serve`, and its own
    directory: str,
    clock: Clock,
    log: logging.Logger,
    redactor: Redactor,
    warnings: WarningCollector,
    make_requested: Callable[[Parts], Sequence[RequestedWork]],
    plugin_change: Callable[[], LeaveReason | None],
    retry: Retry,
) -> LeaveReason | None:
    """Run the loop until it leaves; None if it ended with an error, which is logged."""
    try:
        with ExitStack() as open_parts:
            parts = _open_parts(directory, clock, log, redactor, warnings, open_parts)
            worker = SyncWorker(
                parts,
                linger_s=clock.interval(LINGER_S),
                plugin_change=plugin_change,
                background=(make_picture_locking(parts), make_catch_up(parts), make_missing_scenes(parts)),
                requested=make_requested(parts),
            )
            leave = worker.run()
            log.log(logging.DEBUG if leave is LeaveReason.IDLE else logging.INFO, "the worker ends: %s.", leave.value)
            return leave
    except Exception as error:  # noqa: BLE001 - an error of its own must not strand what is pending
        retry.note(error)
    return None


def _open_parts(  # noqa: PLR0917 - those of `_run_once`
    directory: str,
    clock: Clock,
    log: logging.Logger,
    redactor: Redactor,
    warnings: WarningCollector,
    open_parts: ExitStack,
) -> Parts:
    _prepare(directory, clock)
    ledger = Ledger(directory, on_damage=lambda: log.error(LEDGER_DAMAGED, as_path(directory)))
    open_parts.callback(ledger.close)
    queue = JobQueue(
        os.path.join(directory, QUEUE_FOLDER),
        clock=clock,
        on_damage=lambda: _note_queue_damage(ledger, directory, clock, log),
    )
    open_parts.callback(queue.close)
    picture_address = PictureAddress(ledger=ledger, clock=clock, log=log)
    stash = StashLink(directory=directory, picture_address=picture_address, log=log, redactor=redactor)
    open_parts.callback(stash.close)
    plex = PlexLink(directory=directory, ledger=ledger, clock=clock, log=log)
    open_parts.callback(plex.close)
    resilience = Resilience(directory, clock=clock, log=log)
    return Parts(
        directory=directory,
        queue=queue,
        ledger=ledger,
        intake=Intake(directory=directory, queue=queue, ledger=ledger, stash=stash, clock=clock, log=log),
        stash=stash,
        plex=plex,
        resilience=resilience,
        worker_file=WorkerFile(directory, started_at=clock.now()),
        speaker=Speaker(
            directory=directory, queue=queue, ledger=ledger, resilience=resilience, stash=stash, warnings=warnings,
            clock=clock, log=log,
        ),
        clock=clock,
        log=log,
    )


def _prepare(directory: str, clock: Clock) -> None:
    check_storage(directory)
    inbox.prepare(directory)
    for folder in ("", QUEUE_FOLDER, BACKUPS):  # left by processes that were killed while they wrote
        remove_older(os.path.join(directory, folder), LEFTOVER_S, clock.now(), prefix=inbox.TEMPORARY)
    read_sign_in(directory, clock.now())  # deletes one that has expired


def _note_queue_damage(ledger: Ledger, directory: str, clock: Clock, log: logging.Logger) -> None:
    ledger.store_timestamp(QUEUE_LOST, clock.now())
    log.error(QUEUE_DAMAGED, as_path(directory))


def make_catch_up(parts: Parts) -> CatchUp:
    """Make the background work that finds changes without an event."""
    catch_up = CatchUp(
        directory=parts.directory,
        queue=parts.queue,
        ledger=parts.ledger,
        stash=parts.stash,
        clock=parts.clock,
        log=parts.log,
    )
    catch_up.record_start()
    return catch_up


def make_missing_scenes(parts: Parts) -> MissingScenes:
    """Make the background work that looks for files that Plex lacked."""
    return MissingScenes(
        queue=parts.queue,
        ledger=parts.ledger,
        stash=parts.stash,
        plex=parts.plex,
        clock=parts.clock,
        log=parts.log,
    )


def make_picture_locking(parts: Parts) -> PictureLocking:
    """Make the background work that locks pictures that were sent."""
    return PictureLocking(
        lambda: parts.plex.picture_locks,
        has_due_job=lambda: bool(parts.queue.peek_due(1)),
        settings=lambda: parts.stash.settings,
        client=lambda settings: parts.plex.pusher(settings).plex,
        clock=parts.clock,
        log=parts.log,
    )


def watch_installation(
    manifest: str, clock: Clock, python: str = os.__file__
) -> Callable[[], LeaveReason | None]:
    """Return a function that tells whether the plugin or Python was updated or removed after this call.

    An update takes the manifest away for a moment; it is removed if it stays away. `python`: a file of the standard
    library. A worker whose library has gone could import no more of it.
    """
    manifest_at_start, python_at_start, away = _modified_ns(manifest), _modified_ns(python), Stopwatch(clock)

    def change() -> LeaveReason | None:
        if _modified_ns(python) != python_at_start:
            return LeaveReason.PYTHON_CHANGED
        modified = _modified_ns(manifest)
        if modified is not None:
            away.stop()
            return None if modified == manifest_at_start else LeaveReason.UPDATED
        away.start()
        is_removed = manifest_at_start is not None and away.passed_s > clock.interval(REMOVED_AFTER_S)
        return LeaveReason.REMOVED if is_removed else None

    return change


def _retake_lock(leave: LeaveReason | None, directory: str, clock: Clock) -> int | None:
    """Take the lock again if an entry came in before it was released: its writer saw that a worker held the lock.

    Nobody else knows of such an entry, even if the plugin was disabled and enabled again meanwhile. Not after an error,
    an update or a removal, which would make it spin. It tries for a moment, since a task may hold
    the lock to probe it. None if another worker has it.
    """
    if leave not in (LeaveReason.IDLE, LeaveReason.STASH_AWAY, LeaveReason.DISABLED) or not inbox.has_news(directory):
        return None
    give_up_at = clock.monotonic() + RETAKE_LOCK_S
    while (descriptor := lock.try_take(directory)) is None and clock.monotonic() < give_up_at:
        clock.sleep(RETAKE_LOCK_S / 20)
    return descriptor


def _modified_ns(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None
