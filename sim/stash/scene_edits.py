"""What users do to scenes, and the hooks that this fires: none where Stash fires none."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

from sim.stash.hook_input import given_only, scene_update, whole
from sim.stash.library import ResolverError, SceneGroup, StashId
from sim.stash.queries import number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.stash.graphql_engine import Resolver
    from sim.stash.library import SimulatedScene, StashLibrary
    from sim.stash.plugins import Plugins, StashCall

TEXTS = ("title", "code", "details", "director")
PLAIN = ("rating100", "organized", "o_counter", "resume_time", "play_duration", "play_count")
DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
DATA_URL = re.compile(r"data:[^;,]*;base64,(.*)", re.DOTALL)


def read_picture(given: str) -> bytes:
    """Decode a `data:` URL; the simulator fetches no pictures from elsewhere."""
    match = DATA_URL.fullmatch(given)
    try:
        return base64.b64decode(match[1] if match else "!", validate=True)
    except binascii.Error as error:
        raise ResolverError("illegal base64 data at input byte 0") from error


class SceneEdits:
    """Resolvers for the mutations of scenes. A mutation changes everything or nothing, then its hooks run."""

    def __init__(self, library: StashLibrary, plugins: Plugins, forget_file: Callable[[str], None]) -> None:
        self._library, self._plugins, self._forget_file = library, plugins, forget_file

    def resolvers(self) -> dict[str, Resolver]:
        """Resolvers of `Mutation`, by field."""
        return {
            "sceneCreate": self._create,
            "sceneUpdate": self._update,
            "scenesUpdate": self._update_several,
            "bulkSceneUpdate": self._update_bulk,
            "sceneDestroy": self._destroy,
            "scenesDestroy": self._destroy_several,
            "sceneMerge": self._merge,
            "sceneAddO": self._add_o,
            "sceneMarkerCreate": self._create_marker,
        }

    def edit(self, scene: SimulatedScene, given: dict[str, Any]) -> None:
        """Set what `given`, a SceneUpdateInput, contains; null clears. Raises ResolverError before anything changes."""
        values = self._values(given)
        for name, value in values.items():
            setattr(scene, name, value)
        if given.get("primary_file_id") is not None:
            primary = number(given["primary_file_id"])
            scene.files.sort(key=lambda file: file.id != primary)
        scene.updated_at = self._library.now_text()

    def _values(self, given: dict[str, Any]) -> dict[str, Any]:
        if "organized" in given and given["organized"] is None:
            raise ResolverError("Internal system error. Error <null value not allowed in optional bool>")
        values: dict[str, Any] = {name: (given[name] or "").strip() for name in TEXTS if name in given}
        values |= {name: given[name] for name in PLAIN if given.get(name) is not None}
        if "rating100" in given:
            values["rating100"] = given["rating100"]
        if "date" in given:
            values["date"] = self._date(given["date"])
        if "urls" in given:
            values["urls"] = list(given["urls"] or ())
        if given.get("cover_image"):
            values["cover"] = _cover(given["cover_image"])
        return {**values, **self._references(given)}

    def _references(self, given: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        if "studio_id" in given:
            values["studio_id"] = next(iter(self._existing("studio", filter(None, [given["studio_id"]]))), None)
        for kind in ("tag", "performer"):
            if f"{kind}_ids" in given:
                values[f"{kind}_ids"] = self._existing(kind, given[f"{kind}_ids"] or ())
        if "groups" in given:
            found = given["groups"] or ()
            self._existing("group", [each["group_id"] for each in found])
            values["groups"] = [SceneGroup(int(each["group_id"]), each.get("scene_index")) for each in found]
        if "stash_ids" in given:
            now = self._library.now_text()
            found = given["stash_ids"] or ()
            values["stash_ids"] = [StashId(each["endpoint"], each["stash_id"], now) for each in found]
        return values

    def _existing(self, kind: str, ids: Iterable[Any]) -> list[int]:
        """Each id once, in the order given."""
        found = list(dict.fromkeys(number(each, f"converting {kind} ids: ") for each in ids))
        missing = [each for each in found if each not in self._library.entities[kind]]
        if missing:
            raise ResolverError(f"FOREIGN KEY constraint failed: {kind} {missing[0]}")
        return found

    def _date(self, text: str | None) -> str | None:
        if text and not DATE.fullmatch(text):
            raise ResolverError(f'converting date: failed to parse date "{text}"')
        return text or None

    # --- mutations ---

    def _create(self, _root: Any, call: StashCall, args: dict[str, Any]) -> SimulatedScene:
        with self._library.lock:
            values = self._values(args["input"])
            scene = self._library.add_scene([], **values)
        self._plugins.fire(call, "Scene.Create.Post", scene.id)
        return scene

    def _update(self, _root: Any, call: StashCall, args: dict[str, Any]) -> SimulatedScene | None:
        given = args["input"]
        scene_id = number(given["id"], "converting id: ")
        with self._library.lock:
            self.edit(self._library.scene(scene_id), given)
        self._plugins.fire(call, "Scene.Update.Post", scene_id, scene_update(given), given)
        return self._library.scenes.get(scene_id)

    def _update_several(self, _root: Any, call: StashCall, args: dict[str, Any]) -> list[SimulatedScene | None]:
        several = args["input"]
        with self._library.lock:
            scenes = [self._library.scene(number(given["id"])) for given in several]
            for given in several:
                self._values(given)
            for scene, given in zip(scenes, several, strict=True):
                self.edit(scene, given)
        forms = [scene_update(given) for given in several]
        told = [(scene.id, forms, given) for scene, given in zip(scenes, several, strict=True)]
        self._plugins.fire_for_each(call, "Scene.Update.Post", told)
        return [self._library.scenes.get(scene.id) for scene in scenes]

    def _update_bulk(self, _root: Any, call: StashCall, args: dict[str, Any]) -> list[SimulatedScene | None]:
        given = args["input"]
        ids = [number(each) for each in given.get("ids") or ()]
        with self._library.lock:
            if not all(scene_id in self._library.scenes for scene_id in ids):
                raise ResolverError("sql: no rows in result set")
            forms = [self._bulk_form(self._library.scenes[scene_id], given) for scene_id in ids]
            for form in forms:
                self._values(form)
            for scene_id, form in zip(ids, forms, strict=True):
                self.edit(self._library.scenes[scene_id], form)
        told = [(scene_id, given_only(given), given) for scene_id in ids]
        self._plugins.fire_for_each(call, "Scene.Update.Post", told)
        return [self._library.scenes.get(scene_id) for scene_id in ids]

    def _bulk_form(self, scene: SimulatedScene, given: dict[str, Any]) -> dict[str, Any]:
        """The form that would make the same change to this scene."""
        form = {key: value for key, value in given.items() if key not in {"ids", "clientMutationId"}}
        for kind in ("tag", "performer"):
            if form.get(f"{kind}_ids") is not None:
                form[f"{kind}_ids"] = merged(self._library.references(kind, scene), form[f"{kind}_ids"])
        if form.get("urls") is not None:
            form["urls"] = _merged_texts(scene.urls, form["urls"])
        if form.get("group_ids") is not None:
            index = {group.group_id: group.scene_index for group in scene.groups}
            ids = merged(list(index), form["group_ids"])
            form["groups"] = [{"group_id": each, "scene_index": index.get(each)} for each in ids]
        return form

    def _destroy(self, _root: Any, call: StashCall, args: dict[str, Any]) -> bool:
        given = args["input"]
        scene = self._remove(number(given["id"]), with_file=bool(given.get("delete_file")))
        told = whole(("id", "delete_file", "delete_generated"), given)
        self._plugins.fire(call, "Scene.Destroy.Post", scene.id, {**told, **destroyed(scene)})
        return True

    def _destroy_several(self, _root: Any, call: StashCall, args: dict[str, Any]) -> bool:
        given = args["input"]
        with self._library.lock:
            ids = [self._library.scene(number(each)).id for each in given["ids"]]
            scenes = [self._remove(each, with_file=bool(given.get("delete_file"))) for each in ids]
        told = whole(("ids", "delete_file", "delete_generated"), given)
        for scene in scenes:
            self._plugins.fire(call, "Scene.Destroy.Post", scene.id, {**told, **destroyed(scene)})
        return True

    def _remove(self, scene_id: int, *, with_file: bool) -> SimulatedScene:
        with self._library.lock:
            scene = self._library.scene(scene_id)
            del self._library.scenes[scene_id]
        for file in scene.files if with_file else ():
            self._forget_file(file.path)
        return scene

    def _merge(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> SimulatedScene:
        """Fires no hook for either side, as in Stash."""
        given = args["input"]
        with self._library.lock:
            destination = self._library.scene(number(given["destination"]))
            sources = self._sources(given["source"])
            self.edit(destination, given.get("values") or {})
            for source in sources:
                destination.files.extend(source.files)
                del self._library.scenes[source.id]
        return destination

    def _sources(self, ids: list[Any]) -> list[SimulatedScene]:
        try:
            return [self._library.scene(number(each)) for each in ids]
        except ResolverError as error:
            raise ResolverError(f"finding source scenes: {error}") from error

    def _add_o(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> dict[str, Any]:
        """No hook fires, and `updated_at` stays."""
        with self._library.lock:
            scene = self._library.scene(number(args["id"]))
            scene.o_counter += 1
            return {"count": scene.o_counter, "history": []}

    def _create_marker(self, _root: Any, call: StashCall, args: dict[str, Any]) -> dict[str, Any]:
        with self._library.lock:
            given = args["input"]
            self._library.scene(number(given["scene_id"]))
            marker_id = self._library.next_id("marker")
        self._plugins.fire(call, "SceneMarker.Create.Post", marker_id, given_only(given))
        return {"id": marker_id, "title": given["title"], "seconds": given["seconds"]}


def merged(ids: list[int], change: dict[str, Any]) -> list[int]:
    """Apply a BulkUpdateIds to a list of ids."""
    given = [number(each) for each in change.get("ids") or ()]
    if change["mode"] == "REMOVE":
        return [each for each in ids if each not in given]
    return list(dict.fromkeys([*ids, *given])) if change["mode"] == "ADD" else given


def _merged_texts(texts: list[str], change: dict[str, Any]) -> list[str]:
    given = change.get("values") or []
    if change["mode"] == "REMOVE":
        return [each for each in texts if each not in given]
    return list(dict.fromkeys([*texts, *given])) if change["mode"] == "ADD" else given


def destroyed(scene: SimulatedScene) -> dict[str, str]:
    """What a hook learns about a scene that is gone. It has only an oshash, since MD5 is off by default."""
    first = scene.files[0] if scene.files else None
    return {"checksum": "", "oshash": first.oshash if first else "", "path": first.path if first else ""}


def _cover(given: str) -> bytes:
    try:
        return read_picture(given)
    except ResolverError as error:
        raise ResolverError(f"processing cover image: {error}") from error
