"""The page of ui/: types, lint, the tests of its pure parts, its size, and that it knows what the program knows."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest

from release.package import packed_files
from sim.stash.manifest import parse_yaml, read_manifest
from stash.settings import Settings, parse_settings
from tasks.health_steps import TITLES
from tests.support.browser import NODE_MODULES, ROOT, missing_node, need

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER, UI = ROOT / "tests" / "page", ROOT / "ui"
LARGEST_BYTES = 80 * 1024
COMMANDS: Mapping[str, Sequence[object]] = {
    "types": [NODE_MODULES / "typescript/bin/tsc", "-p", "."],
    "lint and format": [NODE_MODULES / "@biomejs/biome/bin/biome", "ci", "--config-path=.", ".", "../../ui"],
    "pure parts": ["--test", "."],
}


def node(*arguments: object) -> subprocess.CompletedProcess[str]:
    need(missing_node())
    command = ["node", *map(str, arguments)]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=300)


def exported(module: str, name: str) -> Any:
    """A constant of a module of the page; what JSON does not have is left out."""
    script = f"import('../../ui/{module}').then((m) => console.log(JSON.stringify(m.{name})))"
    return json.loads(node("-e", script).stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_check_finds_nothing(name: str) -> None:
    done = node(*COMMANDS[name])
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_is_small() -> None:
    assert sum(path.stat().st_size for path in UI.iterdir() if packed_files({f"ui/{path.name}": b""})) <= LARGEST_BYTES


def test_nothing_comes_from_elsewhere() -> None:
    """Stash's security policy would refuse it, and a user's machine may have no way to it."""
    for path in UI.glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"(?:from|import\()\s*[\"'](?!\./)", text) == [], path.name
        assert "innerHTML" not in text, path.name
        assert "dangerously" not in text, path.name


def test_the_manifest_names_files_that_are_there() -> None:
    ui = parse_yaml((ROOT / "plexsync.yml").read_text(encoding="utf-8"))["ui"]
    assert all((ROOT / name).is_file() for name in (*ui["javascript"], *ui["css"]))
    assert (ROOT / ui["assets"]["/"]) == UI


def test_every_task_has_a_button() -> None:
    text = (UI / "tasks_tab.js").read_text(encoding="utf-8")
    known = dict(re.findall(r'"([^"]+)": \{\s*mode: "(\w+)"', text))
    assert known == {task.name: task.default_args["mode"] for task in read_manifest(ROOT / "plexsync.yml").tasks}


def test_every_step_of_the_health_check_has_its_title() -> None:
    assert exported("words.js", "STEPS") == TITLES


def test_every_setting_is_in_a_group_and_its_default_is_that_of_the_program() -> None:
    rules, groups = exported("setting_groups.js", "RULES"), exported("setting_groups.js", "GROUPS")
    grouped = [key for group in groups for key in group["keys"]]
    assert sorted(grouped) == sorted(rules) == sorted(read_manifest(ROOT / "plexsync.yml").settings)
    defaults, _ = parse_settings({}, {})
    by_key = {field.name.removesuffix("_s"): getattr(defaults, field.name) for field in fields(Settings)}
    for key in rules.keys() & by_key.keys():
        of_program = by_key[key]
        assert rules[key]["standard"] == (of_program or (False if isinstance(of_program, bool) else "")), key
