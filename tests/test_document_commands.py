"""Every command in the documents is run by a test, or named here with the reason why none can.

Commands stand in blocks of the kind `sh`, those of Stash's API in `graphql`; README.md also names some in a sentence.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from sim.stash.manifest import parse_yaml
from tests.support.reference import DOCUMENTS, README, ROOT
from tests.test_documents import FUNCTIONS, MODES, arguments_of

if TYPE_CHECKING:
    from pathlib import Path

# By command, the file of the test that runs it, and the word with which it does.
TESTED: Final = {
    "python3 plexsync.py demo": ("tests/plugin/test_demo.py", "demo"),
    "python3 plexsync.py --help": ("tests/plugin/test_shell_commands.py", "--help"),
    "python3 plexsync.py status": ("tests/plugin/test_shell_commands.py", "status"),
    "python3 plexsync.py health": ("tests/plugin/test_shell_commands.py", "health"),
    "python3 plexsync.py take-over FOLDER": ("tests/plugin/test_take_over.py", "take-over"),
    "python3 plexsync.py package": ("tests/support/checkout.py", "package"),
    ".venv/bin/python -m tests.support.pictures": ("tests/stash/test_pictures.py", "pictures"),
}
NOT_TESTED: Final = {
    "apt install python3-pip": "needs Debian",
    "apk add py3-pip": "needs Alpine",
    "python3 tests": "is what runs this test",
    ".venv/bin/ruff check .": "is run with the tests, by `python3 tests`",
    ".venv/bin/mypy .": "the same",
    "python3 bench": "takes minutes",
}
# What comes before one of the commands above, and where the plugin is there.
IN_DOCKER: Final = "docker exec stash "
IN_THE_PLUGIN: Final = "/root/.stash/plugins/plexsync/"
CONTRIBUTING: Final = ROOT / "CONTRIBUTING.md"
_OPERATION: Final = re.compile(r'mutation { runPluginOperation\(plugin_id: "plexsync", args: {(.+)}\) }')


def blocks(document: Path, kind: str) -> list[str]:
    text = document.read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{kind}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def lines_of(kind: str) -> list[str]:
    return [line for document in DOCUMENTS for block in blocks(document, kind) for line in block.splitlines()]


def commands() -> list[str]:
    within_sentences = re.findall(r"`(python3 (?!-)[^`]+)`", README.read_text(encoding="utf-8"))
    contributing = re.findall(r"^ {4}(\S.*)$", CONTRIBUTING.read_text(encoding="utf-8"), re.MULTILINE)
    return sorted({*lines_of("sh"), *within_sentences, *contributing})


def plain(command: str) -> str:
    """As it is named above: without variables and Docker, and of the tests without those that are chosen."""
    command = re.sub("^[A-Z_]+=[^ ]+ ", "", command).removeprefix(IN_DOCKER).replace(IN_THE_PLUGIN, "")
    return "python3 tests" if command.startswith("python3 tests ") else command


@pytest.mark.parametrize("command", commands())
def test_every_command_is_run_by_a_test_or_cannot_be(command: str) -> None:
    assert plain(command) in {**TESTED, **NOT_TESTED}


@pytest.mark.parametrize(("file", "word"), TESTED.values(), ids=TESTED)
def test_the_test_that_is_named_runs_the_command(file: str, word: str) -> None:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert word in [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]


def test_no_command_is_named_that_the_documents_lack() -> None:
    assert {plain(command) for command in commands()} == {*TESTED, *NOT_TESTED}


def test_what_a_user_would_paste_starts_something_that_is_there() -> None:
    for command in commands():
        words = plain(command).split()
        assert words[0] != "python3" or (ROOT / words[1]).exists(), command


@pytest.mark.parametrize("line", lines_of("graphql"))
def test_every_operation_is_one_with_arguments_that_it_takes(line: str) -> None:
    found = _OPERATION.fullmatch(line)
    assert found, line
    given = dict(re.findall(r'(\w+): "([^"]*)"', found[1]))
    mode = given.pop("mode")
    assert mode in MODES
    assert set(given) <= arguments_of(FUNCTIONS[mode])


def test_the_compose_file_puts_an_init_process_before_stash() -> None:
    (block,) = [block for document in DOCUMENTS for block in blocks(document, "yaml")]
    (service,) = parse_yaml(block)["services"].values()
    assert service == {"image": "stashapp/stash:latest", "init": True}
