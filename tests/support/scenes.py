"""Scenes as Stash returns them, and a Stash that returns nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from stash.scene import Scene, SceneFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stash.client import StashClient
    from stash.namesakes import Namesakes


def a_scene(scene_id: int, *files: tuple[str, int], **values: Any) -> Scene:
    """A scene with these files, (path, size in bytes), and a title."""
    scene = Scene(
        id=scene_id,
        title=f"Title {scene_id}",
        details="",
        date="",
        director="",
        rating100=None,
        organized=False,
        updated_at="2026-01-01T00:00:00Z",
        studio=None,
        performers=(),
        tags=(),
        groups=(),
        files=tuple(SceneFile(path=path, size=size) for path, size in files),
        screenshot_url="",
    )
    return replace(scene, **values)


class SceneShelf:
    """Answers for scenes as a client of Stash does."""

    def __init__(self, scenes: Iterable[Scene]) -> None:
        self.scenes = {scene.id: scene for scene in scenes}

    def read_scenes(self, ids: Sequence[int], _namesakes: Namesakes | None = None) -> dict[int, Scene]:
        return {scene_id: self.scenes[scene_id] for scene_id in ids if scene_id in self.scenes}

    def files_by_name(self, names: Sequence[str]) -> dict[int, tuple[SceneFile, ...]]:
        return {
            scene.id: scene.files
            for scene in self.scenes.values()
            if any(name.casefold() in file.path.casefold() for file in scene.files for name in names)
        }

    def as_client(self) -> StashClient:
        return cast("StashClient", self)
