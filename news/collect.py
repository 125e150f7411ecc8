"""Collects the warnings and errors that the worker logs, for Stash's log."""

from __future__ import annotations

import logging
from collections import deque

from local.log_marks import is_said_otherwise
from outages.notices import Notice

_MOST = 20


class WarningCollector(logging.Handler):
    """A handler that keeps the latest warnings and errors of PlexSync's own loggers, but for those with the mark.

    Attach it to the root logger, with the filters that hide secrets and paths.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._notices: deque[Notice] = deque(maxlen=_MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, without a traceback."""
        if record.name.startswith("plexsync") and not is_said_otherwise(record):
            self._notices.append(Notice(level=record.levelno, text=record.getMessage()))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """The warnings that were not dropped, oldest first."""
        return tuple(self._notices)

    def drop(self, notices: tuple[Notice, ...]) -> None:
        """Drop these, the oldest."""
        for _ in range(min(len(notices), len(self._notices))):
            self._notices.popleft()
