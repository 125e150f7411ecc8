"""A task's link to the worker: asks it to do something, and keeps it alive meanwhile."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any, TypeVar

from local import inbox, lock
from local.data_directory import PACKAGES_NOTE
from store.requests import answer_path, command_content, command_entry
from store.state_file import from_json
from store.worker_file import DISABLED, read_worker_report
from tasks.context import TaskError
from tasks.prerequisites import need_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.context import Context

T = TypeVar("T")

# The worker may be waiting for a slow answer from Plex, and for the probe after that.
ANSWER_WAIT_S = 90.0
LOOK_S = 0.05
# How often to check that the worker is alive, and how many times to start it in all.
ALIVE_LOOK_S = 0.5
MAX_STARTS = 5


class WorkerMissing(TaskError):  # noqa: N818 - named by what happened, as all our errors are
    """No worker stays alive."""


class WorkerSilent(TaskError):  # noqa: N818 - as above
    """The worker lives but has not answered in time."""


class PluginOff(TaskError):  # noqa: N818 - as above
    """The plugin was disabled in Stash while the task ran, so no worker does anything."""

    def __init__(self) -> None:
        super().__init__("PlexSync is disabled in Stash. What is pending waits until it is enabled.")


class WorkerLink:
    """Keeps a worker alive while the task needs one, and gives up after `MAX_STARTS` of them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._heartbeat_before = read_worker_report(context.directory).heartbeat_at
        self._starts = 0
        self._looked_at = float("-inf")
        self._started_at = float("-inf")

    def keep_alive(self) -> None:
        """Start a worker if none lives. Raises OSError, PluginOff, and WorkerMissing if each one ends at once."""
        clock = self._context.clock
        now = clock.monotonic()
        if now - self._looked_at < ALIVE_LOOK_S:
            return
        self._looked_at = now
        if not lock.is_free(self._context.directory):
            return
        report = read_worker_report(self._context.directory)
        if report.stopped_by == DISABLED and report.heartbeat_at != self._heartbeat_before:
            raise PluginOff
        # A worker that was just started has to load before it takes the lock.
        if now - self._started_at < min(2.0**self._starts, 10.0):
            return
        if self._starts >= MAX_STARTS:
            raise WorkerMissing(why_missing(self._context.directory))
        self._starts += 1
        self._started_at = now
        self._context.start_worker_if_none()

    def ask(self, kind: type[T], what: str, arguments: Mapping[str, object] | None = None) -> T:
        """The worker's answer, as the dataclass `kind`.

        Raises TaskError with the worker's words, or because no answer comes; ValueError for one that is no `kind`.
        """
        context = self._context
        command_id = uuid.uuid4().hex[:12]
        inbox.publish(
            context.directory,
            command_entry(command_id),
            command_content(command_id, what, arguments or {}, context.now),
        )
        try:
            answer = self._wait_for(command_id)
        except BaseException:
            _withdraw(context.directory, command_id)
            raise
        if "error" in answer:
            raise TaskError(str(answer["error"]))
        return from_json(kind, answer["output"], "the worker's answer")

    def _wait_for(self, command_id: str) -> Mapping[str, Any]:
        directory, clock = self._context.directory, self._context.clock
        give_up_at = clock.monotonic() + ANSWER_WAIT_S
        while (answer := _fetch(directory, command_id)) is None:
            if clock.monotonic() >= give_up_at:
                raise WorkerSilent(_silence(directory, command_id))
            self.keep_alive()
            clock.sleep(LOOK_S)
        return answer


def ask_worker(context: Context, kind: type[T], what: str, arguments: Mapping[str, object] | None = None) -> T:
    """Like WorkerLink.ask, but installs the packages first: no worker can run without them.

    Ends with the answer, or with a TaskError after ANSWER_WAIT_S or MAX_STARTS workers, whatever the worker does.
    """
    need_packages(context)
    return WorkerLink(context).ask(kind, what, arguments)


def why_missing(directory: str) -> str:
    """Why no worker stays alive, as far as that is known."""
    try:
        with open(os.path.join(directory, PACKAGES_NOTE), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return (
            "PlexSync's worker ends as soon as it is started. Its log, plexsync.log in "
            f"{directory}, says why; what is pending stays there."
        )


def _fetch(directory: str, command_id: str) -> Mapping[str, Any] | None:
    path = answer_path(directory, command_id)
    try:
        with open(path, encoding="utf-8") as file:
            answer: Mapping[str, Any] = json.load(file)
    except FileNotFoundError:
        return None
    os.unlink(path)
    return answer


def _withdraw(directory: str, command_id: str) -> bool:
    """Take the command back; True if the worker had not begun with it."""
    folder, name = inbox.folder(directory), command_entry(command_id)
    was_waiting = _removed(os.path.join(folder, name))
    # A new worker must not finish what a dead one had begun either.
    _removed(os.path.join(folder, inbox.CLAIMED + name))
    return was_waiting


def _removed(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _silence(directory: str, command_id: str) -> str:
    doing = read_worker_report(directory).doing or "unknown"
    if _withdraw(directory, command_id):
        return (
            f"PlexSync's worker has not answered within {ANSWER_WAIT_S:.0f} s (it says: {doing}). Nothing was changed; "
            "try again in a minute."
        )
    return (
        f"PlexSync's worker took this in but has not finished within {ANSWER_WAIT_S:.0f} s (it says: {doing}). "
        "View Queue Status shows what came of it."
    )
