"""What the documents say is what the program does: names, defaults, commands, files and links."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Final

import pytest

from sim.stash.manifest import Manifest, parse_yaml, read_manifest
from stash.settings import Settings, parse_settings
from tasks.run import TASKS

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "plexsync.yml"
README = ROOT / "README.md"
REFERENCE = ROOT / "docs" / "reference.md"
DOCUMENTS: Final = (README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench" / "README.md")
PROGRAM: Final = ("hooks", "local", "plex", "stash", "store", "outages", "push", "worker", "reconciliation", "tasks")
# Files of a room that may not be furnished yet.
ROOM_OF_FILE: Final = {"reconciliation_state.json": "reconciliation"}
# What the table says where the default is an empty text or list.
EMPTY_IN_WORDS: Final = ("none", "none, required", "all movie libraries", "found out by itself")


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(MANIFEST)


@pytest.fixture(scope="module")
def program() -> str:
    paths = [path for room in PROGRAM for path in (ROOT / room).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "plexsync.py", *paths))


def rows_under(document: Path, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    text = document.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def in_code_marks(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def default_in_words(name: str) -> tuple[str, ...]:
    """How the table may put the default of a setting."""
    defaults, _ = parse_settings({}, {})
    by_key = {field.name.removesuffix("_s"): getattr(defaults, field.name) for field in fields(Settings)}
    value = False if name.startswith("skip_") and name not in by_key else by_key[name]
    if isinstance(value, bool):
        return ("on" if value else "off",)
    if isinstance(value, (int, float)):
        return (f"{value:g}",)
    return (f"`{value}`",) if value else EMPTY_IN_WORDS


def test_every_setting_of_the_manifest_is_in_the_readme_with_its_name() -> None:
    documented = {in_code_marks(key)[0]: name for key, name, *_ in rows_under(README, "Settings")}
    settings = parse_yaml(MANIFEST.read_text(encoding="utf-8"))["settings"]
    assert documented == {key: setting["displayName"] for key, setting in settings.items()}


def test_the_readme_names_the_default_of_every_setting() -> None:
    for key, _, default, _ in rows_under(README, "Settings"):
        assert default in default_in_words(in_code_marks(key)[0]), key


def test_every_task_of_the_manifest_is_in_the_readme_with_its_mode(manifest: Manifest) -> None:
    documented = {name: in_code_marks(mode)[0] for name, mode, _ in rows_under(README, "Tasks")}
    assert documented == {task.name: task.default_args["mode"] for task in manifest.tasks}


def test_the_reference_says_what_every_mode_answers() -> None:
    headings = [line for line in REFERENCE.read_text(encoding="utf-8").splitlines() if line.startswith("### ")]
    assert sorted(name for line in headings for name in in_code_marks(line)) == sorted(name for name, _ in TASKS)


def test_every_file_of_the_reference_is_known_to_the_program(program: str) -> None:
    rooms_to_come = [room for room in ROOM_OF_FILE.values() if not list((ROOT / room).glob("[!_]*.py"))]
    for name, *_ in rows_under(REFERENCE, "Files in the data directory"):
        last = in_code_marks(name)[0].rstrip("/").rpartition("/")[2]
        assert f'"{last}"' in program or ROOM_OF_FILE.get(last) in rooms_to_come, last


def test_every_variable_of_the_environment_is_in_the_reference(program: str) -> None:
    documented = {name for cells in rows_under(REFERENCE, "Environment") for name in in_code_marks(cells[0])}
    used = set(re.findall(r"\bPLEXSYNC_[A-Z_]+\b|\bPLEX_(?:URL|TOKEN)\b", program))
    assert documented == used


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE) if anchor else []
        assert not anchor or anchor in [heading.lower().replace(" ", "-") for heading in headings], target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_start_something_that_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for command in re.findall(r"^ {4}python3 (.+)$|`python3 ([^`]+)`", text, re.MULTILINE):
        for word in "".join(command).split():
            is_path = not word.startswith("-") and word not in ("demo", "pip", "install", "pass")
            assert not is_path or (ROOT / word).exists(), word


def test_the_picture_stands_alone() -> None:
    picture = (ROOT / "docs" / "overview.svg").read_text(encoding="utf-8")
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')
    assert "href" not in picture
