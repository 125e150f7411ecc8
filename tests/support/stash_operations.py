"""The operations run on the simulated Stash and on the real one, in this order: each builds on those before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg=="
)
SCENE = """{ id title code details director urls date rating100 organized studio { id name parent_studio { id name } }
  performers { id name } tags { id name } groups { scene_index group { id name } } files { size basename }
  stash_ids { endpoint stash_id } o_counter play_count }"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`has_same_words` is False if Stash's refusal quotes its SQL or its library."""

    name: str
    query: str
    variables: dict[str, Any] = field(default_factory=dict)
    has_same_words: bool = True


def edit(name: str, mutation: str, kind: str, given: Any, answer: str = "{ id }", *, same: bool = True) -> Operation:
    query = f"mutation($i: {kind}!) {{ {mutation}(input: $i) {answer} }}"
    return Operation(name=name, query=query, variables={"i": given}, has_same_words=same)


def update(name: str, *, same: bool = True, **given: Any) -> Operation:
    form = {"id": "1", **given}
    return edit(name, "sceneUpdate", "SceneUpdateInput", form, SCENE, same=same)


def ask(name: str, query: str, *, same: bool = True) -> Operation:
    return Operation(name=name, query=query, has_same_words=same)


def find(name: str, criteria: str = "", options: str = "") -> Operation:
    arguments = f'scene_filter: {{{criteria}}}, filter: {{sort: "id", direction: ASC, {options}}}'
    return ask(f"find {name}", f"{{ findScenes({arguments}) {{ count scenes {{ id }} }} }}")


def create(kind: str, **given: Any) -> Operation:
    name = kind.capitalize()
    return edit(f"create {kind} {given.get('name')}", f"{kind}Create", f"{name}CreateInput", given)


def change(kind: str, **given: Any) -> Operation:
    return edit(f"change {kind}", f"{kind}Update", f"{kind.capitalize()}UpdateInput", {"id": "1", **given})


OPERATIONS = (
    update("title", title="First title"),
    update("many fields", title="T", code="C-1", details="D", director="Dir", urls=["https://example.org/1"],
           date="2024-05-06", rating100=80, organized=True),
    update("cover", cover_image=PICTURE),
    update("special characters", title='<a> & b \u2028 \u2029 é 😀 \x07\x7f"\\ / \t\n x'),
    update("blanks", title=" \t t \n", details=" d ", director=" x ", code=" c "),
    update("nothing"),
    update("empty texts", title="", details="", date="", urls=[]),
    update("nulls", title=None, details=None, rating100=None, studio_id=None, tag_ids=None,
           cover_image=None, urls=None),
    update("no answer to yes or no", organized=None),
    update("odd values", rating100=101, date="2004"),
    update("odd values", rating100=-5, date="2004-03"),
    update("no date", date="nonsense", same=False),
    update("month 13", date="2004-13", same=False),
    update("unknown scene", id="99", title="x"),
    update("no id", id="abc", title="x"),
    update("unknown field", titel="x", same=False),
    edit("no input", "sceneUpdate", "SceneUpdateInput", None, same=False),
    ask("literals", 'mutation { sceneUpdate(input: {id: 1, title: "literal", rating100: null}) { id title } }'),
    create("tag", name="zeta", aliases=["z1"]),
    create("tag", name="alpha"),
    create("tag", name="Beta", description="d", favorite=True, aliases=[]),
    create("tag", name="ALPHA"),
    create("tag", name="z1"),
    create("tag", name="child", parent_ids=["1"]),
    create("performer", name="P zeta", image=PICTURE),
    create("performer", name="P alpha", disambiguation="x", alias_list=["pa"], custom_fields={"a": 1}),
    create("performer", name="P zeta"),
    create("studio", name="S1"),
    create("studio", name="S2", parent_id="1"),
    create("studio", name="S1"),
    create("group", name="G2"),
    create("group", name="G1", date="2020-01-01", urls=["u"]),
    update("relations", tag_ids=["1", "3", "2"], performer_ids=["2", "1"], studio_id="2",
           groups=[{"group_id": "2"}, {"group_id": "1", "scene_index": 4}],
           stash_ids=[{"endpoint": "https://example.org/graphql", "stash_id": "u"}]),
    update("numbers for ids", tag_ids=[1, 2], studio_id=2),
    update("unknown tag", tag_ids=["99"], same=False),
    update("no tag id", tag_ids=["x"]),
    update("a tag twice", tag_ids=["1", "1"]),
    update("unknown studio", studio_id="99", same=False),
    update("clear", rating100=None, studio_id=None, date=None, tag_ids=["1"], performer_ids=[], groups=[]),
    edit("several", "scenesUpdate", "[SceneUpdateInput!]", [{"id": "1", "title": "a"},
         {"id": "2", "title": "b", "details": "x"}]),
    edit("several, one unknown", "scenesUpdate", "[SceneUpdateInput!]", [{"id": "1", "title": "q"},
         {"id": "99", "title": "z"}]),
    edit("bulk", "bulkSceneUpdate", "BulkSceneUpdateInput", {"ids": ["1", "2", "3"], "rating100": 60,
         "tag_ids": {"ids": ["2"], "mode": "ADD"}, "performer_ids": {"ids": ["1"], "mode": "SET"},
         "group_ids": {"ids": ["1"], "mode": "ADD"}}, SCENE),
    edit("bulk remove", "bulkSceneUpdate", "BulkSceneUpdateInput", {"ids": ["1", "2"], "studio_id": "1",
         "tag_ids": {"ids": ["2"], "mode": "REMOVE"}, "urls": {"values": ["x", "y"], "mode": "ADD"}}, SCENE),
    edit("bulk, one unknown", "bulkSceneUpdate", "BulkSceneUpdateInput", {"ids": ["1", "99"], "title": "no"}),
    edit("scene without file", "sceneCreate", "SceneCreateInput", {"title": "no file", "tag_ids": ["1"]}, SCENE),
    change("performer", name="P renamed"),
    change("studio", name="S renamed"),
    change("tag", name="zeta renamed"),
    change("tag", name="alpha"),
    change("tag", description="d"),
    change("group", name="G renamed"),
    change("performer", tag_ids=[], favorite=True, weight=60),
    edit("unknown tag", "tagUpdate", "TagUpdateInput", {"id": "99", "name": "x"}),
    edit("bulk performers", "bulkPerformerUpdate", "BulkPerformerUpdateInput", {"ids": ["1", "2"], "favorite": True}),
    edit("marker", "sceneMarkerCreate", "SceneMarkerCreateInput", {"title": "m", "seconds": 0.5, "scene_id": "1",
         "primary_tag_id": "1"}),
    ask("o counter", "mutation { sceneAddO(id: 1) { count } }"),
    edit("merge tags", "tagsMerge", "TagsMergeInput", {"source": ["2"], "destination": "3"}, "{ id name aliases }"),
    edit("merge tags, same", "tagsMerge", "TagsMergeInput", {"source": ["3"], "destination": "3"}, same=False),
    edit("merge performers", "performerMerge", "PerformerMergeInput", {"source": ["2"], "destination": "1"}),
    edit("merge scenes", "sceneMerge", "SceneMergeInput", {"source": ["2"], "destination": "3"}, SCENE),
    edit("merge scenes again", "sceneMerge", "SceneMergeInput", {"source": ["2"], "destination": "3"}),
    ask("settings", 'mutation { configurePlugin(plugin_id: "recorder", input: {b: 1, a: {z: 1.0, y: [null]}}) }'),
    ask("fewer settings", 'mutation { configurePlugin(plugin_id: "recorder", input: {c: "x"}) }'),
    ask("settings now", "{ configuration { plugins } }"),
    ask("settings of some", '{ configuration { plugins(include: ["nobody"]) general { apiKey } } }'),
)  # fmt: skip

QUESTIONS = (
    find("all"),
    find("by tag", "tags: {value: [1], modifier: INCLUDES}"),
    find("by tag and below", "tags: {value: [1], modifier: INCLUDES, depth: -1}"),
    find("by both tags", "tags: {value: [1, 3], modifier: INCLUDES_ALL}"),
    find("without tag", "tags: {value: [1], modifier: EXCLUDES}"),
    find("without tags", "tags: {modifier: IS_NULL}"),
    find("by unknown tag", "tags: {value: [99], modifier: INCLUDES}"),
    find("by performer", "performers: {value: [1], modifier: INCLUDES}"),
    find("by both performers", "performers: {value: [1, 2], modifier: INCLUDES_ALL}"),
    find("by studio", "studios: {value: [1], modifier: INCLUDES}"),
    find("by studio and below", "studios: {value: [1], modifier: INCLUDES, depth: 1}"),
    find("by group", "groups: {value: [1], modifier: INCLUDES}"),
    find("not organized", "organized: false"),
    ask("performers of a name", '{ findPerformers(performer_filter: {name: {value: "p ALPHA", modifier: EQUALS}}, '
        "filter: {per_page: 100}) { performers { id name disambiguation } } }"),
    ask("a performer's name", '{ findPerformer(id: "2") { name } }'),
    ask("no performer's name", '{ findPerformer(id: "99") { name } }'),
    find("by title", 'title: {value: "A", modifier: EQUALS}'),
    find("untitled", 'title: {value: "", modifier: IS_NULL}'),
    find("by path", 'path: {value: "scene 0", modifier: INCLUDES}'),
    find("by any word of a path", 'path: {value: "02.mp4 03.mp4", modifier: INCLUDES}'),  # no folder's name has either
    find("by a quoted name", r'path: {value: "\"SCENE 02.mp4\"", modifier: INCLUDES}'),
    find("by a quoted name that no path has", r'path: {value: "\"02.mp4 03.mp4\"", modifier: INCLUDES}'),
    find("by wildcards", r'path: {value: "\"sc%e _3\"", modifier: INCLUDES}'),
    find("by the whole path", 'path: {value: "%/scene 03.mp4", modifier: EQUALS}'),
    find("by a part of the path", 'path: {value: "scene 03.mp4", modifier: EQUALS}'),
    find("by id", "id: {value: 2, modifier: GREATER_THAN}"),
    find("either", "id: {value: 1, modifier: EQUALS}, OR: {id: {value: 3, modifier: EQUALS}}"),
    find("both", "id: {value: 0, modifier: GREATER_THAN}, AND: {id: {value: 3, modifier: LESS_THAN}}"),
    find("not", "NOT: {id: {value: 1, modifier: EQUALS}}"),
    find("only or", "OR: {id: {value: 3, modifier: EQUALS}}"),
    find("changed since", 'updated_at: {value: "2020-01-01T00:00:00Z", modifier: GREATER_THAN}'),
    find("changed since a day", 'updated_at: {value: "2020-01-01", modifier: GREATER_THAN}'),
    find("changed since no time", 'updated_at: {value: "nonsense", modifier: GREATER_THAN}'),
    find("changed in the future", 'updated_at: {value: "2099-01-01T00:00:00Z", modifier: GREATER_THAN}'),
    find("changed between", 'updated_at: {value: "2020-01-01", value2: "2099-01-01", modifier: BETWEEN}'),
    find("changed between years", 'updated_at: {value: "2020", value2: "2099", modifier: BETWEEN}'),
    find("changed since a year", 'updated_at: {value: "2020", modifier: GREATER_THAN}'),
    find("changed before a year", 'updated_at: {value: "2099", modifier: LESS_THAN}'),
    find("none a page", options="per_page: 0"),
    find("first page", options="per_page: 2, page: 1"),
    find("second page", options="per_page: 2, page: 2"),
    find("page after the last", options="per_page: 2, page: 9"),
    find("all on a page", options="per_page: -1"),
    find("by words", options='q: "no file"'),
    ask("sort by title", '{ findScenes(filter: {sort: "title"}) { scenes { id } } }'),
    ask("sort by rating", '{ findScenes(filter: {sort: "rating", direction: DESC}) { scenes { id } } }'),
    ask("sort by date", '{ findScenes(filter: {sort: "date"}) { scenes { id } } }'),
    ask("sort by path", '{ findScenes(filter: {sort: "path", direction: DESC}) { scenes { id } } }'),
    ask("sort by nonsense", '{ findScenes(filter: {sort: "nonsense"}) { scenes { id } } }'),
    ask("sort by file size", '{ findScenes(filter: {sort: "filesize", per_page: 0}) { count } }'),
    ask("by ids", "{ findScenes(ids: [3, 1]) { count scenes { id } } }"),
    ask("by ids, one gone", "{ findScenes(ids: [1, 99]) { count scenes { id } } }"),
    ask("by ids, no number", '{ findScenes(ids: ["x"]) { count scenes { id } } }', same=False),
    ask("aliases, one gone", "{ a: findScene(id: 1) { id } b: findScene(id: 99) { id } }"),
    ask("aliases, no number", '{ a: findScene(id: 1) { id } b: findScene(id: "abc") { id } }'),
    ask("fragments", "{ a: findScene(id: 1) { ...F } } fragment F on Scene { id ...on Scene { t: title } __typename }"),
    ask("directives", "{ findScene(id: 1) { id title @skip(if: true) date @include(if: false) } }"),
    ask("unknown field", "{ findScene(id: 1) { idx } foo }", same=False),
    ask("bad syntax", "{ findScene(id: 1) { id ", same=False),
    ask("no question", ""),
    ask("two questions", "query A { version { version } } query B { version { hash } }"),
    ask("bad number", '{ findScenes(filter: {page: "x"}) { count } }', same=False),
    ask("tags", '{ findTags(filter: {q: "a"}) { count tags { id name aliases scene_count } } allTags { id } }'),
    ask("tags, one gone", "{ findTags(ids: [99]) { count } }"),
    ask("tag with parents", "{ findTag(id: 4) { id parents { id } children { id } } gone: findTag(id: 99) { id } }"),
    ask("performers", "{ findPerformers { count performers { id name alias_list favorite scene_count } } }"),
    ask("studios", "{ findStudios { count studios { id name child_studios { id } parent_studio { id } } } }"),
    ask("groups", "{ findGroups { count groups { id name date urls scene_count } } }"),
    ask("version", "{ version { version } systemStatus { status appSchema databaseSchema } }"),
    ask("plugins", "{ plugins { id name description version enabled tasks { name description } hooks { name hooks }"
        " settings { name type } } }"),
    ask("no jobs", "{ jobQueue { id } }"),
    ask("unknown job", "{ findJob(input: {id: 99}) { id } }"),
    ask("introspection", "{ __schema { queryType { name } } }"),
    ask("scenes", '{ findScenes(filter: {sort: "id"}) { scenes ' + SCENE + " } }"),
)  # fmt: skip

REMOVALS = (
    edit("destroy scene", "sceneDestroy", "SceneDestroyInput", {"id": "1", "delete_file": False,
         "delete_generated": True}, ""),
    edit("destroy gone scene", "sceneDestroy", "SceneDestroyInput", {"id": "1"}, ""),
    edit("destroy scenes", "scenesDestroy", "ScenesDestroyInput", {"ids": ["5"]}, ""),
    edit("destroy tag", "tagDestroy", "TagDestroyInput", {"id": "1"}, ""),
    edit("destroy gone tag", "tagDestroy", "TagDestroyInput", {"id": "99"}, ""),
    edit("destroy studio", "studioDestroy", "StudioDestroyInput", {"id": "2"}, ""),
    edit("destroy performer", "performerDestroy", "PerformerDestroyInput", {"id": "1"}, ""),
    edit("destroy group", "groupDestroy", "GroupDestroyInput", {"id": "1"}, ""),
    ask("what is left", '{ findScenes(filter: {sort: "id"}) { scenes ' + SCENE + " } }"),
)  # fmt: skip


def output_of(stdout: str, status: int = 0) -> Operation:
    query = 'mutation($a: Map) { runPluginOperation(plugin_id: "recorder", args: $a) }'
    arguments = {"stdout": stdout, "exit": status}
    return Operation(name=f"operation {stdout!r} {status}", query=query, variables={"a": arguments})


PLUGIN_OUTPUTS = (
    *map(output_of, ("", "5", "null", "[1]", "text\n", '{"foo": 1}', '{"output": 1}{"output": 2}', '{"error": "bad"}',
                     '{"output": 1, "error": "bad"}', '{"error": ""}', '{"output": null}', ' {"output": "x"} \n',
                     '{"Output": [1, {"b": 2, "a": 1.0}]}', '{"error": 5}', '{"output": "\\u003c \\ud83d\\ude00"}')),
    output_of('{"output": 1}', 1),
    output_of('{"error": "bad"}', 1),
    ask("no arguments", 'mutation { runPluginOperation(plugin_id: "recorder") }'),
    ask("unknown plugin", 'mutation { runPluginOperation(plugin_id: "nobody", args: {}) }'),
)  # fmt: skip
