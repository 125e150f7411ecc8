"""The data of the simulated Stash: scenes, their files, and the entities they refer to.

Times are text as Stash writes it: RFC 3339 with the offset of its time zone, whole seconds. Like Stash, filters compare
them as text. `lock` guards everything; nothing here starts a plugin.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TWO_HOURS_EAST = timezone(timedelta(hours=2))
KINDS = ("tag", "performer", "studio", "group")


def seconds_of(text: str) -> int:
    """A Stash time in epoch seconds, as in the `t=` of its picture addresses."""
    return int(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp())


class ResolverError(Exception):
    """An error that a resolver returns; the message is Stash's own."""


@dataclass(slots=True)
class VideoFile:
    """One file of a scene; by `oshash` Stash recognizes it under another name."""

    id: int
    path: str
    size: int
    oshash: str
    created_at: str
    updated_at: str
    mod_time: str


@dataclass(slots=True)
class StashId:
    """A scene's id in one stash-box."""

    endpoint: str
    stash_id: str
    updated_at: str


@dataclass(slots=True)
class SceneGroup:
    """A scene's membership in a group."""

    group_id: int
    scene_index: int | None = None


@dataclass(slots=True, kw_only=True)
class SimulatedScene:
    """Unset text is "", an unset date or rating is None. The first file is the primary one."""

    id: int
    created_at: str
    updated_at: str
    title: str = ""
    code: str = ""
    details: str = ""
    director: str = ""
    date: str | None = None
    rating100: int | None = None
    organized: bool = False
    urls: list[str] = field(default_factory=list)
    studio_id: int | None = None
    tag_ids: list[int] = field(default_factory=list)
    performer_ids: list[int] = field(default_factory=list)
    groups: list[SceneGroup] = field(default_factory=list)
    stash_ids: list[StashId] = field(default_factory=list)
    files: list[VideoFile] = field(default_factory=list)
    cover: bytes | None = None
    o_counter: int = 0
    play_count: int = 0
    play_duration: float = 0
    resume_time: float = 0


@dataclass(slots=True, kw_only=True)
class Entity:
    """A tag, performer, studio or group; `fields` holds what its form can set besides the name."""

    kind: str
    id: int
    name: str
    created_at: str
    updated_at: str
    aliases: list[str] = field(default_factory=list)
    parent_ids: list[int] = field(default_factory=list)
    image: bytes | None = None
    fields: dict[str, Any] = field(default_factory=dict)


class StashLibrary:
    """Tables by id; ids are never reused."""

    def __init__(self, now: Callable[[], float] = time.time, zone: tzinfo = TWO_HOURS_EAST) -> None:
        self.lock = threading.RLock()
        self.scenes: dict[int, SimulatedScene] = {}
        self.entities: dict[str, dict[int, Entity]] = {kind: {} for kind in KINDS}
        self.zone = zone
        self._now = now
        self._last_ids: dict[str, int] = {}

    def text_of(self, at: float) -> str:
        """An epoch time in Stash's notation."""
        return datetime.fromtimestamp(int(at), self.zone).isoformat().replace("+00:00", "Z")

    def now_text(self) -> str:
        """The current time in Stash's notation."""
        return self.text_of(self._now())

    def next_id(self, table: str) -> int:
        """The next id of a table, from 1."""
        self._last_ids[table] = self._last_ids.get(table, 0) + 1
        return self._last_ids[table]

    def scene(self, scene_id: int) -> SimulatedScene:
        """Raises ResolverError if there is none."""
        found = self.scenes.get(scene_id)
        if found is None:
            raise ResolverError(f"scene with id {scene_id} not found")
        return found

    def entity(self, kind: str, entity_id: int) -> Entity:
        """Raises ResolverError if there is none."""
        found = self.entities[kind].get(entity_id)
        if found is None:
            raise ResolverError(f"{kind} with id {entity_id} not found")
        return found

    def add_scene(self, paths: Iterable[tuple[str, int, str]], **fields: Any) -> SimulatedScene:
        """`paths`: (path, size in bytes, oshash, or "" to derive one from the file's id)."""
        with self.lock:
            now = self.now_text()
            scene = SimulatedScene(**{"id": self.next_id("scene"), "created_at": now, "updated_at": now, **fields})
            scene.files.extend(self.new_file(*path) for path in paths)
            self.scenes[scene.id] = scene
            return scene

    def new_file(self, path: str, size: int, oshash: str = "") -> VideoFile:
        """Make a file that belongs to no scene yet."""
        now, file_id = self.now_text(), self.next_id("file")
        return VideoFile(file_id, path, size, oshash or f"{file_id:016x}", now, now, now)

    def files(self) -> dict[int, VideoFile]:
        """The files of all scenes, by id."""
        return {file.id: file for scene in self.scenes.values() for file in scene.files}

    def add_entity(self, kind: str, name: str, **fields: Any) -> Entity:
        """Add one under any name; `fields` that `Entity` lacks are kept as its form has them."""
        with self.lock:
            now = self.now_text()
            own = {key: fields.pop(key) for key in ("aliases", "parent_ids", "image") if key in fields}
            entity_id = self.next_id(kind)
            entity = Entity(kind=kind, id=entity_id, name=name, created_at=now, updated_at=now, fields=fields, **own)
            self.entities[kind][entity.id] = entity
            return entity

    def references(self, kind: str, scene: SimulatedScene) -> list[int]:
        """The ids of the entities of a kind that a scene refers to."""
        if kind == "studio":
            return [] if scene.studio_id is None else [scene.studio_id]
        if kind == "group":
            return [group.group_id for group in scene.groups]
        return scene.tag_ids if kind == "tag" else scene.performer_ids

    def remove_entity(self, kind: str, entity_id: int) -> None:
        """Also takes it from its scenes, whose `updated_at` stays."""
        del self.entities[kind][entity_id]
        for scene in self.scenes.values():
            if entity_id not in self.references(kind, scene):
                continue
            if kind == "studio":
                scene.studio_id = None
            elif kind == "group":
                scene.groups = [group for group in scene.groups if group.group_id != entity_id]
            else:
                self.references(kind, scene).remove(entity_id)
        for other in self.entities[kind].values():
            other.parent_ids = [parent for parent in other.parent_ids if parent != entity_id]

    def replace_entity(self, kind: str, source: int, destination: int) -> None:
        """Scenes of `source` become scenes of `destination`, without a change of `updated_at`; `source` is removed."""
        for scene in self.scenes.values():
            ids = self.references(kind, scene)
            if source in ids and destination not in ids:
                ids.append(destination)
        self.remove_entity(kind, source)
