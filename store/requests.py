"""Requests from tasks to the worker, as files in the inbox: commands with their answers, and batches of scenes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local import data_directory, inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from store.job import Reason
    from store.ledger import Ledger

# Answers are kept longer than any task waits and any worker stays dead.
COMMAND_KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to the worker. `at`: epoch seconds by the file system's clock, which also dates the inbox entries."""

    id: str
    what: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    at: float = 0.0


def command_entry(command_id: str) -> str:
    """Name the command's file in the inbox."""
    return f"{inbox.COMMAND}-{command_id}"


def answer_path(directory: str, command_id: str) -> str:
    """Path of the file in which the worker leaves the answer."""
    return os.path.join(directory, data_directory.ANSWERS, f"{command_id}.json")


def result_path(directory: str, run_id: str) -> str:
    """Path of the file in which the worker leaves the result of a long run, once it has ended."""
    return answer_path(directory, f"{run_id}-result")


def command_content(command_id: str, what: str, arguments: Mapping[str, object], asked_at: float) -> bytes:
    """Content of a command's file. `asked_at`: epoch seconds by the task's clock."""
    return json.dumps({"id": command_id, "what": what, "arguments": dict(arguments), "asked_at": asked_at}).encode()


class CommandStore:
    """The ledger's table of commands. Every method raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answer(self, command_id: str) -> Mapping[str, object] | None:
        """Return the answer to a finished command; None if it is not finished or not known."""
        with self._ledger.reading() as database:
            row = database.execute("SELECT answer FROM command WHERE id = ?", (command_id,)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def record_start(self, command: Command, *, now: float) -> int:
        """Record that the command is about to run; return the attempt number, from 1."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT INTO command (id, at, tries) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET tries = tries + 1",
                (command.id, now),
            )
            row = database.execute("SELECT tries FROM command WHERE id = ?", (command.id,)).fetchone()
        return int(row[0])

    def plan(self, command: Command, decide: Callable[[], str]) -> str:
        """Call `decide` once per command and store its result; return the stored result. Call `record_start` first."""
        with self._ledger.transaction() as database:
            (plan,) = database.execute("SELECT plan FROM command WHERE id = ?", (command.id,)).fetchone()
            if plan is None:
                plan = decide()
                database.execute("UPDATE command SET plan = ? WHERE id = ?", (plan, command.id))
        return str(plan)

    def record_answer(self, command: Command, answer: Mapping[str, object], *, now: float) -> None:
        """Store the answer to a finished command; delete commands older than `COMMAND_KEPT_S`."""
        with self._ledger.transaction() as database:
            database.execute("UPDATE command SET answer = ? WHERE id = ?", (json.dumps(answer), command.id))
            database.execute("DELETE FROM command WHERE at < ?", (now - COMMAND_KEPT_S,))


def batch_content(scene_ids: Iterable[int], reason: Reason) -> bytes:
    """Content of a batch's file in the inbox."""
    return json.dumps({"reason": reason.value, "scene_ids": list(scene_ids)}).encode()
