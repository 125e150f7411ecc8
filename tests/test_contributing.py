"""CONTRIBUTING.md names files and commands that are there."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from release.package import DIST, INDEX

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = ("Add a pushed field", "Add a setting", "Add a task", "Add a verdict", "Add a request to Plex")
MADE_BY_PACKAGE = (f"{DIST}/", INDEX)
# Made by `python3 tests`; what is installed there is pinned in this file.
PYTHON = ".venv/bin/python"
TOOLS, PINNED = ".venv/bin/", (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8")


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def files_named_in(text: str) -> list[str]:
    """Code spans that look like paths: with a folder, or with an extension that files here have."""
    in_code_marks = re.findall(r"`([^`\n]+)`", text)
    return [name for name in in_code_marks if re.fullmatch(r"[\w./-]+/[\w./-]*|[\w-]+\.(?:py|yml|md|txt|toml)", name)]


def commands() -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(r"^ {4}(\S.*)$", TEXT, re.MULTILINE)]


def paths_started_by(command: list[str]) -> list[str]:
    """The program, where it is one of ours, and the paths among its arguments."""
    words = [word for word in command if not re.match(r"[A-Z_]+=", word)]
    paths = [word for word in words[1:] if "/" in word or word == "tests"]
    return paths if words[0] == "python3" or words[0].startswith(TOOLS) else [words[0], *paths]


@pytest.mark.parametrize("name", sorted(set(files_named_in(TEXT))))
def test_every_file_that_is_named_exists(name: str) -> None:
    assert (ROOT / name).exists() or name in MADE_BY_PACKAGE


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_starts_something_that_is_there(command: list[str]) -> None:
    for path in paths_started_by(command):
        assert (ROOT / path).exists()
    for word in command:
        assert not word.startswith(TOOLS) or word == PYTHON or f"\n{word.removeprefix(TOOLS)}==" in PINNED


def test_python3_starts_a_script_or_a_folder_with_one() -> None:
    started = {words[words.index("python3") + 1] for words in commands() if "python3" in words}
    assert started
    assert all((ROOT / name).is_file() or (ROOT / name / "__main__.py").exists() for name in started)


@pytest.mark.parametrize("heading", SECTIONS)
def test_steps_are_numbered_and_each_change_names_its_files(heading: str) -> None:
    steps = re.findall(r"^(\d+)\. (.*(?:\n   .*)*)", section(heading), re.MULTILINE)
    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    assert len(steps) >= 4
    assert sum(bool(files_named_in(text)) for _, text in steps) >= len(steps) - 1


def test_every_room_is_in_the_list() -> None:
    listed = files_named_in("\n".join(re.findall(r"^\| (`.+?`) \|", section("The house"), re.MULTILINE)))
    rooms = [f"{room.parent.name}/" for room in sorted(ROOT.glob("*/__init__.py"))]
    assert {name.partition("/")[0] + "/" for name in listed if "/" in name} >= set(rooms) - {"demo/"}


def test_links_lead_somewhere() -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", TEXT)
    assert targets
    assert all(os.path.exists(ROOT / target) for target in targets)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`push/verdicts.py` and `Verdict`", ["push/verdicts.py"]),
        ("`README.md`, `sim/plex/`, `.ci/run`", ["README.md", "sim/plex/", ".ci/run"]),
        ("`python3 tests`, `type`, `BadValue`", []),
    ],
)
def test_paths_are_told_from_other_code(text: str, found: list[str]) -> None:
    assert files_named_in(text) == found
