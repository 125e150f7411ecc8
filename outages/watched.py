"""Whether somebody is looking at the page: then Plex is probed often, so that what the page says is true."""

from __future__ import annotations

import os

from local.data_directory import WATCHED

# An open page says so every 4 s.
WATCHED_FOR_S = 12.0


def note_watched(directory: str, now: float) -> None:
    """Note that somebody is looking. Raises OSError."""
    path = os.path.join(directory, WATCHED)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    os.utime(path, (now, now))


def is_watched(directory: str, now: float) -> bool:
    """Whether somebody was looking just now. `now`: epoch seconds."""
    try:
        return abs(now - os.stat(os.path.join(directory, WATCHED)).st_mtime) <= WATCHED_FOR_S
    except OSError:
        return False
