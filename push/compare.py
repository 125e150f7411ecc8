"""Which scenes differ from what was last pushed of them: by fingerprint, without asking Plex. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from push.fields import fingerprint_of, plex_files, wanted_of, why_left_alone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stash.scene import Scene
    from stash.settings import Settings
    from store.overview import Known


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`different`: the scenes to queue, by id. `skipped`: those that are not pushed at all."""

    different: tuple[int, ...] = ()
    unchanged: int = 0
    skipped: int = 0


def compare(scenes: Iterable[Scene], settings: Settings, known: Known) -> Comparison:
    """What a sync of these scenes has to do."""
    different, unchanged, skipped = [], 0, 0
    for scene in scenes:
        if why_left_alone(scene, settings, was_pushed=scene.id in known.pushed):
            skipped += 1
        elif known.fingerprints.get(scene.id) == _fingerprint(scene, settings):
            unchanged += 1
        else:
            different.append(scene.id)
    return Comparison(different=tuple(different), unchanged=unchanged, skipped=skipped)


def _fingerprint(scene: Scene, settings: Settings) -> str:
    return fingerprint_of(wanted_of(scene, settings), plex_files(scene, settings), settings)
