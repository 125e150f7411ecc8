"""What follows from a scene and the settings alone, needed when it is read ahead and again when it is pushed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from push.fields import digest, digests_of_version_2, fingerprint_of, plex_files, wanted_of

if TYPE_CHECKING:
    from plex.plan import Wanted
    from stash.scene import Scene
    from stash.settings import Settings

# At least a batch that is read ahead.
_KEPT = 100


@dataclass(frozen=True, kw_only=True)
class Outline:
    """See the module. `plex_files`: path as Plex sees it, and bytes."""

    scene: Scene
    settings: Settings
    wanted: Wanted
    plex_files: tuple[tuple[str, int], ...]
    fingerprint: str
    files_digest: str

    @cached_property
    def of_version_2(self) -> tuple[str, str]:
        """The two digests as older versions stored them: they stay valid until judged anew."""
        return digests_of_version_2(self.wanted, self.plex_files, self.settings)


class Outlines:
    """Keeps those of the scenes that were asked for last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._kept: dict[int, Outline] = {}

    def of(self, scene: Scene) -> Outline:
        """The outline of this very object."""
        kept = self._kept.get(scene.id)
        if kept is not None and kept.scene is scene:
            return kept
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        self._kept[scene.id] = outline = self._make(scene)
        return outline

    def _make(self, scene: Scene) -> Outline:
        wanted, files = wanted_of(scene, self._settings), plex_files(scene, self._settings)
        return Outline(
            scene=scene,
            settings=self._settings,
            wanted=wanted,
            plex_files=files,
            fingerprint=fingerprint_of(wanted, files, self._settings),
            files_digest=digest(files, self._settings.plex_library),
        )
