"""What the user can do about dead letters. Fast operations load it, so it imports nothing that is slow."""

from __future__ import annotations

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

# By the value of an ErrorClass, in one sentence each.
_ADVICE: Final[Mapping[str, str]] = {
    "PlexServerDown": "Plex went down each time this scene was pushed: run Recover Outage Jobs once Plex is "
    "stable.",
    "PlexTimeout": 'Plex did not answer in time: raise "Read timeout (seconds)" or see what keeps Plex busy, then '
    "save the scene again.",
    "PlexServerError": "Plex failed on this item: look at it in Plex, and at Plex's own log, then save the scene "
    "again.",
    "NotInPlex": 'Let Plex scan the folder of the file, and check "Path map"; the scene is pushed once Plex has it.',
    "Ambiguous": 'Remove the duplicates in Plex, or switch on "Take the best of several matches"; then save the '
    "scene again.",
    "Rejected": "Read the reason that Plex gives, correct the scene in Stash and save it again.",
    "SceneTooLarge": "Shorten the details of the scene in Stash and save it again.",
    "Bug": "This is a fault of PlexSync: please report it with plexsync.log; saving the scene tries it again.",
}


def advice_for(error_class: str) -> str:
    """What the user can do about dead letters of this class. A class that this version does not know counts as Bug."""
    return _ADVICE.get(error_class, _ADVICE["Bug"])
