"""The texts of the program, taken from its source, and whether a quotation is made of them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from stash.setting_names import on_the_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tests.support.sources import Source

VARIES: Final = "…"
# Shorter pieces may occur by accident; whole parts between two values may be as short as " in ".
SHORTEST_PIECE: Final = 12
# What takes the place of a value in a text: no quotation has a line end.
_VALUE: Final = "\n"
_PLACEHOLDER: Final = re.compile(r"%[-.\d]*[sdrgf]|\{\}")


class Texts:
    """What the program may say."""

    def __init__(self, sources: Iterable[Source]) -> None:
        parts = [part for text in _texts_of(tuple(sources)) for part in text.split(_VALUE)]
        self._everything = _VALUE.join(parts)
        self._short = frozenset(part for part in parts if len(part) < SHORTEST_PIECE and re.search(r"\W", part))

    def say(self, quotation: str) -> bool:
        """Whether each part of the quotation between two `…` is put together from texts of the program."""
        return all(
            any(self._make(each) for each in (part, part.lstrip(), part.rstrip(), part.strip()))
            for part in quotation.split(VARIES)
        )

    def _make(self, fragment: str) -> bool:
        """Whether pieces of texts, and whole short parts of them, one after the other, make the fragment."""
        reached = {0}
        for start in range(len(fragment)):
            if start not in reached:
                continue
            reached |= {start + len(part) for part in self._short if fragment.startswith(part, start)}
            end = start + SHORTEST_PIECE
            while end <= len(fragment) and fragment[start:end] in self._everything:
                reached.add(end)
                end += 1
        return len(fragment) in reached


def _texts_of(sources: Sequence[Source]) -> list[str]:
    """The texts of these files without docstrings, each value in them replaced by a line end."""
    constants = dict(constant for source in sources for constant in _constants_in(source.tree))
    return [_PLACEHOLDER.sub(_VALUE, text) for source in sources for text in _texts_in(source.tree, constants)]


def _constants_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The texts to which a file gives a name."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value


def _texts_in(tree: ast.Module, constants: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.JoinedStr):
                yield "".join(_part(value, constants) for value in child.values)
            elif isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
                yield child.value


def _part(value: ast.expr, constants: Mapping[str, str]) -> str:
    """A part of an f-string; values that are always the same are part of the text."""
    if isinstance(value, ast.Constant):
        return str(value.value)
    inner = value.value if isinstance(value, ast.FormattedValue) else value
    if isinstance(inner, ast.Name):
        return constants.get(inner.id, _VALUE)
    if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "on_the_page":
        (key,) = inner.args
        return on_the_page(str(key.value)) if isinstance(key, ast.Constant) else _VALUE
    return _VALUE
