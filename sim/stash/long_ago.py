"""Makes what a scene shows older than a plugin that is new to this Stash."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.stash.library import StashLibrary

LONG_AGO = "2020-01-01T00:00:00Z"


def make_old(library: StashLibrary, scene_id: int) -> None:
    """Date back the scene's first file and the entities that it shows, except those that were changed since."""
    with library.lock:
        scene = library.scene(scene_id)
        scene.files[0].updated_at = LONG_AGO
        shown = {kind: library.references(kind, scene) for kind in library.entities}
        for entity in (library.entities[kind][each] for kind, ids in shown.items() for each in ids):
            if entity.updated_at == entity.created_at:
                entity.created_at = entity.updated_at = LONG_AGO
