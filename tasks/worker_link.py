"""A task's way to the worker: asks it something, sees to it that it lives."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any

from local import inbox, lock, start
from local.data_directory import PACKAGES_NOTE
from store.requests import answer_path, command_content, command_entry
from store.worker_file import read_worker_status
from tasks.context import TaskError
from tasks.prerequisites import need_packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.context import Context

# A worker may be in the middle of a slow answer of Plex and the probe after it.
ANSWER_WAIT_S = 90.0
LOOK_S = 0.05
# Between looks whether the worker lives, and from one of its starts to the next.
ALIVE_LOOK_S = 0.5
STARTS = 5


class WorkerMissing(TaskError):  # noqa: N818 - named by what happened, as all our errors are
    """No worker stays alive."""


class WorkerSilent(TaskError):  # noqa: N818 - as above
    """The worker lives but has not answered in time."""


class WorkerLink:
    """Keeps a worker alive as long as the task needs one, within reason."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._starts = 0
        self._looked_at = float("-inf")
        self._started_at = float("-inf")

    def keep_alive(self) -> None:
        """Start a worker where none lives. Raises WorkerMissing when each of them ends at once, and OSError."""
        clock = self._context.clock
        now = clock.monotonic()
        if now - self._looked_at < ALIVE_LOOK_S:
            return
        self._looked_at = now
        if not lock.is_free(self._context.directory):
            return
        # One that was just started has to load before it takes the lock.
        if now - self._started_at < min(2.0**self._starts, 10.0):
            return
        if self._starts >= STARTS:
            raise WorkerMissing(why_missing(self._context.directory))
        self._starts += 1
        self._started_at = now
        start_worker_if_none(self._context)

    def ask(self, what: str, arguments: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """What the worker answers. Raises TaskError: with its words, or because no answer comes."""
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
        output: Mapping[str, Any] = answer["output"]
        return output

    def _wait_for(self, command_id: str) -> Mapping[str, Any]:
        directory, clock = self._context.directory, self._context.clock
        give_up_at = clock.monotonic() + ANSWER_WAIT_S
        while (answer := _fetch(directory, command_id)) is None:
            if clock.monotonic() >= give_up_at:
                raise WorkerSilent(_silence(directory, command_id))
            self.keep_alive()
            clock.sleep(LOOK_S)
        return answer


def ask_worker(context: Context, what: str, arguments: Mapping[str, object] | None = None) -> Mapping[str, Any]:
    """What the worker answers, which cannot live without the packages. Raises TaskError."""
    need_packages(context)
    return WorkerLink(context).ask(what, arguments)


def start_worker_if_none(context: Context) -> None:
    """See to it that a worker runs, and that it can reach Stash. Raises OSError."""
    inbox.publish(context.directory, inbox.CONNECTION, context.connection_entry)
    if lock.is_free(context.directory):
        start.start_worker(context.script, context.directory)


def why_missing(directory: str) -> str:
    """Why no worker stays alive, as far as it is known."""
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
    """Whether the worker had not begun with it."""
    folder, name = inbox.folder(directory), command_entry(command_id)
    was_waiting = _removed(os.path.join(folder, name))
    # One that a dead worker had begun with shall not be carried out behind the user's back.
    _removed(os.path.join(folder, inbox.CLAIMED + name))
    return was_waiting


def _removed(path: str) -> bool:
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def _silence(directory: str, command_id: str) -> str:
    doing = read_worker_status(directory).doing or "unknown"
    if _withdraw(directory, command_id):
        return (
            f"PlexSync's worker has not answered within {ANSWER_WAIT_S:.0f} s (it says: {doing}). Nothing was changed; "
            "try again in a minute."
        )
    return (
        f"PlexSync's worker took this in but has not finished within {ANSWER_WAIT_S:.0f} s (it says: {doing}). "
        "View Queue Status shows what came of it."
    )
