"""Suspects, and what a job that was pushed proves, for tests of outages."""

from __future__ import annotations

from typing import Any

from outages.suspects import Suspect
from store.evidence import Evidence

# Of Plex: a read before the edit, and the edit.
OF_A_PUSH = frozenset({Evidence.PROBE, Evidence.READ, Evidence.WRITE})
# Of Plex, if nothing had to be sent, or if it lacks the file.
OF_A_READ = frozenset({Evidence.PROBE, Evidence.READ})
OF_A_MISS = frozenset({Evidence.PROBE})


def a_suspect(scene_id: int, failed_at: float, evidence: Evidence = Evidence.WRITE, **details: Any) -> Suspect:
    """A scene that failed, in writing if nothing else is given."""
    return Suspect(scene_id=scene_id, failed_at=failed_at, evidence=evidence, **details)
