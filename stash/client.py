"""All requests to Stash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from network.bounded import read_start
from stash.changes import (
    Changed,
    changes_query,
    id_of,
    newest_fields,
    parse_changes,
    parse_newest,
    parse_scene_with_file,
    rows_of,
    scenes_of_files_query,
)
from stash.errors import (
    SceneTooLarge,
    StashAnswerTooLarge,
    StashLacks,
    StashLoginNeeded,
    StashRefused,
    StashUnavailable,
)
from stash.graphql import ANSWER_LIMIT_BYTES, GraphQL
from stash.namesakes import NAMES_PER_QUERY, names_in_doubt, parse_bearers, query_for, with_namesakes
from stash.say import PLUGIN_ID, SAY, say_variables
from stash.scene import OPTIONAL_FIELDS, parse_files, parse_scene, scene_fragment
from stash.transport import StashSession, check_login, translated

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from stash.changes import Change, Newest, Position
    from stash.connection import StashConnection
    from stash.namesakes import Bearers, Namesakes
    from stash.say import Line
    from stash.scene import Scene, SceneFile

    Kind = Literal["tag", "performer", "studio", "group"]

# Plex answers an upload over 10 MB with 500. One byte more tells the caller that the picture is too large.
PICTURE_LIMIT_BYTES = 10 * 1024 * 1024 + 1
CONFIGURATION = f"""configuration {{ general {{ apiKey username pluginsPath }} plugins(include: ["{PLUGIN_ID}"]) }}
  plugins {{ id enabled }}
  version {{ version }}"""
CONFIGURE = "mutation($id: ID!, $input: Map!) { configurePlugin(plugin_id: $id, input: $input) }"
ALL_IDS = """query($filter: SceneFilterType!, $per_page: Int!) {
  findScenes(scene_filter: $filter, filter: {per_page: $per_page, sort: "id", direction: ASC}) { count scenes { id } }
}"""
SCENE_IDS = """query($filter: SceneFilterType!, $per_page: Int!) {
  findScenes(scene_filter: $filter, filter: {per_page: $per_page, sort: "id", direction: ASC}) { scenes { id } }
}"""
ANY_PERFORMER = '{ findPerformers(filter: {per_page: 1, sort: "id", direction: ASC}) { performers { id } } }'
PERFORMER_NAME = "query($id: ID!) { findPerformer(id: $id) { name } }"
# With the name in double quotes, Stash searches for all of it, not for each of its words.
FILES_BY_NAME = """{name}: findScenes(
  scene_filter: {{path: {{value: ${name}, modifier: INCLUDES}}, id: {{value: {after:d}, modifier: GREATER_THAN}}}},
  filter: {{per_page: $per_page, sort: "id", direction: ASC}}
) {{ scenes {{ id files {{ path size }} }} }}"""
FILES_PAGE, FILE_NAMES_PER_QUERY = 1000, 25
# The field of Stash's SceneFilterType for each kind. Scenes of a studio's direct children are included, because they
# show its name as their parent studio.
FILTERS: Mapping[Kind, tuple[str, Mapping[str, object]]] = {
    "tag": ("tags", {}),
    "performer": ("performers", {}),
    "studio": ("studios", {"depth": 1}),
    "group": ("groups", {}),
}
# Pictures are always served under these paths. Anything in front of the path (another host, a proxy's prefix) is how
# browsers reach Stash; neither key nor cookie may be sent there.
_PICTURE_PATH = re.compile(r"/(?:scene|performer|studio|tag|group)/\d+/\w+(?:\?\S*)?$")
_LACKING_FIELD = re.compile(r'Cannot query field "(\w+)" on type "(\w+)"')
_HEADER_VALUE = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class StashConfiguration:
    """`needs_login`: whether Stash has a password. `api_key`: "" if none was generated. `plugin`: PlexSync's settings,
    not validated. `is_enabled`: False if PlexSync is disabled on Stash's page of plugins. `plugins_path`: where Stash
    looks for plugins, as configured.
    """

    api_key: str = field(repr=False)
    plugin: Mapping[str, object] = field(repr=False)  # holds the Plex token
    needs_login: bool
    is_enabled: bool
    plugins_path: str
    newest: Newest | None = None  # None: not asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture; `content` is cut off after PICTURE_LIMIT_BYTES."""

    content: bytes = field(repr=False)
    content_type: str
    etag: str


class StashClient:
    """A client for one Stash server. Network errors are raised as StashUnavailable or StashRefused, never as others."""

    def __init__(self, connection: StashConnection, *, timeout_s: float = 30.0) -> None:
        self.connection = connection
        self.timeout_s = timeout_s
        self._version = ""
        self._lacking: frozenset[str] = frozenset()  # of OPTIONAL_FIELDS, as this version of Stash has said
        self._unlisted: frozenset[Changed] = frozenset()  # lists that it lacks, too
        self._session = StashSession(connection, timeout_s=timeout_s)
        self._graphql = GraphQL(f"{connection.url}/graphql", self._session)

    @property
    def version(self) -> str:
        """Of Stash, as it said with the settings; "" before."""
        return self._version

    @property
    def has_key(self) -> bool:
        """Whether requests carry an API key, or else the cookie of the session."""
        return self._session.has_key

    def fetch_configuration(self, *, newest_at: float | None = None) -> StashConfiguration:
        """Settings and API key. Later requests use the key, because the session cookie expires after one hour.

        `newest_at`: the time now, to ask in the same query what changed last. If Stash rejects the current key, falls
        back to the cookie: the user may have created a new key.
        """
        try:
            data, newest = self._ask_configuration(newest_at)
        except StashLoginNeeded:
            if not self._session.has_key:
                raise
            self._session.use_key("")
            data, newest = self._ask_configuration(newest_at)
        configuration = _member(data, "configuration")
        general = _member(configuration, "general")
        self._note_version(str(_member(data, "version").get("version")))
        api_key = general.get("apiKey") or ""
        if not isinstance(api_key, str) or not _HEADER_VALUE.fullmatch(api_key):
            raise StashUnavailable("Stash's API key holds characters that no key has")
        self._session.use_key(api_key)
        return StashConfiguration(
            api_key=api_key,
            plugin=_member(configuration, "plugins", PLUGIN_ID),
            needs_login=bool(api_key or general.get("username")),
            is_enabled=_is_enabled(data.get("plugins")),
            plugins_path=str(general.get("pluginsPath") or ""),
            newest=newest,
        )

    def _ask_configuration(self, newest_at: float | None) -> tuple[Mapping[str, Any], Newest | None]:
        """The answer, and what changed last; None as well if Stash fails to read one of the lists."""
        kinds = [kind for kind in Changed if kind not in self._unlisted]
        if newest_at is not None:
            try:
                data = self._ask(f"{{ {CONFIGURATION} {newest_fields(kinds, newest_at)} }}")
            except StashLacks:
                self._unlisted |= {kind for kind in kinds if self._lacks_list(kind, newest_at)}
            except StashRefused:
                pass  # catch-up finds out which one
            else:
                return data, parse_newest(kinds, data, newest_at)
        return self._ask(f"{{ {CONFIGURATION} }}"), None

    def _lacks_list(self, kind: Changed, now: float) -> bool:
        try:
            self._ask(f"{{ {newest_fields([kind], now)} }}")
        except StashLacks:
            return True
        except StashRefused:
            return False
        return False

    def _note_version(self, version: str) -> None:
        """Stash may have been updated since."""
        if self._version and version != self._version:
            self._lacking, self._unlisted = frozenset(), frozenset()
        self._version = version

    def switch_pause_on(self) -> None:
        """Switch *Pause* on, as on the settings page."""
        self.change_settings({"paused": True})

    def change_settings(self, changes: Mapping[str, object]) -> None:
        """Change these of PlexSync's settings, by key. The others stay: Stash takes all of them at once."""
        settings = self.fetch_configuration().plugin
        self._ask(CONFIGURE, {"id": PLUGIN_ID, "input": {**settings, **changes}})

    def read_scenes(self, ids: Sequence[int], namesakes: Namesakes | None = None) -> dict[int, Scene]:
        """These scenes by id; deleted ones are absent. One query, or several if one would get too large an answer.

        `namesakes`: what is believed about performers of one name. Another query asks for what is not.
        """
        if not ids:
            return {}
        try:
            scenes = self._read_scenes(ids)
        except StashAnswerTooLarge as error:
            if len(ids) == 1:
                raise SceneTooLarge(
                    f"Stash has more than {ANSWER_LIMIT_BYTES >> 20} MB about scene {ids[0]}, mostly in its details"
                ) from error
            half = len(ids) // 2
            return self.read_scenes(ids[:half], namesakes) | self.read_scenes(ids[half:], namesakes)
        bearers = self._bearers(names_in_doubt(scenes.values()), namesakes)
        return {number: with_namesakes(scene, bearers) for number, scene in scenes.items()}

    def _read_scenes(self, ids: Sequence[int]) -> dict[int, Scene]:
        # Not findScenes(ids:), which fails completely if one of them was deleted.
        wanted = dict.fromkeys(ids)
        fields = " ".join(f"s{number}: findScene(id: {number:d}) {{ ...PlexSyncScene }}" for number in wanted)
        data = self._ask_about_scenes(f"{{ {fields} }}")
        found = ((number, data.get(f"s{number}")) for number in wanted)
        return {number: parse_scene(scene) for number, scene in found if scene is not None}

    def _ask_about_scenes(self, query: str) -> Mapping[str, Any]:
        """Ask, and again without each field that Stash turns out to lack. Raises StashLacks if one is needed."""
        try:
            return self._ask(query + scene_fragment(self._lacking))
        except StashLacks as error:
            found = _LACKING_FIELD.search(error.answer)
            field = f"{found[2]}.{found[1]}" if found else ""
            if field not in OPTIONAL_FIELDS or field in self._lacking:
                raise
            self._lacking |= {field}
        return self._ask_about_scenes(query)

    def _bearers(self, names: Sequence[str], namesakes: Namesakes | None) -> Bearers:
        known = dict(namesakes.known()) if namesakes else {}
        unknown = [name for name in names if name not in known]
        for first in range(0, len(unknown), NAMES_PER_QUERY):
            part = unknown[first : first + NAMES_PER_QUERY]
            known |= parse_bearers(part, self._ask(*query_for(part)))
        if namesakes and unknown:
            namesakes.store({name: known[name] for name in unknown})
        return known

    def namesakes_of(self, performer_id: int) -> tuple[int, ...]:
        """The performers whose disambiguation is shown because this one bears their name; none if it is gone."""
        name = _member(self._ask(PERFORMER_NAME, {"id": str(performer_id)}), "findPerformer").get("name")
        bearers = self._bearers([name], None)[name] if isinstance(name, str) else {}
        return tuple(each for each, is_told_apart in bearers.items() if is_told_apart and each != performer_id)

    def list_changes(self, positions: Mapping[Changed, Position]) -> dict[Changed, list[Change]]:
        """The next page of each list, from one query. Raises StashUnavailable (and StashLacks) and StashRefused."""
        return parse_changes(positions, self._ask(changes_query(positions)))

    def scene_ids_of_files(self, files: Sequence[Change]) -> dict[int, list[int]]:
        """By file id, the scenes that have the file, perhaps with others of its content; none if it is gone."""
        if not files:
            return {}
        data = self._ask(scenes_of_files_query(files))
        found = {file.id: parse_scene_with_file(file, data) for file in files}
        return {
            file.id: [scene_id] if (scene_id := found[file.id]) is not None else self._scene_ids_at(file.path)
            for file in files
        }

    def _scene_ids_at(self, path: str) -> list[int]:
        """Needed where several scenes have the same content, each in a file of its own.

        Takes Stash a while: it compares all paths.
        """
        condition = {"path": {"value": path, "modifier": "EQUALS"}}
        listed = self._ask(SCENE_IDS, {"filter": condition, "per_page": -1}).get("findScenes")
        return [id_of(scene) for scene in rows_of(listed, "scenes")]

    def has_scene_below(self, folder: str) -> bool:
        """Whether any scene has a file whose path contains this one. True if that cannot be asked: it holds a quote."""
        if '"' in folder:
            return True
        # In double quotes, Stash searches for all of it, not for each of its words.
        condition = {"path": {"value": f'"{folder}"', "modifier": "INCLUDES"}}
        return bool(rows_of(self._ask(SCENE_IDS, {"filter": condition, "per_page": 1}).get("findScenes"), "scenes"))

    def list_ids(self, *, after: int, limit: int) -> tuple[list[int], int]:
        """The first `limit` scene ids greater than `after`, ascending, and the number of all such scenes."""
        condition = {"id": {"value": after, "modifier": "GREATER_THAN"}}
        found = _member(self._ask(ALL_IDS, {"filter": condition, "per_page": limit}), "findScenes")
        scenes, count = rows_of(found, "scenes"), found.get("count")
        if not isinstance(count, int):
            raise StashUnavailable("Stash's list of scenes has no count")
        return [id_of(scene) for scene in scenes], count

    def scene_ids_of(self, kind: Kind, entity_id: int, *others: int, after: int, limit: int) -> list[int]:
        """The first `limit` ids greater than `after` of the scenes that show a name of one of these, ascending."""
        name, extra = FILTERS[kind]
        value = [str(each) for each in (entity_id, *others)]
        condition = {
            name: {"value": value, "modifier": "INCLUDES", **extra},
            "id": {"value": after, "modifier": "GREATER_THAN"},
        }
        found = self._ask(SCENE_IDS, {"filter": condition, "per_page": limit}).get("findScenes")
        return [id_of(scene) for scene in rows_of(found, "scenes")]

    def any_performer_id(self) -> int | None:
        """The id of some performer, always the same one; None if there is none."""
        performers = rows_of(self._ask(ANY_PERFORMER).get("findPerformers"), "performers")
        return id_of(performers[0]) if performers else None

    def files_by_name(self, names: Sequence[str]) -> dict[int, tuple[SceneFile, ...]]:
        """The files of all scenes that have a file of one of these names; by scene id.

        Scenes with similar names may be among them, since Stash takes `%` and `_` for wildcards.
        """
        found: dict[int, tuple[SceneFile, ...]] = {}
        for first in range(0, len(names), FILE_NAMES_PER_QUERY):
            after = dict.fromkeys(names[first : first + FILE_NAMES_PER_QUERY], 0)
            while after:
                listed = self._list_files(after)
                found |= {scene_id: files for scenes in listed.values() for scene_id, files in scenes.items()}
                after = {name: max(scenes) for name, scenes in listed.items() if len(scenes) >= FILES_PAGE}
        return found

    def _list_files(self, after: Mapping[str, int]) -> dict[str, dict[int, tuple[SceneFile, ...]]]:
        """For each name, the files by scene id of the first scenes whose id is greater than `after`."""
        keys = [f"n{number}" for number in range(len(after))]
        fields = " ".join(
            FILES_BY_NAME.format(name=key, after=last) for key, last in zip(keys, after.values(), strict=True)
        )
        values = {key: f'"{name}"' for key, name in zip(keys, after, strict=True)}
        query = f"query({', '.join(f'${key}: String!' for key in keys)}, $per_page: Int!) {{ {fields} }}"
        data = self._ask(query, {**values, "per_page": FILES_PAGE})
        listed = (rows_of(data.get(key), "scenes") for key in keys)
        return {name: {id_of(row): parse_files(row) for row in rows} for name, rows in zip(after, listed, strict=True)}

    def fetch_picture(self, url_or_path: str, etag: str = "") -> Picture | None:
        """The picture, or None if its ETag is still `etag`. Stash's SVG placeholder is returned like any picture.

        StashRefused is about this picture only: it does not exist, or Stash cannot produce it.
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

    def say(self, lines: Sequence[Line]) -> None:
        """Have Stash write these to its log, each with a level of `logging`.

        Raises StashRefused if the plugin is disabled in Stash, or if Stash is too old to know operations.
        """
        self._ask(SAY, say_variables(lines))

    def close(self) -> None:
        """Close the open connections; the client can still be used."""
        self._session.close()

    def _ask(self, query: str, variables: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        with translated(self.connection.url, self.timeout_s):
            # A copy, because the library modifies the variables.
            data: Mapping[str, Any] = self._graphql.call_GQL(query, dict(variables or {}))
            return data


def _is_enabled(plugins: object) -> bool:
    """Whether Stash does not list PlexSync as disabled. A copy under another id is not listed under this one."""
    rows = [row for row in plugins if isinstance(row, Mapping)] if isinstance(plugins, list) else []
    return all(row.get("enabled") is not False for row in rows if row.get("id") == PLUGIN_ID)


def _picture(response: requests.Response, path: str) -> Picture | None:
    """Interpret the status: 500 is about this picture (a lost file), 502 and above come from a proxy or a restart."""
    status = response.status_code
    if status == HTTPStatus.NOT_MODIFIED:
        return None
    if status > HTTPStatus.INTERNAL_SERVER_ERROR:
        raise StashUnavailable(f"Stash answers with status {status} to {path}")
    if status != HTTPStatus.OK:
        raise StashRefused(f"Stash has no picture at {path} (status {status})")
    return Picture(
        content=read_start(response, PICTURE_LIMIT_BYTES),
        content_type=response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        etag=response.headers.get("ETag", ""),
    )


def _member(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The object at the path `keys`; empty if it is null or missing."""
    value: object = data
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else value
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise StashUnavailable(f"Stash's answer has an unknown shape at {keys[-1]}")
    return value
