"""Marks for log records: whether Stash's log gets what the worker logs. Without one, it gets warnings and errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

# As `extra` of a log call: this warning is for plexsync.log alone. Its subject is said as a fact of its own (an
# outage, a dead letter), or the reader could do nothing (a job that is tried again).
SAID_OTHERWISE: Final[Mapping[str, bool]] = {"is_said_otherwise": True}
# As `extra` of a log call: this information is for Stash's log, too.
NEWS: Final[Mapping[str, bool]] = {"is_news": True}


def is_said_otherwise(record: logging.LogRecord) -> bool:
    """Whether the record has the mark."""
    return bool(getattr(record, "is_said_otherwise", False))


def is_news(record: logging.LogRecord) -> bool:
    """Whether the record has the mark."""
    return bool(getattr(record, "is_news", False))
