"""The agents of libraries and the guids of their items, as in recorded answers."""

from __future__ import annotations

import hashlib

# Two agents that look nothing up: that of the library type "Other Videos", and the old one for home videos.
DEFAULT_AGENT, NO_AGENT = "tv.plex.agents.none", "com.plexapp.agents.none"


def guid_of(agent: str, rating_key: int, path: str) -> str:
    """The guid of a file that no agent has matched: its rating key, or with NO_AGENT a hash of its path."""
    if agent == NO_AGENT:
        return f"{NO_AGENT}://{hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest()}?lang=xn"
    return f"local://{rating_key}"


def lasting_guid(guid: str) -> str:
    """The guid if a new item for the same film gets it too, since an agent matches it again; else ""."""
    return guid if guid.startswith("plex://") else ""
