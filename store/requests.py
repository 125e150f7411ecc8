"""What tasks ask of the worker, as files in the inbox: a command and its answer, a batch of scenes."""

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

# What was answered is remembered longer than any task waits and any worker is dead.
COMMAND_KEPT_S = 7 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`at`: epoch seconds by the file system's clock, which dates the entries of the inbox too."""

    id: str
    what: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    at: float = 0.0


def command_entry(command_id: str) -> str:
    """The name of a command's file in the inbox."""
    return f"{inbox.COMMAND}-{command_id}"


def answer_path(directory: str, command_id: str) -> str:
    """Where the worker leaves the answer."""
    return os.path.join(directory, data_directory.ANSWERS, f"{command_id}.json")


def command_content(command_id: str, what: str, arguments: Mapping[str, object], asked_at: float) -> bytes:
    """What a task writes into a command's file."""
    return json.dumps({"id": command_id, "what": what, "arguments": dict(arguments), "asked_at": asked_at}).encode()


class CommandStore:
    """What the ledger knows of commands. Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def answer(self, command_id: str) -> Mapping[str, object] | None:
        """What a command that was done was answered."""
        with self._ledger.storage("read") as database:
            row = database.execute("SELECT answer FROM command WHERE id = ?", (command_id,)).fetchone()
        return json.loads(row[0]) if row and row[0] else None

    def begin(self, command: Command, *, now: float) -> int:
        """The command is going to be carried out; for how manieth time."""
        with self._ledger.transaction() as database:
            database.execute(
                "INSERT INTO command (id, at, tries) VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET tries = tries + 1",
                (command.id, now),
            )
            row = database.execute("SELECT tries FROM command WHERE id = ?", (command.id,)).fetchone()
        return int(row[0])

    def plan(self, command: Command, decide: Callable[[], str]) -> str:
        """What `decide` said when it was first asked for this command, which has begun."""
        with self._ledger.transaction() as database:
            (plan,) = database.execute("SELECT plan FROM command WHERE id = ?", (command.id,)).fetchone()
            if plan is None:
                plan = decide()
                database.execute("UPDATE command SET plan = ? WHERE id = ?", (plan, command.id))
        return str(plan)

    def done(self, command: Command, answer: Mapping[str, object], *, now: float) -> None:
        """The command was carried out; forgets what is long past."""
        with self._ledger.transaction() as database:
            database.execute("UPDATE command SET answer = ? WHERE id = ?", (json.dumps(answer), command.id))
            database.execute("DELETE FROM command WHERE at < ?", (now - COMMAND_KEPT_S,))


def batch_content(scene_ids: Iterable[int], reason: Reason) -> bytes:
    """What a task writes into a batch entry."""
    return json.dumps({"reason": reason.value, "scene_ids": list(scene_ids)}).encode()
