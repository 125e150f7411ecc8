"""Collects the warnings, the errors and the good news that the worker logs, for Stash's log."""

from __future__ import annotations

import logging
from collections import deque

from local.log_marks import is_news, is_said_otherwise
from outages.notices import Notice

_MOST = 20


class WarningCollector(logging.Handler):
    """A handler that keeps the latest of them, from PlexSync's own loggers; local/log_marks.py has the exceptions.

    Attach it to the root logger, with the filters that hide secrets and paths.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._notices: deque[Notice] = deque(maxlen=_MOST)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message, without a traceback."""
        is_for_stash = not is_said_otherwise(record) if record.levelno >= logging.WARNING else is_news(record)
        if is_for_stash and record.name.startswith("plexsync"):
            self._notices.append(Notice(level=record.levelno, text=record.getMessage()))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Those that were not dropped, oldest first."""
        return tuple(self._notices)

    def drop(self, notices: tuple[Notice, ...]) -> None:
        """Drop these, the oldest."""
        for _ in range(min(len(notices), len(self._notices))):
            self._notices.popleft()
