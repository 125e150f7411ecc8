"""The same operations change the same `updated_at` in the simulated Stash and in the real one; disabling is alike.

Unlike the other comparisons, this one also passes against Stash 0.29.
"""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from sim.stash.simulator import GraphQLRefusedError as SimRefusedError
from tests.support.real_stash import GraphQLRefusedError, RealStash
from tests.support.stash_operations import PICTURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stash_sides import Side

PLURALS = ("scenes", "tags", "performers", "studios", "groups", "files")
NEWEST = " ".join(
    f'find{name.capitalize()}(filter: {{per_page: -1, sort: "id"}}) {{ {name} {{ id updated_at }} }}'
    for name in PLURALS
)
SCAN = "mutation { job: metadataScan(input: {}) }"
TASK = 'mutation { job: runPluginTask(plugin_id: "recorder", task_name: "Record") }'


def updated(side: Side) -> dict[tuple[str, str], str]:
    answer = side.stash.gql(f"{{ {NEWEST} }}")
    return {
        (name, each["id"]): each["updated_at"] for name in PLURALS for each in answer[f"find{name.capitalize()}"][name]
    }


def hooks(side: Side) -> list[str]:
    """The id and the type of each new hook."""
    return sorted(re.findall(r'"id":\d+,"type":"[\w.]+"', str([each["args"] for each in side.new_inputs()])))


def moved_by(side: Side, act: Callable[[Side], Any]) -> tuple[Any, list[tuple[str, str]], list[str]]:
    """The answer of an act, what has another `updated_at` after it, and the hooks."""
    before = updated(side)
    time.sleep(1.1)  # Stash's times are whole seconds
    answer = act(side)
    after = updated(side)
    return answer, sorted(key for key in after if after[key] != before.get(key)), hooks(side)


def assert_alike(sides: tuple[Side, Side], act: Callable[[Side], Any]) -> list[tuple[str, str]]:
    simulated, real = (moved_by(side, act) for side in sides)
    assert simulated == real
    return real[1]


def change(side: Side, mutation: str, kind: str, given: dict[str, Any], answer: str = "{ id }") -> Any:
    query = f"mutation($i: {kind}!) {{ {mutation}(input: $i) {answer} }}"
    try:
        return side.stash.gql(query, {"i": given})[mutation]
    except (GraphQLRefusedError, SimRefusedError) as error:
        return [message.replace(side.media, "MEDIA") for message in error.messages]


def create_entities(side: Side) -> None:
    for kind in ("tag", "performer", "studio", "group"):
        for number in range(1, 5):
            change(side, f"{kind}Create", f"{kind.capitalize()}CreateInput", {"name": f"{kind} number {number}"})
    for scene in ("1", "2"):
        form = {"tag_ids": [scene], "performer_ids": [scene], "studio_id": scene, "groups": [{"group_id": scene}]}
        change(side, "sceneUpdate", "SceneUpdateInput", {"id": scene, **form})


def edit_entities(side: Side) -> None:
    """Each edit concerns another entity, so that one look tells which edits count."""
    change(side, "tagUpdate", "TagUpdateInput", {"id": "1", "name": "renamed tag"})
    change(side, "tagUpdate", "TagUpdateInput", {"id": "2", "parent_ids": ["4"]})
    change(side, "performerUpdate", "PerformerUpdateInput", {"id": "1", "name": "renamed performer"})
    change(side, "performerUpdate", "PerformerUpdateInput", {"id": "2", "image": PICTURE})
    change(side, "studioUpdate", "StudioUpdateInput", {"id": "1", "name": "renamed studio"})
    change(side, "studioUpdate", "StudioUpdateInput", {"id": "2", "parent_id": "4"})
    change(side, "groupUpdate", "GroupUpdateInput", {"id": "1", "name": "renamed group"})
    change(side, "groupUpdate", "GroupUpdateInput", {"id": "2", "date": "2020-01-01"})


def merge_tags(side: Side) -> None:
    change(side, "tagsMerge", "TagsMergeInput", {"source": ["1"], "destination": "3"})


def destroy_entities(side: Side) -> None:
    for kind in ("tag", "performer", "studio", "group"):
        change(side, f"{kind}Destroy", f"{kind.capitalize()}DestroyInput", {"id": "2"}, "")


def test_edits_of_entities_move_their_own_time_only(sides: tuple[Side, Side]) -> None:
    for side in sides:
        create_entities(side)
        side.new_inputs()
    moved = assert_alike(sides, edit_entities)
    assert {kind for kind, _ in moved} == {"tags", "performers", "studios", "groups"}
    assert all(key not in moved for key in (("scenes", "1"), ("scenes", "2")))
    assert_alike(sides, merge_tags)
    assert assert_alike(sides, destroy_entities) == []


def test_merged_performers_move_the_time_of_the_one_that_stays(sides: tuple[Side, Side]) -> None:
    real = sides[1].stash
    assert isinstance(real, RealStash)
    if not real.has_mutation("performerMerge"):
        pytest.skip("this version of Stash merges no performers")

    def merge(side: Side) -> None:
        change(side, "performerMerge", "PerformerMergeInput", {"source": ["1"], "destination": "3"})

    assert assert_alike(sides, merge) == [("performers", "3")]


def test_files_moved_by_stash_move_the_files_time_only(sides: tuple[Side, Side]) -> None:
    def move(side: Side) -> Any:
        to = {"ids": ["1"], "destination_folder": f"{side.media}/a", "destination_basename": "moved.mp4"}
        return change(side, "moveFiles", "MoveFilesInput", to, "")

    def move_two(side: Side) -> Any:
        return change(side, "moveFiles", "MoveFilesInput", {"ids": ["2", "3"], "destination_folder": side.media}, "")

    def move_nowhere(side: Side) -> Any:
        return change(side, "moveFiles", "MoveFilesInput", {"ids": ["2"], "destination_folder": side.media}, "")

    assert assert_alike(sides, move) == [("files", "1")]
    assert assert_alike(sides, move_two) == [("files", "2"), ("files", "3")]
    assert assert_alike(sides, move_nowhere) == []


def test_refused_moves_move_nothing(sides: tuple[Side, Side]) -> None:
    for to in (
        {"ids": ["4"], "destination_basename": "moved.mp4"},  # taken
        {"ids": ["4"], "destination_basename": "moved.txt"},
        {"ids": ["4", "1"], "destination_basename": "two.mp4"},
        {"ids": ["99"]},
    ):

        def move(side: Side, to: dict[str, Any] = to) -> Any:
            return change(side, "moveFiles", "MoveFilesInput", {"destination_folder": f"{side.media}/a", **to}, "")

        assert assert_alike(sides, move) == []


def test_scans_move_the_time_of_files_with_another_path_or_content(sides: tuple[Side, Side]) -> None:
    def scan(side: Side) -> Any:
        return {**side.job(SCAN), "plugin": []}

    for side in sides:
        side.move("a/scene 04.mp4", "a/moved on disk.mp4")
    assert assert_alike(sides, scan) == [("files", "4")]
    for side in sides:
        side.change("a/moved on disk.mp4")
    assert assert_alike(sides, scan) == [("files", "4")]
    for side in sides:
        side.copy("a/moved.mp4", "a/again.mp4")
    assert assert_alike(sides, scan) == [("files", "5"), ("scenes", "1")]


def files_of(side: Side) -> Any:
    query = """{
      findFiles(filter: {per_page: 2, sort: "updated_at", direction: ASC}, file_filter: {
        updated_at: {value: "2020-01-01T00:00:00", modifier: GREATER_THAN}
        scene_count: {value: 0, modifier: GREATER_THAN}
      }) { count files { __typename id path basename } }
      none: findFiles(file_filter: {updated_at: {value: "2099-01-01", modifier: GREATER_THAN}}) { count files { id } }
      unsorted: findFiles { count files { id } }
      some: findFiles(ids: ["2", "1"]) { files { id } }
    }"""
    answer = side.stash.gql(query)
    for file in answer["findFiles"]["files"]:
        file["path"] = os.path.relpath(file["path"], side.media)
    return answer


def test_files_are_listed_alike(sides: tuple[Side, Side]) -> None:
    simulated, real = (files_of(side) for side in sides)
    assert simulated == real


def scenes_by_hash(side: Side) -> Any:
    files = side.stash.gql('{ findFiles(filter: {sort: "id"}) { files { fingerprint(type: "oshash") } } }')["findFiles"]
    asked = [f'f{n}: findSceneByHash(input: {{oshash: "{file["fingerprint"]}"}}) {{ id files {{ id }} }}'
             for n, file in enumerate(files["files"])]  # fmt: skip
    return side.stash.gql(f"{{ {' '.join(asked)} gone: findSceneByHash(input: {{oshash: \"ff\"}}) {{ id }} }}")


def test_scenes_are_found_by_the_hash_of_a_file(sides: tuple[Side, Side]) -> None:
    simulated, real = (scenes_by_hash(side) for side in sides)
    assert simulated == real


def switch(side: Side, *, on: bool) -> None:
    side.stash.gql("mutation($on: BoolMap!) { setPluginsEnabled(enabledMap: $on) }", {"on": {"recorder": on}})


def what_a_disabled_plugin_does(side: Side) -> list[Any]:
    """The last test: what is asked of a disabled plugin, and what it gets to do."""
    switch(side, on=False)
    found = [
        side.stash.gql("{ plugins { id enabled } }"),
        change(side, "sceneUpdate", "SceneUpdateInput", {"id": "1", "title": "while disabled"}),
        side.job(TASK),
    ]
    try:
        side.stash.gql('mutation { runPluginOperation(plugin_id: "recorder", args: {}) }')
    except (GraphQLRefusedError, SimRefusedError) as error:
        found.append(error.messages)
    switch(side, on=True)
    change(side, "sceneUpdate", "SceneUpdateInput", {"id": "1", "title": "enabled again"})
    return [*found, side.stash.gql("{ plugins { id enabled } }"), hooks(side)]


def test_a_disabled_plugin_gets_no_hook_task_or_operation(sides: tuple[Side, Side]) -> None:
    simulated, real = (what_a_disabled_plugin_does(side) for side in sides)
    assert simulated == real
    assert real[0] == {"plugins": [{"id": "recorder", "enabled": False}]}
