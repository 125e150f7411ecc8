"""Reads the tables of the documents, and describes the program's dataclasses in the words of those tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints, is_typeddict

from tasks.answers import LEFT_OUT_IF_NONE

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
REFERENCE, SETTINGS, TASKS = DOCS / "reference.md", DOCS / "settings.md", DOCS / "tasks.md"
# All that users read; CONTRIBUTING.md has tests of its own.
DOCUMENTS: Final = (README, *sorted(DOCS.glob("*.md")), ROOT / "bench" / "README.md")
_SCALARS: Final = {bool: "boolean", int: "integer", float: "number", str: "text"}
LISTS: Final = (tuple, list)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def in_code_marks(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def headings_of(document: Path) -> list[str]:
    return _HEADING.findall(document.read_text(encoding="utf-8"))


def headings_in(document: Path, section: str) -> list[str]:
    """The headings one level below a `##` section."""
    text = document.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return _HEADING.findall(text)


def rows_under(document: Path, heading: str, first_column: str = "") -> list[list[str]]:
    """The cells of the tables between a heading and the next one, without their heads.

    `first_column`: only the table whose first column has this name.
    """
    text = re.split(rf"^#+ {re.escape(heading)}$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    return _rows_in(_HEADING.split(text)[0], first_column)


def rows_of(document: Path, first_column: str = "") -> list[list[str]]:
    """The cells of all tables of a document, without their heads; of those whose first column has this name."""
    return _rows_in(document.read_text(encoding="utf-8"), first_column)


def _rows_in(text: str, first_column: str) -> list[list[str]]:
    rows: list[list[str]] = []
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        if first_column in ("", head[0]):
            rows += body
    return rows


def keys_under(document: Path, heading: str) -> dict[str, str]:
    """By path, the type of each key in a table of keys."""
    rows = rows_under(document, heading, "key")
    found = {in_code_marks(key)[0]: kind for key, kind, *_ in rows}
    assert len(found) == len(rows), f"a key is named twice under {heading}"
    return found


def keys_of(kind: Any, path: str = "") -> dict[str, str]:
    """The same for a dataclass or TypedDict of the program, including the keys of those inside it."""
    hints, found = get_type_hints(kind), dict[str, str]()
    absent = [each.name for each in fields(kind) if each.metadata == LEFT_OUT_IF_NONE] if is_dataclass(kind) else []
    for name, hint_of_key in hints.items():
        hint, key = hint_of_key, f"{path}{name}"
        ending = ""
        if get_origin(hint) is UnionType:
            (hint,) = (option for option in get_args(hint) if option is not type(None))
            ending = " or absent" if name in absent else " or null"
        found[key] = _in_words(hint) + ending
        is_list = get_origin(hint) in LISTS
        inner = get_args(hint)[0] if is_list else hint
        if _is_object(inner):
            found |= keys_of(inner, f"{key}{'[]' if is_list else ''}.")
    return found


def _is_object(hint: Any) -> bool:
    return is_dataclass(hint) or is_typeddict(hint)


def _in_words(hint: Any) -> str:
    if get_origin(hint) in LISTS:
        inner = _in_words(get_args(hint)[0])
        return f"list of {inner if inner == 'text' else f'{inner}s'}"
    if get_origin(hint) is Mapping or _is_object(hint):
        return "object"
    return "text" if issubclass(hint, Enum) else _SCALARS[hint]
