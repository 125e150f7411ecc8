"""What every task receives, and the error with which it can end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.start import start_worker_if_none

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from local.clock import Clock
    from local.hide_paths import PathHider
    from local.redact import Redactor
    from stash.protocol import TaskInput


class TaskError(Exception):
    """The task cannot do what was asked. The message is its answer: what happened, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One run of one task. `progress` moves the progress bar, 0..1; `hider` is on if the settings hide paths."""

    input: TaskInput
    connection_entry: bytes = field(repr=False)  # how to reach Stash, as the worker reads it
    directory: str
    script: str
    clock: Clock
    log: logging.Logger
    redactor: Redactor
    hider: PathHider
    progress: Callable[[float], None]

    @property
    def now(self) -> float:
        """Epoch seconds."""
        return self.clock.now()

    def start_worker_if_none(self) -> None:
        """Make sure that a worker runs and knows how to reach Stash. Raises OSError."""
        start_worker_if_none(self.script, self.directory, self.connection_entry)
