"""Scenes that failed one after the other while everything else seemed well: five of them are not to blame. Pure.

A scene is suspected until another one succeeds in what it failed in. If it fails again after that, the failure is
certainly its own: such a suspect is listed, but does not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Collection

# If this many different scenes in a row fail, the scenes are not to blame, even if the probes pass.
SUSPECTS_TO_OPEN = 5
# Of each kind. During a long outage one scene more fails at each probe. Those not listed are suspected anew.
_MAX_SUSPECTS = 100
OF_PLEX = (Evidence.READ, Evidence.WRITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A scene whose job failed although the probe after it passed, and the kind of request that failed.

    `is_own`: another scene succeeded between two failures of this one. `is_about_token`: a change answered with 401 or
    403.
    """

    scene_id: int
    failed_at: float
    evidence: Evidence = Evidence.READ
    is_own: bool = False
    is_about_token: bool = False


Suspects = tuple[Suspect, ...]


def with_suspect(suspects: Suspects, new: Suspect) -> Suspects:
    """Add a suspect. A scene stays as it failed first, but a failed change shows that items could be read."""
    if new.evidence is Evidence.WRITE:
        suspects = without(suspects, (Evidence.READ,))
    is_known = any((each.scene_id, each.evidence) == (new.scene_id, new.evidence) for each in suspects)
    is_full = len(of(suspects, (new.evidence,))) >= _MAX_SUSPECTS
    return suspects if is_known or is_full else (*suspects, new)


def of(suspects: Suspects, kinds: Collection[Evidence]) -> Suspects:
    """Those that failed in one of these kinds."""
    return tuple(each for each in suspects if each.evidence in kinds)


def without(suspects: Suspects, kinds: Collection[Evidence]) -> Suspects:
    """Those that failed in another kind."""
    return tuple(each for each in suspects if each.evidence not in kinds)


def are_many(suspects: Suspects) -> bool:
    """Whether so many different scenes failed that none of them is to blame."""
    return len({each.scene_id for each in suspects if not each.is_own}) >= SUSPECTS_TO_OPEN


def do_covers_wait(suspects: Suspects) -> bool:
    """Whether no scene's cover arrives, so that they wait, and only they."""
    return are_many(of(suspects, (Evidence.COVER,)))


def scene_ids(suspects: Suspects) -> tuple[int, ...]:
    """Each scene once, in the order in which they failed first."""
    return tuple(dict.fromkeys(each.scene_id for each in suspects))
