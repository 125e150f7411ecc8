"""What users do to tags, performers, studios and groups, and the hooks that this fires.

As in Stash, scenes that refer to them keep their `updated_at`: only the entity's own hook tells of a rename.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sim.stash.hook_input import entity_create, entity_update, given_only
from sim.stash.library import KINDS, Entity, ResolverError
from sim.stash.queries import number
from sim.stash.scene_edits import merged, read_picture

if TYPE_CHECKING:
    from sim.stash.graphql_engine import Resolver
    from sim.stash.library import StashLibrary
    from sim.stash.plugins import Plugins, StashCall

PICTURE_KEYS = {"tag": "image", "performer": "image", "studio": "image", "group": "front_image"}
ALIAS_KEYS = {"tag": "aliases", "performer": "alias_list", "studio": "aliases", "group": ""}
NOT_KEPT = {"id", "name", "parent_id", "parent_ids", "child_ids", "clientMutationId", *PICTURE_KEYS.values()}


class EntityEdits:
    """Resolvers for the mutations of entities."""

    def __init__(self, library: StashLibrary, plugins: Plugins) -> None:
        self._library, self._plugins = library, plugins

    def resolvers(self) -> dict[str, Resolver]:
        """Resolvers of `Mutation`, by field."""
        found: dict[str, Resolver] = {}
        for kind in KINDS:
            found[f"{kind}Create"] = self._creator(kind)
            found[f"{kind}Update"] = self._updater(kind)
            found[f"{kind}Destroy"] = self._destroyer(kind)
        found["bulkPerformerUpdate"] = self._update_performers
        found["tagsMerge"] = self._merge_tags
        found["performerMerge"] = self._merge_performers
        return found

    def _creator(self, kind: str) -> Resolver:
        def resolve(_root: Any, call: StashCall, args: dict[str, Any]) -> Entity:
            given = args["input"]
            with self._library.lock:
                self._refuse_used_name(kind, 0, given)
                entity = self._library.add_entity(kind, given["name"].strip())
                self._set(entity, given)
            name = kind.capitalize()
            self._plugins.fire(call, f"{name}.Create.Post", entity.id, entity_create(name, given))
            return entity

        return resolve

    def _updater(self, kind: str) -> Resolver:
        def resolve(_root: Any, call: StashCall, args: dict[str, Any]) -> Entity | None:
            given = args["input"]
            with self._library.lock:
                entity = self._library.entity(kind, number(given["id"], "converting id: "))
                self._refuse_used_name(kind, entity.id, given)
                self._set(entity, given)
            name = kind.capitalize()
            self._plugins.fire(call, f"{name}.Update.Post", entity.id, entity_update(name, given), given)
            return self._library.entities[kind].get(entity.id)

        return resolve

    def _destroyer(self, kind: str) -> Resolver:
        def resolve(_root: Any, call: StashCall, args: dict[str, Any]) -> bool:
            entity_id = number(args["input"]["id"])
            with self._library.lock:
                if entity_id not in self._library.entities[kind]:
                    raise ResolverError(f"id {entity_id} does not exist in {kind}s")
                self._library.remove_entity(kind, entity_id)
            self._plugins.fire(call, f"{kind.capitalize()}.Destroy.Post", entity_id, given_only(args["input"]))
            return True

        return resolve

    def _update_performers(self, _root: Any, call: StashCall, args: dict[str, Any]) -> list[Entity]:
        given = args["input"]
        with self._library.lock:
            performers = [self._library.entity("performer", number(each)) for each in given.get("ids") or ()]
            for performer in performers:
                form = {key: value for key, value in given.items() if not isinstance(value, dict) and key != "ids"}
                self._set(performer, form)
        told = [(performer.id, given_only(given), given) for performer in performers]
        self._plugins.fire_for_each(call, "Performer.Update.Post", told)
        return performers

    def _merge_tags(self, _root: Any, call: StashCall, args: dict[str, Any]) -> Entity:
        """The names of the sources become aliases of the destination, whose `updated_at` stays."""
        given = args["input"]
        with self._library.lock:
            destination, sources = self._sides("tag", given)
            for source in sources:
                self._library.replace_entity("tag", source.id, destination.id)
                destination.aliases = [*destination.aliases, source.name, *source.aliases]
        told = {"source": given["source"], "destination": given["destination"]}
        self._plugins.fire(call, "Tag.Merge.Post", destination.id, told)
        return destination

    def _merge_performers(self, _root: Any, _call: StashCall, args: dict[str, Any]) -> Entity:
        """Fires no hook, as in Stash."""
        given = args["input"]
        with self._library.lock:
            destination, sources = self._sides("performer", given)
            for source in sources:
                self._library.replace_entity("performer", source.id, destination.id)
            self._set(destination, given.get("values") or {})
        return destination

    def _sides(self, kind: str, given: dict[str, Any]) -> tuple[Entity, list[Entity]]:
        ids = [number(each) for each in given["source"]]
        destination = self._library.entity(kind, number(given["destination"]))
        if destination.id in ids:
            raise ResolverError("cannot merge where source == destination")
        return destination, [self._library.entity(kind, each) for each in ids]

    def _set(self, entity: Entity, given: dict[str, Any]) -> None:
        """Set what `given` contains; an empty name is ignored."""
        if given.get("name"):
            entity.name = given["name"].strip()
        if given.get(PICTURE_KEYS[entity.kind]):
            entity.image = read_picture(given[PICTURE_KEYS[entity.kind]])
        aliases = ALIAS_KEYS[entity.kind]
        if aliases in given:
            entity.aliases = list(given[aliases] or ())
        if "parent_id" in given:
            entity.parent_ids = [number(given["parent_id"])] if given["parent_id"] else []
        if "parent_ids" in given:
            entity.parent_ids = merged([], {"ids": given["parent_ids"], "mode": "SET"})
        for child_id in given.get("child_ids") or ():
            child = self._library.entity(entity.kind, number(child_id))
            child.parent_ids = list(dict.fromkeys([*child.parent_ids, entity.id]))
        entity.fields |= {key: value for key, value in given.items() if key not in NOT_KEPT and key != aliases}
        entity.updated_at = self._library.now_text()

    def _refuse_used_name(self, kind: str, own_id: int, given: dict[str, Any]) -> None:
        """Names of tags and studios are unique in any case; performers with different disambiguations may share one."""
        name = (given.get("name") or "").strip().casefold()
        for other in self._library.entities[kind].values():
            if not name or other.id == own_id or kind == "group":
                continue
            aside = given.get("disambiguation") or ""
            is_other_person = kind == "performer" and aside != (other.fields.get("disambiguation") or "")
            if other.name.casefold() == name and not is_other_person:
                raise ResolverError(f"{kind} with name '{given['name']}' already exists")
            if kind != "performer" and name in {alias.casefold() for alias in other.aliases}:
                raise ResolverError(f"name '{given['name']}' is used as alias for '{other.name}'")
