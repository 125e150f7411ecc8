"""What can go wrong in this room itself, apart from Plex and Stash.

Exception
├── LocalStorage      the data directory cannot be read or written
└── CommandRefused    what a task asks cannot be done
"""

from __future__ import annotations


class LocalStorage(Exception):  # noqa: N818 - named as the verdict that it leads to
    """The data directory refuses to be read or written: disk full, read-only, locked for too long.

    The message says what could not be done, to which file, and what to do. No job is charged for it.
    """


class CommandRefused(Exception):  # noqa: N818 - named as what the task is told
    """A command of a task cannot be carried out. The message is its answer: what is in the way and what to do."""
