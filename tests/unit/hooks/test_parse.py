"""Which inbox entry a hook's input makes. tests/plugin/test_hook_inputs.py tests the same through a real process."""

import json
from collections.abc import Mapping

import pytest

from hooks.receive import parse

CONNECTION = {"Scheme": "http", "Host": "0.0.0.0", "Port": 9999, "SessionCookie": {"Name": "session", "Value": "c"}}


def compact(args: Mapping[str, object]) -> bytes:
    return json.dumps({"server_connection": CONNECTION, "args": args}, separators=(",", ":")).encode()


def hook(kind: str, identifier: object, **rest: object) -> Mapping[str, object]:
    return {"hookContext": {"id": identifier, "type": kind, **rest}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Scene.Create.Post", "scene-7"),
        ("Scene.Update.Post", "scene-7"),
        ("Scene.Destroy.Post", "scene-7"),
        ("Performer.Update.Post", "performer-7"),
        ("Performer.Destroy.Post", "performer-7"),
        ("Studio.Update.Post", "studio-7"),
        ("Tag.Merge.Post", "tag-7"),
        ("Group.Destroy.Post", "group-7"),
        ("SceneMarker.Create.Post", ""),
        ("Gallery.Update.Post", ""),
        ("", ""),
    ],
)
def test_entry_is_named_after_type_and_id(kind: str, name: str) -> None:
    found = parse(compact(hook(kind, 7, input=None)))
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    "value",
    [None, {"id": "7", "stash_ids": None}, [{"id": "7"}, {"id": "8"}], {"ids": ["7"], "tag_ids": {"mode": "ADD"}}],
)
def test_shape_of_the_input_does_not_matter(value: object) -> None:
    found = parse(compact(hook("Scene.Update.Post", 7, input=value, inputFields=["id"])))
    assert found is not None
    assert (found.name, json.loads(found.content)) == ("scene-7", {"server_connection": CONNECTION})


@pytest.mark.parametrize("identifier", [7, "7"])
def test_input_in_another_form_makes_the_same_entry(identifier: object) -> None:
    spaced = json.dumps(
        {"args": hook("Scene.Update.Post", identifier), "new": 1, "server_connection": CONNECTION}, indent=1
    ).encode()
    found = parse(spaced)
    assert found is not None
    assert (found.name, json.loads(found.content)) == ("scene-7", {"server_connection": CONNECTION})


def test_text_in_a_title_is_not_mistaken_for_the_hook_context() -> None:
    title = ',"args":{"hookContext":{"id":9,"type":"Scene.Destroy.Post"'
    found = parse(compact(hook("Scene.Update.Post", 7, input={"title": title})))
    assert found is not None
    assert found.name == "scene-7"
    task = parse(compact({"mode": "preview", "note": title}))
    assert task is None


def test_input_of_a_task_is_not_a_hook() -> None:
    assert parse(compact({"mode": "queue_status"})) is None


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"7", b"\xff\xfe", compact(hook("Scene.Update.Post", "x"))])
def test_input_of_neither_hook_nor_task_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"plugin input is not|id is not a number"):
        parse(data)
