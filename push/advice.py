"""What the user can do about dead letters. Fast operations load it, so it imports nothing that is slow."""

from __future__ import annotations

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

# By the value of an ErrorClass, in one sentence each.
_ADVICE: Final[Mapping[str, str]] = {
    "PlexServerDown": "Plex went away each time this scene was sent: run Recover Outage Jobs once Plex is "
    "stable.",
    "PlexTimeout": 'Plex did not answer in time: raise "Read timeout (seconds)" or see what keeps Plex busy, then '
    "run Recover Outage Jobs with error_types PlexTimeout or save the scene again.",
    "PlexServerError": "Plex failed on this item: look at it in Plex and at Plex's own log, then save the scene "
    "again.",
    "NotInPlex": 'Plex has no item with this file: let Plex scan its folder and check "Path map", then save '
    "the scene again.",
    "Ambiguous": 'several items in Plex fit: remove the duplicates or switch on "Take the best of several '
    'matches", then save the scene again.',
    "Rejected": "Plex refuses this edit: read its reason, correct the scene in Stash and save it again.",
    "SceneTooLarge": "Stash says too much about this scene: shorten its details in Stash and save it.",
    "Bug": "PlexSync made a mistake: please report it with the worker's log (plexsync.log); saving the scene "
    "tries again.",
}


def advice_for(error_class: str) -> str:
    """What the user can do about dead letters of this class. A class that this version does not know counts as Bug."""
    return _ADVICE.get(error_class, _ADVICE["Bug"])
