"""The video files in Stash's folders, and the jobs that read them: scan, clean, auto tag.

The files are only names, sizes and hashes. As in Stash, a scan fires several hooks at a time.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.stash.library import ResolverError
from sim.stash.queries import number
from sim.stash.scene_edits import destroyed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.stash.graphql_engine import Resolver
    from sim.stash.jobs import StashJob, StashJobQueue
    from sim.stash.library import Entity, SimulatedScene, StashLibrary, VideoFile
    from sim.stash.plugins import Plugins, StashCall


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file as a scan finds it: its size in bytes, and the hash that identifies its content."""

    size: int
    oshash: str


class Disk:
    """Resolvers of these jobs, and the changes that tests make to files without Stash's knowledge."""

    def __init__(self, library: StashLibrary, plugins: Plugins, jobs: StashJobQueue, *, parallel_tasks: int) -> None:
        self.files: dict[str, OnDisk] = {}
        self._library, self._plugins, self._jobs, self._parallel = library, plugins, jobs, parallel_tasks
        self._hashes = 0

    def resolvers(self) -> dict[str, Resolver]:
        """Resolvers of `Mutation`, by field."""
        return {
            "metadataScan": self._scan,
            "metadataClean": self._clean,
            "metadataAutoTag": self._auto_tag,
            "moveFiles": self._move_files,
        }

    def put(self, path: str, size: int) -> OnDisk:
        """Create a file with a hash of its own, or replace one."""
        self._hashes += 1
        self.files[path] = found = OnDisk(size, f"{self._hashes:016x}")
        return found

    def move(self, path: str, new_path: str) -> None:
        """Rename a file; its hash stays."""
        self.files[new_path] = self.files.pop(path)

    def remove(self, path: str) -> None:
        """Delete a file, if there is one."""
        self.files.pop(path, None)

    # --- move ---

    def _move_files(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> bool:
        """All files or none. No hook fires, and only the files' own `updated_at` changes."""
        given = args["input"]
        folder, basename = given.get("destination_folder"), given.get("destination_basename")
        if not folder:
            raise ResolverError("must specify destination folder or path")
        if basename and len(given["ids"]) != 1:
            raise ResolverError("must specify one file when providing destination path")
        with self._library.lock:
            known = self._library.files()
            moves = [_move_of(known, each, folder, basename or "") for each in given["ids"]]
            taken = [new_path for file, new_path in moves if new_path in self.files and new_path != file.path]
            if taken:
                raise ResolverError(f"file {taken[0]} already exists")
            for file, new_path in moves:
                if new_path != file.path:
                    self.move(file.path, new_path)
                    file.path, file.updated_at = new_path, self._library.now_text()
        return True

    # --- scan ---

    def _scan(self, _root: Any, call: StashCall, args: dict[str, Any]) -> int:
        paths = args["input"].get("paths") or [""]

        def work(job: StashJob) -> None:
            new = [path for path in self._new_or_changed() if path.startswith(tuple(paths))]
            with ThreadPoolExecutor(self._parallel) as pool:
                for _ in pool.map(lambda path: self._take_in(call, path, job), new):
                    pass
            job.progress = 1.0

        return self._jobs.add("Scanning...", work).id

    def _new_or_changed(self) -> list[str]:
        with self._library.lock:
            known = {file.path: file.oshash for scene in self._library.scenes.values() for file in scene.files}
            return sorted(path for path, found in self.files.items() if known.get(path) != found.oshash)

    def _take_in(self, call: StashCall, path: str, job: StashJob) -> None:
        if job.stopping.is_set():
            return
        with self._library.lock:
            scene, hook = self._place(path, self.files[path])
        fired_by = type(call)(user=call.user, is_cancelled=job.stopping.is_set)
        self._plugins.fire(fired_by, hook, scene.id)

    def _place(self, path: str, found: OnDisk) -> tuple[SimulatedScene, str]:
        """Find or make the scene of a file, and the hook to fire. A known hash is a renamed file if the old path is
        gone, otherwise a copy. A known path has new content.

        Only a copy changes the scene's `updated_at`; the file's own changes with its path and its content.
        """
        for scene in self._library.scenes.values():
            changed = next((file for file in scene.files if file.path == path), None)
            if changed is not None:
                changed.size, changed.oshash, changed.updated_at = found.size, found.oshash, self._library.now_text()
                return scene, "Scene.Update.Post"
            same = [file for file in scene.files if file.oshash == found.oshash]
            if not same:
                continue
            gone = [file for file in same if file.path not in self.files]
            if gone:
                gone[0].path, gone[0].updated_at = path, self._library.now_text()
            else:
                scene.files.append(self._library.new_file(path, found.size, found.oshash))
                scene.updated_at = self._library.now_text()
            return scene, "Scene.Update.Post"
        return self._library.add_scene([(path, found.size, found.oshash)]), "Scene.Create.Post"

    # --- clean ---

    def _clean(self, _root: Any, call: StashCall, args: dict[str, Any]) -> int:
        is_dry_run = args["input"]["dryRun"]

        def work(job: StashJob) -> None:
            for scene in [] if is_dry_run else list(self._library.scenes.values()):
                self._clean_scene(type(call)(user=call.user, is_cancelled=job.stopping.is_set), scene)
            job.progress = 1.0

        return self._jobs.add("Cleaning...", work).id

    def _clean_scene(self, call: StashCall, scene: SimulatedScene) -> None:
        """Remove a scene whose files are all gone. If only some are gone, the scene changes and no hook fires."""
        left: list[VideoFile] = [file for file in scene.files if file.path in self.files]
        if left == scene.files:
            return
        with self._library.lock:
            gone = destroyed(scene)
            if left:
                scene.files, scene.updated_at = left, self._library.now_text()
                return
            del self._library.scenes[scene.id]
        told = {"id": "", "delete_file": None, "delete_generated": None, **gone}
        self._plugins.fire(call, "Scene.Destroy.Post", scene.id, told)

    # --- auto tag ---

    def _auto_tag(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> int:
        given = args["input"]

        def work(job: StashJob) -> None:
            with self._library.lock:
                for kind in ("performer", "studio", "tag"):
                    self._tag_all(kind, given.get(f"{kind}s") or [])
            job.progress = 1.0

        return self._jobs.add("Auto-tagging...", work).id

    def _tag_all(self, kind: str, wanted: list[str]) -> None:
        """Add the entities that a file's path names. No hook fires; `updated_at` changes."""
        table = self._library.entities[kind]
        chosen = list(table.values()) if "*" in wanted else [table[int(each)] for each in wanted if int(each) in table]
        for entity in chosen:
            is_named = _name_finder(entity)
            for scene in self._library.scenes.values():
                if any(is_named(file.path) for file in scene.files) and self._add(kind, scene, entity):
                    scene.updated_at = self._library.now_text()

    def _add(self, kind: str, scene: SimulatedScene, entity: Entity) -> bool:
        if kind == "studio":
            is_new = scene.studio_id is None
            scene.studio_id = entity.id if is_new else scene.studio_id
            return is_new
        ids = self._library.references(kind, scene)
        is_new = entity.id not in ids
        if is_new:
            ids.append(entity.id)
        return is_new


def _move_of(known: dict[int, VideoFile], file_id: Any, folder: str, basename: str) -> tuple[VideoFile, str]:
    """A file and its new path. Raises ResolverError, also for another extension."""
    file = known.get(number(file_id, "converting ids: "))
    if file is None:
        raise ResolverError(f"finding file {file_id}: getting file by id {file_id}: sql: no rows in result set")
    old = os.path.basename(file.path)
    if basename and os.path.splitext(basename)[1] != os.path.splitext(old)[1]:
        raise ResolverError(f"file extension for {basename} is inconsistent with old filename {old}")
    return file, os.path.join(folder, basename or old)


def _name_finder(entity: Entity) -> Callable[[str], bool]:
    """A test whether a path contains a name of the entity: whole words, any case, any non-letters between the words."""
    names = [r"[\s._\-]*".join(re.escape(word) for word in name.split()) for name in [entity.name, *entity.aliases]]
    pattern = re.compile(rf"(?:^|[\W_])(?:{'|'.join(names)})(?:[\W_]|$)", re.IGNORECASE)
    return lambda path: bool(pattern.search(path))
