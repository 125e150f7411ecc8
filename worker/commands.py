"""Serves the commands that tasks leave in the inbox, between jobs and during every wait, each command once.

A killed worker leaves its command claimed, and the next worker carries it out before anything else. The answer is
stored in the ledger before it is written, so a command that was done is never done again. Until then it is repeated
from its start, which every handler allows (`CommandStore.plan` stores what must be decided only once).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from local import inbox
from local.files import remove_older, write_atomically
from local.hide_paths import as_path
from local.storage import LocalStorage
from stash.errors import NEEDS_STASH, StashRefused, StashUnavailable
from store.backups import BackupDamaged
from store.requests import Command, answer_path

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping

    from local.clock import Clock
    from store.requests import CommandStore

    Handler = Callable[[Command], Mapping[str, object]]

# How long to keep an answer that nobody fetched, since its task was stopped or gave up waiting.
UNFETCHED_ANSWER_S = 3600.0
# A command that crashes the worker by a bug would crash every later worker too.
MAX_TRIES = 3


class CommandRefused(Exception):  # noqa: N818 - named as what the task is told
    """A command cannot be carried out. The message is the answer: what prevents it and what to do."""


class Commands:
    """Serves the commands of a data directory. `handlers`: by command name (`Command.what`)."""

    def __init__(
        self,
        *,
        directory: str,
        store: CommandStore,
        handlers: Mapping[str, Handler],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._directory = directory
        self._store = store
        self._handlers = handlers
        self._clock = clock
        self._log = log
        self._prepare_answer_folder()

    def serve(self, entries: Iterable[inbox.Entry]) -> int:
        """Carry out these commands in order; return their number. Raises LocalStorage, and OSError from the inbox."""
        count = 0
        for entry in entries:
            count += self._serve(entry)
        return count

    def _serve(self, entry: inbox.Entry) -> int:
        if os.path.basename(entry.path).startswith(inbox.TEMPORARY):
            os.unlink(entry.path)  # its task was killed while it wrote the command
            return 0
        try:
            claimed = inbox.claim(entry)  # the task may withdraw it: the first to rename or delete it wins
        except FileNotFoundError:
            return 0
        command = self._read(claimed)
        if command is not None:
            try:
                self._answer(command)
            except (LocalStorage, OSError):
                _unlink(claimed.path)  # the task reports a failure or gives up, so the command must not run later
                raise
            _unlink(claimed.path)
        return 1

    def _read(self, entry: inbox.Entry) -> Command | None:
        try:
            with open(entry.path, "rb") as file:
                data = json.loads(file.read())
            arguments = data.get("arguments") or {}
            return Command(id=entry.key, what=str(data["what"]), arguments=dict(arguments), at=entry.at)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            where = inbox.set_aside(self._directory, entry.path)
            self._log.warning("a command could not be read (%s); it was moved to %s", error, as_path(where))
            return None

    def _answer(self, command: Command) -> None:
        answer = self._store.answer(command.id)
        if answer is None:
            answer = self._first_answer(command)
        self._write(command, answer)

    def _first_answer(self, command: Command) -> Mapping[str, object]:
        try:
            if self._store.record_start(command, now=self._clock.now()) > MAX_TRIES:
                answer: Mapping[str, object] = {
                    "error": f"{command.what} ended the worker {MAX_TRIES} times; its log, plexsync.log, says why"
                }
            else:
                answer = self._carry_out(command)
            self._store.record_answer(command, answer, now=self._clock.now())
        except LocalStorage as error:
            self._write(command, {"error": str(error)})
            raise
        return answer

    def _write(self, command: Command, answer: Mapping[str, object]) -> None:
        path = answer_path(self._directory, command.id)
        remove_older(os.path.dirname(path), UNFETCHED_ANSWER_S, self._clock.now())
        write_atomically(path, json.dumps(answer).encode())

    def _carry_out(self, command: Command) -> Mapping[str, object]:
        handler = self._handlers.get(command.what)
        if handler is None:
            return {"error": f"this version of the worker knows no command {command.what!r}"}
        try:
            return {"output": handler(command)}
        except (CommandRefused, BackupDamaged) as error:
            return {"error": str(error)}
        except (StashUnavailable, StashRefused) as error:
            return {"error": f"{NEEDS_STASH}: {error}. Try again when it does."}

    def _prepare_answer_folder(self) -> None:
        folder = os.path.dirname(answer_path(self._directory, ""))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        remove_older(folder, UNFETCHED_ANSWER_S, self._clock.now())


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # withdrawn, or fetched
