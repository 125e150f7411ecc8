"""Stash's answers to queries about scenes and entities. Nothing here changes anything."""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from sim.stash.filters import (
    TIMES,
    SceneFilter,
    compare,
    compare_time,
    matches_words,
    page_of,
    sort_entities,
    sort_files,
    sort_scenes,
)
from sim.stash.library import ResolverError, seconds_of

if TYPE_CHECKING:
    from sim.stash.graphql_engine import Resolver
    from sim.stash.library import Entity, SimulatedScene, StashLibrary, VideoFile

PLURALS = {"tag": "tags", "performer": "performers", "studio": "studios", "group": "groups"}


def number(text: Any, what: str = "") -> int:
    """Read an id as Stash does; raises ResolverError with Go's message."""
    if not re.fullmatch(r"[+-]?\d+", str(text)):
        raise ResolverError(f'{what}strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


class Queries:
    """Resolvers that read the library. The request's context has `base_url`, the address that the client used."""

    def __init__(self, library: StashLibrary) -> None:
        self._library = library

    def resolvers(self) -> dict[str, dict[str, Resolver]]:
        """By type and field."""
        finders: dict[str, Resolver] = {
            "findScene": self._find_scene,
            "findSceneByHash": self._find_scene_by_hash,
            "findScenes": self._find_scenes,
            "findFiles": self._find_files,
        }
        types: dict[str, dict[str, Resolver]] = {
            "Query": finders,
            "Scene": self._of_scene(),
            "SceneGroup": {"group": lambda group, *_: self._library.entities["group"].get(group.group_id)},
            "VideoFile": _of_file(),
        }
        for kind, plural in PLURALS.items():
            name = kind.capitalize()
            finders[f"find{name}"] = self._finder(kind)
            finders[f"find{name}s"] = self._lister(kind, plural)
            types[name] = self._of_entity(kind)
        finders["allTags"] = lambda *_: sort_entities(self._library.entities["tag"].values(), {})
        return types

    # --- scenes ---

    def _find_scene(self, _root: Any, _context: Any, args: dict[str, Any]) -> SimulatedScene | None:
        if args.get("id") is None:
            return None
        return self._library.scenes.get(number(args["id"]))

    def _find_scene_by_hash(self, _root: Any, _context: Any, args: dict[str, Any]) -> SimulatedScene | None:
        """The oldest of the scenes that have such a file; the simulator's files have no checksum."""
        oshash = args["input"].get("oshash")
        with self._library.lock:
            scenes = self._library.scenes.values()
            return next((each for each in scenes if any(file.oshash == oshash for file in each.files)), None)

    def _find_scenes(self, _root: Any, _context: Any, args: dict[str, Any]) -> dict[str, Any]:
        with self._library.lock:
            listed = args.get("ids") or args.get("scene_ids")
            if listed:
                found = [self._library.scene(number(each)) for each in listed]
                shown = found
            else:
                options = args.get("filter") or {}
                found = self._matching(args.get("scene_filter") or {}, options)
                shown = page_of(sort_scenes(found, options), options)
            files = [file for scene in found for file in scene.files]
            size = sum(file.size for file in files)
            return {"count": len(found), "duration": float(len(files)), "filesize": float(size), "scenes": shown}

    def _find_files(self, _root: Any, _context: Any, args: dict[str, Any]) -> dict[str, Any]:
        options, criteria = args.get("filter") or {}, args.get("file_filter") or {}
        with self._library.lock:
            listed, files = args.get("ids"), self._library.files()
            if listed:
                gone = [each for each in map(number, listed) if each not in files]
                if gone:
                    raise ResolverError(f"getting file by id {gone[0]}: sql: no rows in result set")
                found = [files[number(each)] for each in listed]
            else:
                scenes = self._library.scenes.values()
                in_scenes = Counter(each for scene in scenes for each in {file.id for file in scene.files})
                words = options.get("q")
                found = [each for each in files.values() if _fits_file(each, in_scenes[each.id], criteria, words)]
            size = sum(file.size for file in found)
            shown = found if listed else page_of(sort_files(found, options), options)
            total = {"count": len(found), "size": size, "duration": float(len(found)), "megapixels": 0.0}
            return {**total, "files": shown}

    def _matching(self, criteria: dict[str, Any], options: dict[str, Any]) -> list[SimulatedScene]:
        fits, words = SceneFilter(self._library, criteria).fits, options.get("q")
        return [scene for scene in self._library.scenes.values() if fits(scene) and _has_words(scene, words)]

    def _of_scene(self) -> dict[str, Resolver]:
        entities = self._library.entities
        return {
            "url": lambda scene, *_: next(iter(scene.urls), None),
            "files": lambda scene, *_: list(scene.files),
            "paths": lambda scene, context, _: _scene_paths(scene, context.base_url),
            "studio": lambda scene, *_: entities["studio"].get(scene.studio_id),
            "groups": lambda scene, *_: list(scene.groups),
            "tags": lambda scene, *_: sort_entities([entities["tag"][each] for each in scene.tag_ids], {}),
            "performers": lambda scene, *_: [entities["performer"][each] for each in sorted(scene.performer_ids)],
        }

    # --- entities ---

    def _finder(self, kind: str) -> Resolver:
        return lambda _root, _context, args: self._library.entities[kind].get(number(args["id"]))

    def _lister(self, kind: str, plural: str) -> Resolver:
        def resolve(_root: Any, _context: Any, args: dict[str, Any]) -> dict[str, Any]:
            listed, options = args.get("ids") or args.get("performer_ids"), args.get("filter") or {}
            criteria = args.get(f"{kind}_filter") or {}
            with self._library.lock:
                if listed:
                    found = [self._library.entity(kind, number(each)) for each in listed]
                    return {"count": len(found), plural: found}
                found = [entity for entity in self._library.entities[kind].values() if _fits(entity, criteria, options)]
                return {"count": len(found), plural: page_of(sort_entities(found, options), options)}

        return resolve

    def _of_entity(self, kind: str) -> dict[str, Resolver]:
        table = self._library.entities[kind]

        def children(entity: Entity, *_: Any) -> list[Entity]:
            return sort_entities((each for each in table.values() if entity.id in each.parent_ids), {})

        def parents(entity: Entity, *_: Any) -> list[Entity]:
            return sort_entities((table[each] for each in entity.parent_ids), {})

        shared: dict[str, Resolver] = {
            "scene_count": lambda entity, _context, args: self._count_scenes(kind, entity, args.get("depth") or 0),
            "urls": lambda entity, *_: entity.fields.get("urls") or [],
            "aliases": lambda entity, *_: entity.aliases,
            "image_path": lambda entity, context, _: _picture_path(kind, entity, context.base_url, "image"),
        }
        texts = ("sort_name", "description", "disambiguation", "gender", "birthdate", "details", "date", "director")
        for name in (*texts, "synopsis", "rating100"):
            shared[name] = _form_field(name)
        for name in ("favorite", "ignore_auto_tag"):
            shared[name] = _form_field(name, default=False)
        own: dict[str, dict[str, Resolver]] = {
            "tag": {"parents": parents, "children": children},
            "performer": {"alias_list": lambda entity, *_: entity.aliases},
            "studio": {"parent_studio": lambda *args: next(iter(parents(*args)), None), "child_studios": children},
            "group": self._of_group(),
        }
        return {**shared, **own[kind]}

    def _of_group(self) -> dict[str, Resolver]:
        studios = self._library.entities["studio"]
        return {
            "aliases": lambda entity, *_: entity.fields.get("aliases", ""),
            "studio": lambda entity, *_: studios.get(int(entity.fields.get("studio_id") or 0)),
            "front_image_path": lambda group, call, _: _picture_path("group", group, call.base_url, "frontimage"),
            "back_image_path": lambda *_: None,
        }

    def _count_scenes(self, kind: str, entity: Entity, depth: int) -> int:
        criterion = {"value": [entity.id], "modifier": "INCLUDES", "depth": depth}
        fits = SceneFilter(self._library, {PLURALS[kind]: criterion}).fits
        return sum(fits(scene) for scene in self._library.scenes.values())


def _has_words(scene: SimulatedScene, words: str | None) -> bool:
    return not words or matches_words([scene.title, scene.details, *(file.path for file in scene.files)], words)


def _fits(entity: Entity, criteria: dict[str, Any], options: dict[str, Any]) -> bool:
    given = {key: criterion for key, criterion in criteria.items() if criterion}
    fits_criteria = all(
        (compare_time if key in TIMES else compare)(getattr(entity, key), criterion) for key, criterion in given.items()
    )
    return fits_criteria and matches_words([entity.name, *entity.aliases], options.get("q"))


def _form_field(name: str, *, default: Any = None) -> Resolver:
    def resolve(entity: Entity, _context: Any, _args: dict[str, Any]) -> Any:
        value = entity.fields.get(name)
        return default if value is None else value

    return resolve


def _fits_file(file: VideoFile, scenes: int, criteria: dict[str, Any], words: str | None) -> bool:
    actual = {"scene_count": scenes, "path": file.path, "basename": os.path.basename(file.path)}
    given = {key: criterion for key, criterion in criteria.items() if criterion}
    return matches_words([file.path], words) and all(
        compare_time(getattr(file, key), criterion) if key in TIMES else compare(actual[key], criterion)
        for key, criterion in given.items()
    )


def _of_file() -> dict[str, Resolver]:
    def basename(file: VideoFile, *_: Any) -> str:
        return os.path.basename(file.path)

    return {
        "basename": basename,
        "fingerprints": lambda file, *_: [{"type": "oshash", "value": file.oshash}],
        "duration": lambda *_: 1.0,
        "width": lambda *_: 160,
        "height": lambda *_: 90,
        "fingerprint": lambda file, _call, args: file.oshash if args["type"] == "oshash" else None,
    }


def _scene_paths(scene: SimulatedScene, base_url: str) -> dict[str, str]:
    base = f"{base_url}/scene/{scene.id}"
    picture = f"{base}/screenshot?t={seconds_of(scene.updated_at)}"
    return {"screenshot": picture, "preview": f"{base}/preview", "stream": f"{base}/stream"}


def _picture_path(kind: str, entity: Entity, base_url: str, name: str) -> str:
    """Ends with `default=true` if Stash only has a placeholder."""
    path = f"{base_url}/{kind}/{entity.id}/{name}?t={seconds_of(entity.updated_at)}"
    return path if entity.image is not None else f"{path}&default=true"
