"""The simulated Stash starts plugins as the real one does; compared with a recording of Stash v0.30.1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sim.stash.simulator import StashSim
from tests.support.recorder import install_recorder, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = "data:image/png;base64,iVBORw0KGgo="
SCENE_KEYS = [
    "clientMutationId", "id", "title", "code", "details", "director", "url", "urls", "date", "rating100",
    "o_counter", "organized", "studio_id", "gallery_ids", "performer_ids", "movies", "groups", "tag_ids",
    "cover_image", "stash_ids", "resume_time", "play_duration", "play_count", "primary_file_id",
]  # fmt: skip
UNSET_SCENE = dict.fromkeys(SCENE_KEYS)


@pytest.fixture
def stash(tmp_path: Path) -> Iterator[StashSim]:
    plugin = install_recorder(tmp_path / "plugins")
    env = {"RECORDER_FOLDER": str(tmp_path / "seen")}
    with StashSim(plugin=plugin, home=tmp_path / "home", env=env) as stash:
        yield stash


def hook_of(stash: StashSim, number: int = -1) -> dict[str, Any]:
    found: dict[str, Any] = stash.invocations[number].args["hookContext"]
    return found


def test_an_edit_form_has_every_field_and_lists_those_sent(stash: StashSim) -> None:
    scene = stash.add_scene("/data/a.mp4")
    stash.update_scene(scene, title="New", rating100=80)
    hook = hook_of(stash)
    assert list(hook["input"]) == list(UNSET_SCENE)
    assert hook["input"] == {**UNSET_SCENE, "id": "1", "title": "New", "rating100": 80}
    assert (hook["id"], hook["type"]) == (1, "Scene.Update.Post")
    assert set(hook["inputFields"]) == {"id", "title", "rating100"}


def test_the_input_is_compact_json_in_the_order_of_stash(stash: StashSim) -> None:
    stash.update_scene(stash.add_scene("/data/a.mp4"), title="<b> & \u2028")
    stdin = stash.invocations[-1].stdin
    start = b'{"server_connection":{"Scheme":"http","Host":"127.0.0.1","Port":%d,"SessionCookie":{"Name":"session",'
    assert stdin.startswith(start % int(stash.url.rsplit(":", 1)[1]))
    assert b',"args":{"hookContext":{"id":1,"type":"Scene.Update.Post","input":{"clientMutationId":null,' in stdin
    assert b'"title":"\\u003cb\\u003e \\u0026 \\u2028"' in stdin
    assert stdin.endswith(b"]}}}")


def test_the_script_runs_in_the_folder_session_and_process_group_of_stash(stash: StashSim, tmp_path: Path) -> None:
    stash.update_scene(stash.add_scene("/data/a.mp4"), title="x")
    (seen,) = recorded(tmp_path / "seen")
    assert seen["stdin"] == stash.invocations[0].stdin
    assert seen["cwd"] == str(tmp_path / "home")
    assert seen["pythonpath"].split(":")[-1] == str(tmp_path / "plugins")
    assert not seen["own_session"]
    assert seen["same_group_as_parent"]


def test_each_form_of_an_array_edit_is_told_in_full(stash: StashSim) -> None:
    for path in ("/data/a.mp4", "/data/b.mp4"):
        stash.add_scene(path)
    stash.update_scenes([{"id": "1", "title": "a"}, {"id": "2", "title": "b", "details": "x"}])
    first, second = hook_of(stash, 0), hook_of(stash, 1)
    assert first["input"] == second["input"]
    assert [form["title"] for form in first["input"]] == ["a", "b"]
    assert (set(first["inputFields"]), set(second["inputFields"])) == ({"id", "title"}, {"id", "title", "details"})


def test_a_bulk_edit_fires_for_each_scene_and_tells_only_what_was_sent(stash: StashSim) -> None:
    scenes = [stash.add_scene(f"/data/{number}.mp4") for number in range(3)]
    tag = stash.add_entity("tag", "t")
    stash.bulk_update(scenes, rating100=60, tag_ids={"ids": [str(tag)], "mode": "ADD"})
    told = {"ids": ["1", "2", "3"], "rating100": 60, "tag_ids": {"ids": ["1"], "mode": "ADD"}}
    assert [hook_of(stash, number)["id"] for number in range(3)] == scenes
    assert json.dumps(hook_of(stash)["input"]) == json.dumps(told)
    assert stash.library.scenes[2].tag_ids == [tag]


def test_a_scan_fires_create_without_input_fields(stash: StashSim) -> None:
    stash.scan_new("/data/a.mp4", "/data/b.mp4")
    hooks = sorted((hook_of(stash, number) for number in range(2)), key=lambda hook: int(hook["id"]))
    assert hooks == [{"id": number, "type": "Scene.Create.Post", "input": None} for number in (1, 2)]
    stash.scan()
    assert len(stash.invocations) == 2


def test_a_renamed_file_fires_update_and_keeps_updated_at(stash: StashSim) -> None:
    scene = stash.add_scene("/data/a.mp4", updated_at="2024-05-06T07:08:09+02:00")
    stash.rename_file(scene, "/data/b.mp4")
    assert hook_of(stash) == {"id": 1, "type": "Scene.Update.Post", "input": None}
    assert stash.library.scenes[scene].files[0].path == "/data/b.mp4"
    assert stash.library.scenes[scene].updated_at == "2024-05-06T07:08:09+02:00"


def test_identify_tells_the_scene_id_but_does_not_list_it_as_a_field(stash: StashSim) -> None:
    stash.identify(stash.add_scene("/data/a.mp4"), title="found", date="2020-02-03")
    hook = hook_of(stash)
    assert hook["input"] == {**UNSET_SCENE, "id": "1", "title": "found", "date": "2020-02-03"}
    assert set(hook["inputFields"]) == {"title", "date"}


def test_destroy_tells_the_path_of_the_file(stash: StashSim) -> None:
    scenes = [stash.add_scene("/data/a.mp4"), stash.add_scene()]
    stash.destroy_scene(scenes[0])
    told = {"id": "1", "delete_file": False, "delete_generated": True, "checksum": "", "oshash": "0000000000000001"}
    assert hook_of(stash) == {"id": 1, "type": "Scene.Destroy.Post", "input": {**told, "path": "/data/a.mp4"}}
    stash.destroy_scenes(scenes[1:])
    told = {"ids": ["2"], "delete_file": None, "delete_generated": None, "checksum": "", "oshash": "", "path": ""}
    assert list(hook_of(stash)["input"].items()) == list(told.items())


def test_a_clean_fires_destroy_for_a_scene_whose_file_is_gone(stash: StashSim) -> None:
    stash.add_scene("/data/a.mp4")
    stash.remove_file("/data/a.mp4")
    stash.clean()
    told = {"id": "", "delete_file": None, "delete_generated": None, "checksum": "", "oshash": "0000000000000001"}
    assert hook_of(stash) == {"id": 1, "type": "Scene.Destroy.Post", "input": {**told, "path": "/data/a.mp4"}}
    assert stash.library.scenes == {}


@pytest.mark.parametrize("kind", ["tag", "performer", "studio", "group"])
def test_entities_fire_their_own_hooks_and_do_not_change_their_scenes(stash: StashSim, kind: str) -> None:
    entity = stash.create(kind, "Old")
    scene = stash.add_scene("/data/a.mp4", updated_at="2024-05-06T07:08:09+02:00")
    stash.update(kind, entity, name="New")
    assert hook_of(stash)["type"] == f"{kind.capitalize()}.Update.Post"
    assert set(hook_of(stash)["inputFields"]) == {"id", "name"}
    stash.destroy(kind, entity)
    assert hook_of(stash) == {"id": entity, "type": f"{kind.capitalize()}.Destroy.Post", "input": {"id": str(entity)}}
    assert stash.library.scenes[scene].updated_at == "2024-05-06T07:08:09+02:00"


def test_hooks_tell_tags_and_groups_sparsely_and_performers_and_studios_in_full(stash: StashSim) -> None:
    stash.create("tag", "t", aliases=["uno"])
    stash.create("group", "g")
    stash.create("studio", "s")
    stash.create("performer", "p", image=PICTURE)
    tag, group, studio, performer = (hook_of(stash, number)["input"] for number in range(4))
    assert (tag, group) == ({"name": "t", "aliases": ["uno"]}, {"name": "g"})
    assert (len(studio), studio["parent_id"]) == (12, None)
    assert (len(performer), performer["image"], performer["custom_fields"]) == (33, PICTURE, None)
    stash.update("performer", 1, name="q")
    assert hook_of(stash)["input"]["custom_fields"] == {"full": None, "partial": None, "remove": None}


def test_a_merge_of_tags_fires_for_the_destination(stash: StashSim) -> None:
    scene = stash.add_scene("/data/a.mp4", tags=("old",))
    new = stash.add_entity("tag", "new")
    stash.merge_tags([1], new)
    assert hook_of(stash) == {"id": 2, "type": "Tag.Merge.Post", "input": {"source": ["1"], "destination": "2"}}
    assert stash.library.scenes[scene].tag_ids == [new]


def test_silent_changes_fire_no_hook(stash: StashSim) -> None:
    long_ago = "2024-05-06T07:08:09+02:00"
    first = stash.add_scene("/data/Jane Doe - a.mp4", performers=("Jane Doe 2",), updated_at=long_ago)
    second = stash.add_scene("/data/b.mp4", updated_at=long_ago)
    jane = stash.add_entity("performer", "Jane Doe")
    stash.merge_performers([1], jane)
    assert stash.library.scenes[first].updated_at == long_ago
    stash.library.scenes[first].performer_ids.clear()
    stash.auto_tag()
    assert stash.library.scenes[first].performer_ids == [jane]
    assert stash.library.scenes[first].updated_at > long_ago
    stash.merge_scenes([first], second)
    assert [file.path for file in stash.library.scenes[second].files] == ["/data/b.mp4", "/data/Jane Doe - a.mp4"]
    assert stash.library.scenes[second].updated_at > long_ago
    assert stash.invocations == []
