"""Messages call a setting what Stash's page calls it. Only its users know that name; the key is the program's."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

import pytest

from sim.stash.manifest import parse_yaml
from stash.setting_names import SETTING_NAMES
from tests.support.reference import ROOT
from tests.support.sources import parse, read_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.sources import Source

ROOMS: Final = (
    "hooks", "local", "installation", "plex", "stash", "store", "outages", "push", "news", "worker",
    "reconciliation", "undo", "tasks", "shell",
)  # fmt: skip
# "paused" and "tls" are words of the language, too.
KEYS: Final = tuple(key for key in SETTING_NAMES if "_" in key)
_KEY = re.compile(rf"(?<![\w.])({'|'.join(KEYS)})(?!\w)")
_SQL = re.compile(r"CREATE TABLE")
# A name in double quotes with a capital.
_NAME = re.compile(r'"([A-Z][A-Za-z]+(?: [A-Za-z()]+)*)"')


def texts_in(source: Source) -> Iterator[tuple[int, str]]:
    """The string literals of several words, those of f-strings included, but no docstrings and no SQL."""
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and node.body
        and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documentation:
            continue
        if " " in node.value.strip() and not _SQL.search(node.value):
            yield node.lineno, node.value


def keys_in(source: Source) -> list[str]:
    return [f"{source.path}:{line}: {text}" for line, text in texts_in(source) if _KEY.search(text)]


def unknown_names_in(source: Source) -> list[str]:
    found = ((line, name) for line, text in texts_in(source) for name in _NAME.findall(text))
    return [f"{source.path}:{line}: {name}" for line, name in found if name not in SETTING_NAMES.values()]


def test_the_names_are_those_of_the_page() -> None:
    settings = parse_yaml((ROOT / "plexsync.yml").read_text(encoding="utf-8"))["settings"]
    assert {key: setting["displayName"] for key, setting in settings.items()} == SETTING_NAMES


@pytest.mark.parametrize("find", [keys_in, unknown_names_in])
def test_no_message_names_a_setting_otherwise(find: Callable[[Source], list[str]]) -> None:
    found = [each for source in read_sources(*ROOMS) for each in find(source)]
    assert not found, "\n".join(found)


def test_what_is_wrong_is_found() -> None:
    assert keys_in(parse("plex/a.py", 'def f(x):\n    """About plex_url."""\n    return f"{x}: check plex_url now"'))
    assert not keys_in(parse("plex/a.py", '"""Reads plex_url."""\nA = raw["plex_url"]'))
    assert unknown_names_in(parse("plex/a.py", "A = 'check \"Plex adress\" now'"))
