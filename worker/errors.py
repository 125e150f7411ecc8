"""What can go wrong in this room itself, apart from Plex, Stash and the data directory."""

from __future__ import annotations


class CommandRefused(Exception):  # noqa: N818 - named as what the task is told
    """A command of a task cannot be carried out. The message is its answer: what is in the way and what to do."""
