"""The simulated Stash answers every field that its schema names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_introspection_query,
    get_named_type,
    is_required_argument,
)

from sim.stash.simulator import SCHEMA, StashSim
from tests.support.recorder import install_recorder

if TYPE_CHECKING:
    from pathlib import Path

LISTS = ("findScenes", "findTags", "findPerformers", "findStudios", "findGroups", "allTags", "plugins", "jobQueue")
OTHERS = ("configuration", "findFiles", "systemStatus", "version")
DEEPEST = 4
COMPOSITE = (GraphQLObjectType, GraphQLInterfaceType)


def all_fields(kind: object, depth: int = 0) -> str:
    """A selection of everything below a type, down to DEEPEST."""
    named = get_named_type(kind)  # type: ignore[call-overload]
    if not isinstance(named, COMPOSITE):
        return ""
    found = [
        f"{name}{arguments_of(field)} {all_fields(field.type, depth + 1)}"
        for name, field in named.fields.items()
        if depth < DEEPEST or not isinstance(get_named_type(field.type), COMPOSITE)
    ]
    return f"{{ {' '.join(found)} }}"


def arguments_of(field: GraphQLField) -> str:
    """Those that are required; all of them are texts."""
    given = [f'{name}: "oshash"' for name, argument in field.args.items() if is_required_argument(argument)]
    return f"({', '.join(given)})" if given else ""


def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


def test_every_field_is_answered(tmp_path: Path) -> None:
    query_type = schema().query_type
    assert query_type is not None
    with StashSim(plugin=install_recorder(tmp_path)) as stash:
        named = {"tags": ("t",), "performers": ("p",), "groups": ("g",), "studio": "s"}
        stash.add_scene("/data/a.mp4", **named)  # type: ignore[arg-type]
        stash.update_scene(1, stash_ids=[{"endpoint": "https://example.org/graphql", "stash_id": "u"}])
        stash.run_task("Record")
        fields = " ".join(f"{name} {all_fields(query_type.fields[name].type)}" for name in (*LISTS, *OTHERS))
        answer = stash.gql(f"{{ {fields} findJob(input: {{id: 1}}) {all_fields(query_type.fields['findJob'].type)} }}")
        assert answer["findScenes"]["scenes"][0]["tags"][0]["name"] == "t"
        assert [answer[name]["count"] for name in LISTS[:5]] == [1] * 5


def test_every_mutation_has_a_resolver() -> None:
    mutations = schema().mutation_type
    assert mutations is not None
    with StashSim() as stash:
        assert set(mutations.fields) == set(stash.resolvers["Mutation"])


def test_introspection_is_answered() -> None:
    with StashSim() as stash:
        answer = stash.gql(get_introspection_query())
        assert answer["__schema"]["mutationType"]["name"] == "Mutation"
