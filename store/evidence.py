"""What an attempt at a job can show to work or to fail, as the state files store it."""

from __future__ import annotations

from enum import Enum


class Evidence(str, Enum):
    """The kind of request that worked or failed. What a failure of one kind stopped, only the same kind resumes."""

    PROBE = "probe"  # Plex answers at all
    READ = "read"  # items are read from Plex
    WRITE = "write"  # items are changed in Plex
    SCENE = "scene"  # scenes are read from Stash
    COVER = "cover"  # covers are read from Stash and sent to Plex
