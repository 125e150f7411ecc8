"""What every task is handed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from local.redact import Redactor
    from stash.protocol import TaskInput


class TaskError(Exception):
    """A task cannot do what was asked; the message is the answer: what happened and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run of one task."""

    input: TaskInput
    directory: str
    script: str
    clock: Clock
    log: logging.Logger
    redactor: Redactor
