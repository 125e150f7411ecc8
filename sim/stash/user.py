"""What a person does on Stash's pages: every edit goes over HTTP and returns when its hooks have ended."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from sim.port import HOST
from sim.stash.server import TEST_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping


class GraphQLRefusedError(Exception):
    """The simulator answered with errors. `messages` are their texts; `status` is the HTTP status."""

    def __init__(self, status: int, errors: list[dict[str, Any]]) -> None:
        self.status = status
        self.messages = [str(error["message"]) for error in errors]
        super().__init__(f"{status}: {'; '.join(self.messages)}")


class StashUser:
    """The administrator, admitted by `key` and not affected by faults. `port` is the simulated Stash's."""

    def __init__(self, port: int, key: str) -> None:
        self.url = f"http://{HOST}:{port}"
        self._key = key

    def gql(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer's `data`. Raises GraphQLRefusedError."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        headers = {"Content-Type": "application/json", TEST_HEADER: self._key}
        request = urllib.request.Request(f"{self.url}/graphql", data=body, headers=headers)  # noqa: S310 - our own port
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=600) as answer:
                status, got = answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                status, got = error.code, json.loads(error.read())
        if got.get("errors"):
            raise GraphQLRefusedError(status, got["errors"])
        return dict(got["data"])

    def _mutate(self, name: str, kind: str, given: Any, answer: str = "{ id }") -> Any:
        return self.gql(f"mutation($input: {kind}!) {{ {name}(input: $input) {answer} }}", {"input": given})[name]

    def update_scene(self, scene_id: int, **fields: Any) -> None:
        """Save the edit form of a scene."""
        self._mutate("sceneUpdate", "SceneUpdateInput", {"id": str(scene_id), **fields})

    def update_scenes(self, forms: list[dict[str, Any]]) -> None:
        """Send one `scenesUpdate`; each form needs an `id`."""
        self._mutate("scenesUpdate", "[SceneUpdateInput!]", forms)

    def bulk_update(self, scene_ids: list[int], **fields: Any) -> None:
        """Apply the bulk dialog, for example `tag_ids={"ids": […], "mode": "ADD"}`."""
        ids = [str(each) for each in scene_ids]
        self._mutate("bulkSceneUpdate", "BulkSceneUpdateInput", {"ids": ids, **fields})

    def create_scene(self, **fields: Any) -> int:
        """Create a scene without a file."""
        return int(self._mutate("sceneCreate", "SceneCreateInput", fields)["id"])

    def move_file_in_stash(self, file_id: int, folder: str, basename: str = "") -> None:
        """Move a file, on disk too, as rename plugins do. Fires no hook, and the scene's `updated_at` stays."""
        given = {"ids": [str(file_id)], "destination_folder": folder, "destination_basename": basename or None}
        self._mutate("moveFiles", "MoveFilesInput", given, "")

    def switch_plugin(self, plugin_id: str, *, on: bool) -> None:
        """Enable or disable a plugin on the page of plugins."""
        self.gql("mutation($on: BoolMap!) { setPluginsEnabled(enabledMap: $on) }", {"on": {plugin_id: on}})

    def destroy_scene(self, scene_id: int, *, delete_file: bool = False) -> None:
        """Apply the Delete dialog."""
        given = {"id": str(scene_id), "delete_file": delete_file, "delete_generated": True}
        self._mutate("sceneDestroy", "SceneDestroyInput", given, "")

    def destroy_scenes(self, scene_ids: list[int]) -> None:
        """Send one `scenesDestroy`."""
        self._mutate("scenesDestroy", "ScenesDestroyInput", {"ids": [str(each) for each in scene_ids]}, "")

    def merge_scenes(self, source_ids: list[int], destination_id: int) -> None:
        """Fires no hook."""
        self._merge("scene", "Scene", source_ids, destination_id)

    def create(self, kind: str, name: str, **fields: Any) -> int:
        """Create a tag, performer, studio or group with its form."""
        return int(self._mutate(f"{kind}Create", f"{kind.capitalize()}CreateInput", {"name": name, **fields})["id"])

    def update(self, kind: str, entity_id: int, **fields: Any) -> None:
        """Save the form of an entity."""
        self._mutate(f"{kind}Update", f"{kind.capitalize()}UpdateInput", {"id": str(entity_id), **fields})

    def destroy(self, kind: str, entity_id: int) -> None:
        """Delete an entity; its scenes lose it, their `updated_at` stays."""
        self._mutate(f"{kind}Destroy", f"{kind.capitalize()}DestroyInput", {"id": str(entity_id)}, "")

    def merge_tags(self, source_ids: list[int], destination_id: int) -> None:
        """Fires Tag.Merge.Post for the destination."""
        self._merge("tags", "Tags", source_ids, destination_id)

    def merge_performers(self, source_ids: list[int], destination_id: int) -> None:
        """Fires no hook."""
        self._merge("performer", "Performer", source_ids, destination_id)

    def _merge(self, name: str, kind: str, source_ids: list[int], destination_id: int) -> None:
        given = {"source": [str(each) for each in source_ids], "destination": str(destination_id)}
        self._mutate(f"{name}Merge", f"{kind}MergeInput", given)
