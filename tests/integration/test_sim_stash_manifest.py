"""The simulated Stash accepts the manifests that the real one accepts, and refuses the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.stash.manifest import ManifestError, parse_yaml, read_manifest

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
# comment
name: Some Plugin
description: "With: colons # and quotes"
version: 1.0.0
url: https://example.org/a#b
exec: [python3, -S, "{pluginDir}/run.py"]   # a comment
interface: raw
hooks:
- name: On edit
  description: >-
    folded
    text
  triggeredBy: [Scene.Update.Post, Tag.Merge.Post]
tasks:
  - name: It's a task
    description: 'don''t'
    defaultArgs:
      mode: one
      days: 7
      loud: true
settings:
  plex_url:
    displayName: Plex: the address
    description: x
    type: STRING
  max:
    type: NUMBER
ui:
  javascript:
    - a.js
"""


def load(folder: Path, text: str) -> object:
    path = folder / "some.yml"
    path.write_text(text)
    return read_manifest(path)


def test_a_manifest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.yml"
    path.write_text(GOOD.replace("Plex: the address", "Plex, the address"))
    manifest = read_manifest(path)
    assert (manifest.plugin_id, manifest.name, manifest.version) == ("some", "Some Plugin", "1.0.0")
    assert manifest.description == "With: colons # and quotes"
    assert manifest.command == ("python3", "-S", "{pluginDir}/run.py")
    (hook,), (task,) = manifest.hooks, manifest.tasks
    assert (hook.description, hook.triggered_by) == ("folded text", ("Scene.Update.Post", "Tag.Merge.Post"))
    assert (task.name, task.description) == ("It's a task", "don't")
    assert task.default_args == {"mode": "one", "days": "7", "loud": "true"}
    assert manifest.settings == {"plex_url": "STRING", "max": "NUMBER"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version: 1.0.0", "verison: 1.0.0"),
        ("    type: NUMBER", "    type: INTEGER"),
        ("    type: NUMBER", "    default: 5\n    type: NUMBER"),
        ("    type: NUMBER", "    displayName: no type"),
        ("      mode: one", "      mode: one\n      mode: two"),
        ("- name: On edit", "- name: On edit\n  mode: x"),
        ("name: Some Plugin", "name: Some: Plugin"),
        ("interface: raw", "interface: [raw"),
        ("interface: raw", "\tinterface: raw"),
        ("interface: raw", 'interface: "raw'),
        ("  - a.js", "- a.js\n   deeper: x"),
    ],
)
def test_a_manifest_that_stash_would_not_load_is_refused(tmp_path: Path, old: str, new: str) -> None:
    good = GOOD.replace("Plex: the address", "Plex")
    assert old in good
    load(tmp_path, good)
    with pytest.raises(ManifestError):
        load(tmp_path, good.replace(old, new, 1))


def test_plain_text_with_a_colon_must_be_quoted(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        load(tmp_path, GOOD)


def test_an_unknown_hook_is_silently_accepted(tmp_path: Path) -> None:
    load(tmp_path, "name: x\nhooks:\n  - name: y\n    triggeredBy:\n      - Scene.Nonsense.Post\n")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1\nb:\n  - x\n  -\n    c: 2\n", {"a": 1, "b": ["x", {"c": 2}]}),
        ("a:\n- b: 1\n  c: 2\n- b: 3\n", {"a": [{"b": 1, "c": 2}, {"b": 3}]}),
        ("a: |\n  one\n  two\nb: {}\nc: []\n", {"a": "one\ntwo\n", "b": {}, "c": []}),
        ('a: "x\\ny"\nb: null\nc: False\nd: -3\ne: 007\n', {"a": "x\ny", "b": None, "c": False, "d": -3, "e": "007"}),
        ("", None),
    ],
)
def test_yaml_is_read(text: str, value: object) -> None:
    assert parse_yaml(text) == value
