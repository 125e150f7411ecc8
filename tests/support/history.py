"""A history of Stash, Plex and the worker, and what must be true of it at any time.

Operations take numbers (`which`) that choose among what there is, so that any sequence of them is a history.
"""

from __future__ import annotations

import base64
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from push.fields import fingerprint_of, plex_files
from push.fields import wanted_of as pushed_of
from sim.stash.simulator import GraphQLRefusedError
from stash.scene import parse_scene, scene_fragment
from tests.support.expected_items import OwnValues, Wanted, back_with_lock, differences, lost_values, shown, wanted_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.plex.simulator import ItemView
    from tests.support.world_of_history import World

COVERS = [b"\xff\xd8\xff" + name * 20 for name in (b"one", b"two")]
POOLS: dict[str, list[Any]] = {
    "title": ["A", "B", ""],
    "details": ["text one", "text two", ""],
    "date": ["2020-01-01", "2021-02-03", None],
    "rating100": [40, 80, None],
    "director": ["Director One", "Director Two", ""],
    "studio": ["Studio One", "Studio Two", None],
    "tag": [("tag one",), ("tag two", "tag three"), ("tag three", "tag one"), ()],
    "performer": [("Ann",), ("Ben", "Ann"), ("Cleo",), ()],
    "group": [("Group One",), ()],
    "cover": COVERS,
}
NAMES = {
    "tag": ("tag one", "TAG one", "tag two", "tag four"),
    "performer": ("Ann", "Ben", "Dora"),
    "studio": ("Studio One", "Studio Three"),
    "group": ("Group One", "Group Two"),
}
MOST_FILES = 4
_SCENE = f"query($id: ID!) {{ findScene(id: $id) {{ ...PlexSyncScene }} }} {scene_fragment()}"
_BELIEFS = """
SELECT scene.scene_id, fingerprint, rating_key FROM scene JOIN owned ON owned.scene_id = scene.scene_id
WHERE fingerprint <> ''
"""


class History:
    """Two libraries with the same folder, and an item in each that is nobody's, lest a library be empty."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.paths = 0
        self.own: dict[int, OwnValues] = {}  # by rating key
        # Items that came, or lost their owner, without an event for a scene: only reconciliation finds them.
        self.unseen: set[int] = set()
        self.without_cover: set[int] = set()  # were out of *Plex libraries*: reconciliation compares no covers
        self.before: dict[int, dict[str, Any]] = {}  # by scene, the last edited last: its form before
        self.wanted: dict[str, Wanted] = {}  # by fingerprint
        self.is_keeping = False  # *Keep edits made in Plex* was on at the last rest, and still is
        for section in self.world.sections:
            self.world.plex.add_item(section, files=[("/media/another.mp4", 7)])

    # What there is

    @property
    def scenes(self) -> list[int]:
        return sorted(self.world.stash.library.scenes)

    def a_scene(self, which: int) -> int:
        return self.scenes[which % len(self.scenes)]

    def items(self) -> list[ItemView]:
        """The items of the libraries in the settings, by rating key."""
        count = 1 if self.world.settings.get("plex_library") else 2
        found = [view for section in self.world.sections[:count] for view in self.world.plex.items(section)]
        return sorted((view for view in found if view.rating_key in self.own), key=lambda view: view.rating_key)

    def an_item(self, which: int) -> ItemView:
        found = self.items()
        return found[which % len(found)]

    def add_file(self, *, in_movies: bool, in_films: bool, has_values: bool = False) -> int:
        """Stash and Plex find a new file; returns its scene."""
        self.paths += 1
        path = f"/media/{self.paths}.mp4"
        for section in [each for each, is_there in enumerate((in_movies, in_films)) if is_there]:
            self.unseen.discard(self.add_item(section, path, has_values=has_values))
        (scene,) = self.world.stash.scan_new(path, size=1000 + self.paths)
        self.remember_all()
        return scene

    def add_item(self, section: int, path: str, *, has_values: bool = False) -> int:
        """Plex finds a file. `has_values`: its agent knows something about it."""
        own, values = OwnValues(), {}
        if has_values:
            values = {"summary": "of Plex", "genres": ("genre of Plex",)}
            own.former["summary"], own.names["genres"] = {"of Plex"}, {"genre of Plex"}
        files = [(path, 1000 + int(PurePosixPath(path).stem))]
        key = self.world.plex.add_item(self.world.sections[section], files=files, **_values(values))
        own.former["title"] = {self.world.plex.item(key).title}
        self.own[key] = own
        self.unseen.add(key)
        return key

    # What a user does in Stash

    def edit(self, which: int, changes: Mapping[str, int], *, is_told: bool) -> None:
        """Change fields to values of POOLS. `is_told`: whether Stash runs a hook."""
        scene = self.a_scene(which)
        before = self._form_of(scene)
        form = self._form({name: POOLS[name][index % len(POOLS[name])] for name, index in changes.items()})
        self.before.pop(scene, None)
        self.before[scene] = {name: before[name] for name in form if name in before}
        self._update(scene, form, is_told=is_told)

    def undo(self, which: int, *, is_told: bool) -> None:
        """Take back the last edit of a scene; -1: the last of all edits."""
        if not self.before:
            return
        scene = list(self.before)[which % len(self.before)]
        form = self.before.pop(scene)
        if scene in self.world.stash.library.scenes and form:
            with suppress(GraphQLRefusedError):  # a tag of it is gone
                self._update(scene, form, is_told=is_told)

    def _update(self, scene: int, form: dict[str, Any], *, is_told: bool) -> None:
        self.world.hooks.is_off = not is_told
        try:
            self.world.stash.update_scene(scene, **form)
        finally:
            self.world.hooks.is_off = False
        self.remember(scene)

    def _form_of(self, scene_id: int) -> dict[str, Any]:
        scene = self.world.stash.library.scene(scene_id)
        names = ("title", "details", "date", "rating100", "director")
        return {name: getattr(scene, name) for name in names} | {
            "studio_id": None if scene.studio_id is None else str(scene.studio_id),
            "tag_ids": list(map(str, scene.tag_ids)),
            "performer_ids": list(map(str, scene.performer_ids)),
            "groups": [{"group_id": str(each.group_id)} for each in scene.groups],
            **({"cover_image": _as_data_url(scene.cover)} if scene.cover else {}),
        }

    def _form(self, values: dict[str, Any]) -> dict[str, Any]:
        """As Stash's form sends these values; entities are made when they are first used."""
        ids = self.world.stash.add_entity
        found: dict[str, Any] = {}
        for name, value in values.items():
            if name == "studio":
                found["studio_id"] = value and str(ids("studio", value))
            elif name in ("tag", "performer"):
                found[f"{name}_ids"] = [str(ids(name, each)) for each in value]
            elif name == "group":
                found["groups"] = [{"group_id": str(ids("group", each))} for each in value]
            elif name == "cover":
                found["cover_image"] = _as_data_url(value)
            else:
                found[name] = value
        return found

    def delete_scene(self, which: int, *, is_told: bool) -> None:
        """The file stays, and the next scan makes another scene of it."""
        if len(self.scenes) > 1:
            scene = self.a_scene(which)
            self._leave_items(scene)
            self.world.hooks.is_off = not is_told
            self.world.stash.destroy_scene(scene)
            self.world.hooks.is_off = False

    def scan_stash(self) -> None:
        """Each file without a scene gets one."""
        self.world.stash.scan()
        self.remember_all()

    def merge_scenes(self, which: int, other: int) -> None:
        """No hook tells of it."""
        source, destination = self.a_scene(which), self.a_scene(other)
        if source != destination:
            self._leave_items(source)
            self.world.stash.merge_scenes([source], destination)
            self.remember(destination)

    def _leave_items(self, scene: int) -> None:
        """Where an item has files of several scenes, nobody tells the others that this one has gone."""
        paths = {file.path for file in self.world.stash.library.scene(scene).files}
        self.unseen |= {
            each.rating_key
            for each in self.items()
            if len(each.files) > 1 and paths & {path for path, _ in each.files}
        }

    def rename_entity(self, kind: str, which: int, name: int) -> None:
        """Give it another of NAMES; scenes keep their `updated_at`."""
        if entities := sorted(self.world.stash.library.entities[kind]):
            new = NAMES[kind][name % len(NAMES[kind])]
            with suppress(GraphQLRefusedError):  # the name is taken
                self.world.stash.update(kind, entities[which % len(entities)], name=new)
            self.remember_all()

    def delete_entity(self, kind: str, which: int) -> None:
        """Its scenes lose it."""
        if entities := sorted(self.world.stash.library.entities[kind]):
            self.world.stash.destroy(kind, entities[which % len(entities)])
            self.remember_all()

    def configure(self, **changed: object) -> None:
        """Change settings; those that are false are unset."""
        kept = {key: self.world.settings.get(key) for key in ("keep_plex_edits", "plex_library")}
        self.world.configure(**{key: value for key, value in {**kept, **changed}.items() if value})
        if "keep_plex_edits" in changed:
            self.is_keeping = False
            for own in self.own.values():
                own.kept.clear()
        if "plex_library" in changed:
            there = self.world.plex.items(self.world.sections[1])
            self.without_cover |= {view.rating_key for view in there} & self.own.keys()
            self.unseen |= self.without_cover
        self.remember_all()

    # What happens in Plex

    def enter_text(self, which: int, name: str, value: str) -> None:
        """A person edits a field, or rates, where `name` is user_rating."""
        key = self.an_item(which).rating_key
        if name == "user_rating":
            self.world.plex.rate_by_hand(key, float(value))
        else:
            self.world.plex.edit_by_hand(key, **_values({name: value}))
        own = self.own[key]
        own.texts[name] = value
        own.former[name].add(value)
        if self.is_keeping and not self.world.is_read_ahead(key):
            own.kept.add(name)

    def add_name(self, which: int, kind: str) -> None:
        """A person adds a name of their own to a list."""
        view, name = self.an_item(which), f"my {kind}"
        names = [each for each in getattr(view, kind) if each != name]
        self.world.plex.edit_by_hand(view.rating_key, **_values({kind: [*names, name]}))
        self.own[view.rating_key].names[kind].add(name)

    def remove_name(self, which: int, kind: str) -> None:
        """A person removes the first name of a list that PlexSync put there."""
        view = self.an_item(which)
        own = self.own[view.rating_key]
        names = [name for name in getattr(view, kind) if name not in own.names[kind]]
        if names:
            rest = [name for name in getattr(view, kind) if name != names[0]]
            self.world.plex.edit_by_hand(view.rating_key, **_values({kind: rest}))
            own.removed[kind].add(names[0].casefold())

    def lose_item(self, which: int) -> None:
        """The item leaves Plex, though its file is there."""
        self._forget(self.an_item(which).rating_key)

    def _forget(self, key: int) -> None:
        self.world.plex.remove_item(key)
        del self.own[key]
        self.unseen.discard(key)

    def replace_item(self, which: int) -> None:
        """The item gets another rating key."""
        view = self.an_item(which)
        if len(view.files) == 1:
            self._forget(view.rating_key)
            self.add_item(self.world.sections.index(view.section_key), view.files[0][0])

    def find_file(self, which: int, section: int) -> None:
        """Plex finds a file that it does not have in this library."""
        path = f"/media/{which % self.paths + 1}.mp4"
        there = self.world.plex.items(self.world.sections[section])
        if not any(path in [each for each, _ in view.files] for view in there):
            self.add_item(section, path)

    def join_items(self, which: int, other: int) -> None:
        """The files of two items become versions of the first one."""
        one, two = self.an_item(which), self.an_item(other)
        if one.rating_key != two.rating_key and one.section_key == two.section_key:
            library = self.world.plex._library
            self._forget(two.rating_key)
            self.unseen.add(one.rating_key)
            item = library._items[one.rating_key]
            library._store(replace(item, media=(*one.media, *two.media), updated_at=library.now))

    def split_item(self, which: int) -> None:
        """Each version but the first becomes an item of its own."""
        view = self.an_item(which)
        first, *others = view.media
        if others:
            library = self.world.plex._library
            item = library._items[view.rating_key]
            library._store(replace(item, media=(first,), updated_at=library.now))
            for media in others:
                self.add_item(self.world.sections.index(view.section_key), media.parts[0].file)

    # What must be true

    def rest(self) -> None:
        """Heal everything, let PlexSync come to rest, and look whether Plex shows what Stash says."""
        self.world.settle(is_lost=self._is_lost)
        self.is_keeping = bool(self.world.settings.get("keep_plex_edits"))
        self.check(is_reconciled=False)

    def reconcile(self) -> None:
        """Once at rest, reconcile: afterwards there is no gap, and nothing is left that only an event would tell."""
        self.rest()
        for is_preview in (False, True):
            result = self.world.reconcile(is_preview=is_preview)
            self.world.settle(is_lost=self._is_lost)
        gaps = result["output"]["gaps"]
        assert (gaps["empty"], gaps["stale"]) == (0, 0), result
        self.check(is_reconciled=True)

    def check_beliefs(self) -> None:
        """Whether every item of a scene that PlexSync believes to be in Plex shows what the scene was then."""
        for scene, fingerprint, key in self.world.ask(_BELIEFS):
            wanted, own = self.wanted.get(fingerprint), self.own.get(key)
            if wanted is None or own is None:
                continue
            view = self.world.plex.item(key)
            if wanted.files.intersection(path for path, _ in view.files):
                found = differences(view, wanted, own, is_strict=False)
                assert not found, "\n".join((f"scene {scene} is not in item {key}", *found, "", *self.world.log))

    def remember(self, scene: int) -> None:
        """Note what Plex must show when the ledger has this fingerprint."""
        settings = self.world.settings_in_effect()
        parsed = parse_scene(self.world.stash.gql(_SCENE, {"id": str(scene)})["findScene"])
        fingerprint = fingerprint_of(pushed_of(parsed, settings), plex_files(parsed, settings), settings)
        library = self.world.stash.library
        self.wanted[fingerprint] = wanted_of(library, library.scene(scene))

    def remember_all(self) -> None:
        """Do so for every scene."""
        for scene in self.scenes:
            self.remember(scene)

    def _is_lost(self, scene: int) -> bool:
        """Whether Plex has no item for the scene."""
        found = self.world.stash.library.scenes.get(scene)
        paths = {file.path for file in found.files} if found else set()
        return not any(paths & {path for path, _ in view.files} for view in self.items())

    def check(self, *, is_reconciled: bool) -> None:
        wrong: list[str] = []
        for view in self.items():
            own, key = self.own[view.rating_key], view.rating_key
            wrong += [f"item {key}: {each}" for each in lost_values(view, own)]
            is_strict = is_reconciled and not self.is_keeping
            owners = self._owners(view)
            found = [differences(view, each, own, is_strict=is_strict) + self._cover(view, each) for each in owners]
            if all(found) and (is_reconciled or key not in self.unseen):
                wrong += [f"item {key} of scene {owners[0].scene_id}: {each}" for each in (found or [[]])[0]]
            if not all(found):
                self.unseen.discard(key)
                self._note_replaced(view, owners[found.index([])], own)
        assert not wrong, "\n".join((*wrong, "", *self.world.log))
        assert not self.world.ask("SELECT scene_id, error_class FROM dead_letter")

    def _cover(self, view: ItemView, wanted: Wanted) -> list[str]:
        if wanted.poster in ("", view.selected_poster):
            self.without_cover.discard(view.rating_key)
            return []
        return [] if view.rating_key in self.without_cover else [f"the poster is {view.selected_poster}"]

    def _owners(self, view: ItemView) -> list[Wanted]:
        """The scenes of which Plex may show one: that of the first file if there is one.

        A scene of which Stash knows only the file takes an item only if it had one before. Alone, it says nothing.
        """
        library, paths = self.world.stash.library, [path for path, _ in view.files]
        found = [wanted_of(library, scene) for scene in library.scenes.values()]
        found = [each for each in found if each.files.intersection(paths)]
        if all(each.is_bare for each in found):
            return []
        return [each for each in found if paths[0] in each.files and not each.is_bare] or found

    def _note_replaced(self, view: ItemView, wanted: Wanted, own: OwnValues) -> None:
        """What PlexSync was seen to have replaced, or put back, it may not bring again."""
        own.texts = {name: text for name, text in own.texts.items() if shown(view, name) == text}
        own.texts |= back_with_lock(view, wanted, own)
        for name, removed in own.removed.items():
            in_plex = {each.casefold() for each in getattr(view, name)}
            removed &= {each.casefold() for each in wanted.names[name]} - in_plex  # noqa: PLW2901


def _values(values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(values)


def _as_data_url(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
