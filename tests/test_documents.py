"""What the documents say is what the program does, and what it does is in them: answers, settings, files, links."""

from __future__ import annotations

import inspect
import os
import re
import sys
from dataclasses import fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import pytest

from hooks import say
from installation import packages
from local import data_directory, inbox, lock
from news.said import Said, Topic
from outages.breaker import Circuit, CircuitBreaker
from outages.history import OutageHistory
from outages.scheduler import PauseReason, RecoveryScheduler
from plex.fields import LISTS, Field
from plex.match import Grade
from push.verdicts import Verdict
from reconciliation.gaps import GapType
from reconciliation.state import ReconciliationState
from shell.commands import HELP
from sim.stash.manifest import Manifest, parse_yaml, read_manifest
from stash.setting_names import SETTING_NAMES
from stash.settings import Settings, parse_settings
from status import answers as status_answers
from status.answer import MODES as STATUS_MODES
from store.worker_file import WorkerReport
from tasks import answers, arguments, setup_answers
from tasks.arguments import error_types_of
from tasks.run import TASKS as TASK_MODES
from tasks.run import task_of
from tests.support.reference import (
    DOCS,
    DOCUMENTS,
    REFERENCE,
    ROOT,
    SETTINGS,
    TASKS,
    headings_in,
    headings_of,
    in_code_marks,
    keys_of,
    keys_under,
    rows_of,
    rows_under,
)
from worker.handlers import WAITING

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = ROOT / "plexsync.yml"
PROGRAM: Final = (
    "hooks", "local", "installation", "network", "plex", "stash", "store", "outages", "push", "news", "worker",
    "reconciliation", "undo", "status", "tasks", "shell",
)  # fmt: skip
NAME_COLUMN: Final = "name on the page"
# What the table says where the default is an empty text or list.
EMPTY_IN_WORDS: Final = ("none", "none, required", "all movie libraries", "inferred")
# By mode.
FUNCTIONS: Final = {
    **{mode: task_of(mode) for mode in TASK_MODES},
    **{name: getattr(import_module(f"status.{name}"), name) for name in STATUS_MODES},
}
MODES: Final = tuple(FUNCTIONS)
ANSWERS: Final = {**vars(answers), **vars(setup_answers), **vars(status_answers)}
# Each with what it holds besides its version.
STATE_FILES: Final = (
    (data_directory.CIRCUIT_BREAKER, CircuitBreaker),
    (data_directory.RECOVERY_STATE, RecoveryScheduler),
    (data_directory.OUTAGE_HISTORY, OutageHistory),
    (data_directory.RECONCILIATION_STATE, ReconciliationState),
    (data_directory.WORKER, WorkerReport),
    (data_directory.SAID, Said),
)
DONE: Final = (Verdict.PUSHED, Verdict.UNCHANGED, Verdict.SKIPPED, Verdict.GONE)
COMMANDS: Final = re.findall(r"^  (\w[\w-]*)", HELP, re.MULTILINE)


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return read_manifest(MANIFEST)


def source_of(*rooms: str) -> str:
    paths = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    return "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "plexsync.py", *paths))


def named_under(heading: str, first_column: str = "") -> list[str]:
    """What the first column names, in the order of the page."""
    return [name for cells in rows_under(REFERENCE, heading, first_column) for name in in_code_marks(cells[0])]


def in_italics(text: str) -> list[str]:
    return re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text)


def heading_of(mode: str) -> str:
    return next(heading for heading in headings_in(REFERENCE, "Modes") if mode in in_code_marks(heading))


# Settings


def default_in_words(name: str) -> tuple[str, ...]:
    """How the table may express the default of a setting."""
    defaults, _ = parse_settings({}, {})
    by_key = {field.name.removesuffix("_s"): getattr(defaults, field.name) for field in fields(Settings)}
    value = False if name.startswith("skip_") and name not in by_key else by_key[name]
    if isinstance(value, bool):
        return ("on" if value else "off",)
    if isinstance(value, (int, float)):
        return (f"{value:g}",)
    return (f"`{value}`",) if value else EMPTY_IN_WORDS


def test_every_setting_of_the_manifest_is_described_under_its_name() -> None:
    documented = {in_code_marks(key)[0]: name for name, key, *_ in rows_of(SETTINGS, NAME_COLUMN)}
    settings = parse_yaml(MANIFEST.read_text(encoding="utf-8"))["settings"]
    assert documented == {key: setting["displayName"] for key, setting in settings.items()}


def test_every_setting_of_the_manifest_is_in_the_reference_with_its_type(manifest: Manifest) -> None:
    documented = {in_code_marks(key)[0]: kind for key, kind, *_ in rows_under(REFERENCE, "Settings")}
    assert documented == manifest.settings


def test_the_documents_name_the_default_of_every_setting() -> None:
    described = [(key, default) for _, key, default, _ in rows_of(SETTINGS, NAME_COLUMN)]
    in_reference = [(key, default) for key, _, default, _ in rows_under(REFERENCE, "Settings")]
    for key, default in (*described, *in_reference):
        assert default in default_in_words(in_code_marks(key)[0]), key


def test_what_goes_where_names_every_field_and_picture_with_the_setting_that_skips_it() -> None:
    rows = rows_of(DOCS / "fields.md", "in Stash")
    named = [name for _, in_plex, *_ in rows for name in in_code_marks(in_plex)]
    assert sorted({*named}) == sorted({*(field.value for field in Field), "thumb", "art"})
    skips = {name for key, name in SETTING_NAMES.items() if key.startswith("skip_") and key != "skip_missing"}
    assert {setting for *_, last in rows for setting in in_italics(last)} == skips | {"Stash address for Plex"}


def test_settings_of_other_plugins_lead_to_settings_that_exist() -> None:
    rows = [row for row in rows_of(DOCS / "moving.md") if row[0].startswith("`")]
    assert len(rows) > 40
    assert {name for row in rows for name in in_italics(row[-1])} <= {*SETTING_NAMES.values()}


# Tasks, hooks and modes


@pytest.mark.parametrize("document", [TASKS, REFERENCE], ids=lambda path: path.name)
def test_every_task_of_the_manifest_is_documented_with_its_mode(document: Path, manifest: Manifest) -> None:
    documented = {name: in_code_marks(mode)[0] for name, mode, *_ in rows_under(document, "Tasks")}
    assert documented == {task.name: task.default_args["mode"] for task in manifest.tasks}


def test_every_hook_of_the_manifest_is_in_the_reference(manifest: Manifest) -> None:
    assert named_under("Hooks") == [event for hook in manifest.hooks for event in hook.triggered_by]


def test_every_mode_of_the_program_is_in_the_reference() -> None:
    documented = [name for heading in headings_in(REFERENCE, "Modes") for name in in_code_marks(heading)]
    assert sorted(documented) == sorted((*MODES, say.MODE))


@pytest.mark.parametrize("mode", MODES)
def test_the_reference_names_every_key_of_an_answer_with_its_type(mode: str) -> None:
    answer = ANSWERS[FUNCTIONS[mode].__annotations__["return"]]
    assert keys_under(REFERENCE, heading_of(mode)) == keys_of(answer)


def arguments_of(function: Any) -> set[str]:
    """Which functions of its room's arguments.py it calls, by itself or through private functions of its module."""
    source, module = inspect.getsource(function), sys.modules[function.__module__]
    called = [getattr(module, name, None) for name in re.findall(r"(?<![\w.])(_\w+)\(", source)]
    inner = (arguments_of(each) for each in called if inspect.isfunction(each) and each is not function)
    return set(re.findall(r"\b(\w+)_of\((?:context\.input\.args|asked\.arguments)", source)).union(*inner)


@pytest.mark.parametrize("mode", MODES)
def test_the_reference_names_every_argument_of_a_mode(mode: str) -> None:
    assert set(named_under(heading_of(mode), "argument")) == arguments_of(FUNCTIONS[mode])


def test_the_reference_describes_what_is_answered_without_a_task() -> None:
    assert keys_under(REFERENCE, heading_of(say.MODE)) == {"lines": "integer"}
    assert named_under(heading_of(say.MODE), "argument") == ["lines"]
    (levels,) = [cells[1] for cells in rows_under(REFERENCE, heading_of(say.MODE), "argument")]
    assert in_code_marks(levels)[2:] == list(say.LEVELS)


def test_every_argument_has_a_parser_of_its_own() -> None:
    taken = set(re.findall(r'\barguments\.get\("(\w+)"\)', source_of("tasks")))
    assert taken == set().union(*(arguments_of(task_of(mode)) for mode in TASK_MODES))
    assert taken == {name.removesuffix("_of") for name in vars(arguments) if name.endswith("_of") and name[0] != "_"}


# Commands


def test_every_command_of_the_help_is_in_the_reference() -> None:
    assert named_under("Commands", "command") == COMMANDS


# Words


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ("circuit", {state.value for state in Circuit}),
        # Those that are not a PauseReason appear in no state file.
        ("stopped_by", {reason.value for reason in PauseReason} | {"circuit", "paused", "stash", "disabled", "silent"}),
        ("gap", {kind.value for kind in GapType}),
        ("grade", {grade.name.lower() for grade in Grade}),
        # Every other verdict is an error class.
        ("verdict", {WAITING, *(each.value for each in DONE)}),
    ],
)
def test_every_word_of_an_answer_is_in_the_reference(of: str, words: set[str]) -> None:
    assert {in_code_marks(word)[0] for word, what, _ in rows_under(REFERENCE, "Words") if what == of} == words


def test_every_field_of_plex_is_in_the_reference() -> None:
    text = " ".join(REFERENCE.read_text(encoding="utf-8").split()).partition("The fields of Plex are ")[2]
    names = in_code_marks(text.partition("hold lists of names")[0])
    assert names[: len(Field)] == [field.value for field in Field]
    first_list = names[len(Field)]
    assert {Field(name) for name in names[names.index(first_list) : len(Field)]} == LISTS


def test_every_error_class_is_in_the_reference() -> None:
    assert named_under("Error classes") == list(error_types_of({"error_types": "all"}))


# Files


def test_every_file_of_the_data_directory_is_in_the_reference() -> None:
    known = [value for name, value in vars(data_directory).items() if name.isupper()]
    on_the_hooks_path = [lock.NAME, inbox.folder(""), os.path.join("queue", "malformed")]
    assert '"malformed"' in source_of("local")
    known += [*on_the_hooks_path, os.path.join(data_directory.PACKAGES, packages.LOCK)]
    documented = [name.rstrip("/") for name in named_under("Files in the data directory")]
    assert sorted(documented) == sorted(known)


def test_the_reference_describes_every_state_file() -> None:
    described = [in_code_marks(heading)[0] for heading in headings_in(REFERENCE, "State files")]
    assert described == [name for name, _ in STATE_FILES]
    others = {name for name in named_under("Files in the data directory") if name.endswith(".json")} - set(described)
    assert others == {data_directory.STASH_CONNECTION}


@pytest.mark.parametrize(("name", "kind"), STATE_FILES, ids=[name for name, _ in STATE_FILES])
def test_the_reference_names_every_key_of_a_state_file_with_its_type(name: str, kind: Any) -> None:
    assert keys_under(REFERENCE, f"`{name}`") == {"version": "integer", **keys_of(kind)}


def test_the_reference_names_every_topic_of_what_is_said() -> None:
    (topics,) = [what for key, _, what in rows_under(REFERENCE, "`said.json`") if "recent[].topic" in key]
    assert in_code_marks(topics) == [topic.value for topic in Topic]


# Environment


def test_every_variable_of_the_environment_is_in_the_reference() -> None:
    used = set(re.findall(r"\bPLEXSYNC_[A-Z_]+\b|\bPLEX_(?:URL|TOKEN)\b", source_of(*PROGRAM)))
    assert set(named_under("Environment")) == used


def test_every_variable_of_the_tests_is_in_the_reference() -> None:
    used = set(re.findall(r"\bPLEXSYNC_TEST_[A-Z]+\b", source_of("tests")))
    assert set(named_under("For the tests alone")) == used


# Links and pictures


def anchor_of(heading: str) -> str:
    """As GitHub makes it: lower case, without punctuation."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        assert not anchor or anchor in map(anchor_of, headings_of(linked)), target


def test_the_index_leads_to_every_document() -> None:
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", index)}
    assert {path.name for path in DOCS.glob("*.md")} - linked == {"README.md"}


def test_the_changelog_has_the_version_of_the_manifest() -> None:
    version = parse_yaml(MANIFEST.read_text(encoding="utf-8"))["version"]
    assert headings_of(DOCS / "changelog.md")[1] == version


def test_the_picture_stands_alone() -> None:
    picture = (ROOT / "docs" / "overview.svg").read_text(encoding="utf-8")
    assert picture.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox=')
    assert "href" not in picture
