"""The Python files of the checkout as syntax trees, and what they import and use."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
SKIPPED = frozenset({
    ".venv", ".git", "data", "dist", "__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache",
    "node_modules",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One Python file: `path` from the checkout, with slashes."""

    path: str
    tree: ast.Module

    @property
    def room(self) -> str:
        return _room_of(self.path)

    def is_in(self, places: tuple[str, ...]) -> bool:
        return any(self.path.startswith(place) if place.endswith("/") else self.path == place for place in places)


def parse(path: str, text: str) -> Source:
    return Source(path=path, tree=ast.parse(text, path))


def read_sources(*rooms: str) -> tuple[Source, ...]:
    """The files of these rooms, or of all."""
    paths = [path for path in list_files() if path.endswith(".py") and (not rooms or _room_of(path) in rooms)]
    return tuple(parse(path, (ROOT / path).read_text(encoding="utf-8")) for path in paths)


def _room_of(path: str) -> str:
    return path.partition("/")[0].removesuffix(".py")


def list_files() -> list[str]:
    """Every file of the checkout, from its root, with slashes."""
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED]
        # In a worktree, .git is a file.
        found += [Path(folder, name).relative_to(ROOT).as_posix() for name in names if name not in SKIPPED]
    return sorted(found)


def imports_of(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, even inside functions, for type checkers only, or by a call."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = source.room if node.level else node.module or ""
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and dotted_name(node.func) in ("__import__", "importlib.import_module"):
            values = [argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)]
            yield from ((node.lineno, str(value)) for value in values)


def dotted_name(node: ast.expr) -> str:
    """`a.b.c` for an expression that is a chain of names, else ""."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (value := dotted_name(node.value)):
        return f"{value}.{node.attr}"
    return ""


def uses_of(source: Source) -> Iterator[tuple[int, str]]:
    """Imports, and uses of names in imported modules, by full name even if the module was imported under another."""
    called: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            tops = [alias.name.split(".")[0] for alias in node.names if not alias.asname]
            called.update(zip(tops, tops, strict=True))
            called.update({alias.asname: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom):
            called.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    yield from imports_of(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            first, _, rest = dotted_name(node).partition(".")
            if first in called:
                yield node.lineno, f"{called[first]}.{rest}"
