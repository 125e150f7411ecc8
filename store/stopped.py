"""What stops the drain according to `worker.json` alone, in words. Fast operations load it."""

from __future__ import annotations

PAUSED = 'PlexSync is paused: "Pause" is switched on in its settings'
STORAGE = "storage"
STORAGE_MESSAGE = (
    "the worker cannot write to its data directory, most likely because the disk is full; its log, plexsync.log, says "
    "more."
)
_STASH = "Stash does not answer"


def stop_reported(by: str | None, message: str | None) -> tuple[str, str] | None:
    """A `stopped_by` and a sentence; None if nothing stops the drain, or if another file says what does.

    `by` and `message`: from `worker.json`.
    """
    words = {"paused": PAUSED, "stash": _STASH}
    if by == STORAGE:
        return STORAGE, STORAGE_MESSAGE
    return (by, message or words[by]) if by in words else None
