"""The questions PlexSync asks Stash, over stashapi's GQLWrapper (without the introspection of StashInterface)."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from stashapi.classes import GQLWrapper

from stash.errors import StashLoginNeeded, StashRefused, StashUnavailable
from stash.scene import SCENE_FRAGMENT, parse_scene
from stash.transport import StashSession, check_login, read_body, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from stash.connection import StashConnection
    from stash.scene import Scene

    Kind = Literal["tag", "performer", "studio", "group"]

PLUGIN_ID = "plexsync"
# Plex answers 500 to an upload over 10 MB; one byte more tells the caller that this picture is too large.
PICTURE_LIMIT_BYTES = 10 * 1024 * 1024 + 1
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024  # hundreds of scenes with very long descriptions
SHOWN_ERROR_CHARACTERS = 300

CONFIGURATION = f'{{ configuration {{ general {{ apiKey }} plugins(include: ["{PLUGIN_ID}"]) }} }}'
UPDATES = """query($page: Int!, $per_page: Int!) {
  findScenes(filter: {page: $page, per_page: $per_page, sort: "updated_at", direction: DESC}) {
    scenes { id updated_at }
  }
}"""
ALL_IDS = """query($filter: SceneFilterType!, $per_page: Int!) {
  findScenes(scene_filter: $filter, filter: {per_page: $per_page, sort: "id", direction: ASC}) { count scenes { id } }
}"""
SCENE_IDS = """query($filter: SceneFilterType!, $page: Int!, $per_page: Int!) {
  findScenes(scene_filter: $filter, filter: {page: $page, per_page: $per_page, sort: "id", direction: ASC}) {
    scenes { id }
  }
}"""
# Where each kind stands in Stash's SceneFilterType. A studio's name reaches the scenes of the studios right
# below it too, as the name of their parent studio.
FILTERS: Mapping[Kind, tuple[str, Mapping[str, object]]] = {
    "tag": ("tags", {}),
    "performer": ("performers", {}),
    "studio": ("studios", {"depth": 1}),
    "group": ("groups", {}),
}
# Errors that say nothing about this question: the next one would get them too.
_NOT_NOW = re.compile(r"database is locked|database not initiali[sz]ed|database needs? migrat", re.IGNORECASE)
# Pictures are always served under these paths; what stands before (another host, a proxy's prefix) is how
# browsers reach Stash, and neither key nor cookie may go there.
_PICTURE_PATH = re.compile(r"/(?:scene|performer|studio|tag|group)/\d+/\w+(?:\?\S*)?$")
_HEADER_VALUE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StashConfiguration:
    """`api_key` is empty where Stash asks for no login; `plugin` is what was set for PlexSync, unchecked."""

    api_key: str = field(repr=False)
    plugin: Mapping[str, object] = field(repr=False)  # holds the Plex token


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture's bytes, without the end of one over 10 MB (see PICTURE_LIMIT_BYTES)."""

    content: bytes = field(repr=False)
    content_type: str
    etag: str


class _GraphQL(GQLWrapper):  # type: ignore[misc]  # stashapi ships no types
    """stashapi's wrapper with our session, and errors that can be told apart."""

    s: requests.Session

    def __init__(self, url: str, session: StashSession) -> None:
        super().__init__()
        session.headers.update(self.s.headers)
        self.s.close()
        self.s = session
        self.url = url
        self.log = logging.getLogger(__name__)
        self.fragments: dict[str, str] = {}

    def _handle_GQL_response(self, response: requests.Response) -> Mapping[str, Any]:  # noqa: N802 - the library's name
        """The answer's `data`. Stash answers a bad question with 422, a failed one with 200, both with `errors`."""
        check_login(response)
        answer = _json_object(read_body(response, ANSWER_LIMIT_BYTES), response.status_code)
        if answer.get("errors"):
            raise _graphql_error(answer["errors"], response.status_code)
        data = answer.get("data")
        if response.status_code != HTTPStatus.OK or not isinstance(data, Mapping):
            raise StashUnavailable(f"Stash answers with status {response.status_code} and no data")
        return data


class StashClient:
    """One Stash. Every method raises StashUnavailable or StashRefused and nothing else of the network."""

    def __init__(self, connection: StashConnection, *, timeout_s: float = 30.0) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self._session = StashSession(connection, timeout_s=timeout_s)
        self._graphql = _GraphQL(f"{connection.url}/graphql", self._session)

    def fetch_configuration(self) -> StashConfiguration:
        """Settings and API key; requests carry the key from then on, since the session cookie lives one hour only.

        A key that Stash no longer takes is dropped for the cookie: its owner may have made a new one.
        """
        try:
            data = self._ask(CONFIGURATION)
        except StashLoginNeeded:
            if not self._session.has_key:
                raise
            self._session.use_key("")
            data = self._ask(CONFIGURATION)
        configuration = _member(data, "configuration")
        api_key = _member(configuration, "general").get("apiKey") or ""
        if not isinstance(api_key, str) or not _HEADER_VALUE.fullmatch(api_key):
            raise StashUnavailable("Stash's API key holds characters that no key has")
        self._session.use_key(api_key)
        return StashConfiguration(api_key=api_key, plugin=_member(configuration, "plugins", PLUGIN_ID))

    def read_scenes(self, ids: Sequence[int]) -> dict[int, Scene]:
        """These scenes, in one query; those that Stash no longer has are absent."""
        if not ids:
            return {}
        # Not findScenes(ids:), which fails as a whole when one of them is gone.
        wanted = dict.fromkeys(ids)
        fields = " ".join(f"s{number}: findScene(id: {number:d}) {{ ...PlexSyncScene }}" for number in wanted)
        data = self._ask(f"{{ {fields} }}{SCENE_FRAGMENT}")
        found = ((number, data.get(f"s{number}")) for number in wanted)
        return {number: parse_scene(scene) for number, scene in found if scene is not None}

    def list_updates(self, *, page: int, per_page: int) -> list[tuple[int, str]]:
        """(id, updated_at) of all scenes, newest first; pages count from 1, the one after the last is empty."""
        scenes = self._find(UPDATES, {"page": page, "per_page": per_page})
        return [(_number(scene), str(scene.get("updated_at", ""))) for scene in scenes]

    def list_ids(self, *, after: int, limit: int) -> tuple[list[int], int]:
        """The first `limit` scenes whose id is greater than `after`, by id, and how many such scenes there are."""
        condition = {"id": {"value": after, "modifier": "GREATER_THAN"}}
        found = _member(self._ask(ALL_IDS, {"filter": condition, "per_page": limit}), "findScenes")
        scenes, count = found.get("scenes"), found.get("count")
        if not isinstance(scenes, list) or not isinstance(count, int):
            raise StashUnavailable("Stash's list of scenes is not a list")
        return [_number(scene) for scene in scenes], count

    def scene_ids_of(self, kind: Kind, entity_id: int, *, page: int, per_page: int) -> list[int]:
        """Scenes that show this entity's name, by id; pages count from 1, the one after the last is empty."""
        name, extra = FILTERS[kind]
        condition = {name: {"value": [str(entity_id)], "modifier": "INCLUDES", **extra}}
        scenes = self._find(SCENE_IDS, {"filter": condition, "page": page, "per_page": per_page})
        return [_number(scene) for scene in scenes]

    def fetch_picture(self, url_or_path: str, etag: str = "") -> Picture | None:
        """The picture, or None when it is still the one of `etag`. Stash's stand-in (SVG) is returned as it is.

        StashRefused concerns this picture only: it does not exist, or Stash fails to make it.
        """
        found = _PICTURE_PATH.search(url_or_path)
        if found is None:
            raise StashRefused(f"not the address of a picture in Stash: {url_or_path[:200]!r}")
        headers = {"Accept": "image/*", **({"If-None-Match": etag} if _HEADER_VALUE.fullmatch(etag) and etag else {})}
        with translated(self.connection.url, self.timeout_s):
            response = self._session.get(self.connection.url + found[0], headers=headers)
            with response:
                check_login(response)
                return _picture(response, found[0])

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _ask(self, query: str, variables: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        with translated(self.connection.url, self.timeout_s):
            # A copy, because the library writes into the variables.
            data: Mapping[str, Any] = self._graphql.call_GQL(query, dict(variables or {}))
            return data

    def _find(self, query: str, variables: Mapping[str, object]) -> list[Mapping[str, object]]:
        scenes = _member(self._ask(query, variables), "findScenes").get("scenes")
        if not isinstance(scenes, list) or not all(isinstance(scene, Mapping) for scene in scenes):
            raise StashUnavailable("Stash's list of scenes is not a list")
        return scenes


def _picture(response: requests.Response, path: str) -> Picture | None:
    """What the status says. 500 is about this picture (a lost file); 502 and above come from a proxy or a restart."""
    status = response.status_code
    if status == HTTPStatus.NOT_MODIFIED:
        return None
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        raise StashUnavailable(f"Stash answers with status {status} to {path}")
    if status != HTTPStatus.OK:
        raise StashRefused(f"Stash has no picture at {path} (status {status})")
    return Picture(
        content=read_body(response, PICTURE_LIMIT_BYTES),
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        etag=response.headers.get("ETag", ""),
    )


def _json_object(body: bytes, status: int) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise StashUnavailable(f"Stash's answer (status {status}) is not JSON or broke off") from error
    if not isinstance(answer, dict):
        raise StashUnavailable(f"Stash's answer (status {status}) is JSON of an unknown shape")
    return answer


def _graphql_error(errors: object, status: int) -> StashRefused | StashUnavailable:
    """The first error in words; about this question, or (5xx, a locked database) about Stash as a whole."""
    entries = errors if isinstance(errors, list) else [errors]
    messages = [str(entry.get("message")) if isinstance(entry, Mapping) else str(entry) for entry in entries]
    shown = " ".join(messages[0].split())[:SHOWN_ERROR_CHARACTERS]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or any(_NOT_NOW.search(message) for message in messages):
        return StashUnavailable(f"Stash cannot answer now: {shown}")
    return StashRefused(f"Stash refuses a query: {shown}")


def _member(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The object at the end of `keys`; empty where the last of them is null or missing."""
    value: object = data
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise StashUnavailable(f"Stash's answer has an unknown shape at {keys[-1]}")
    return value


def _number(scene: Mapping[str, object]) -> int:
    value = str(scene.get("id"))
    if not value.isdigit():
        raise StashUnavailable(f"Stash lists a scene with the id {value[:20]!r}")
    return int(value)
