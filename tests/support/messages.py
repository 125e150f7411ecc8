"""The texts of the program, taken from its source, and whether a quotation is made of them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from stash.setting_names import on_the_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.support.sources import Source

VARIES: Final = "…"
# Shorter pieces may occur by accident; whole parts between two values may be as short as " in ".
SHORTEST_PIECE: Final = 12
# What takes the place of a value in a text: no quotation has a line end.
_VALUE: Final = "\n"
_PLACEHOLDER: Final = re.compile(r"%[-.\d]*[sdrgf]|\{\}")


def is_said(quotation: str, texts: Iterable[str]) -> bool:
    """Whether each part of the quotation between two `…` is put together from texts of the program."""
    parts = [part for text in texts for part in text.split(_VALUE)]
    everything = _VALUE.join(parts)
    short = frozenset(part for part in parts if len(part) < SHORTEST_PIECE and re.search(r"\W", part))
    return all(
        any(_is_made_of(each, everything, short) for each in (part, part.lstrip(), part.rstrip(), part.strip()))
        for part in quotation.split(VARIES)
    )


def _is_made_of(fragment: str, everything: str, short: frozenset[str]) -> bool:
    """Whether pieces of `everything`, and whole `short` parts, one after the other, make the fragment."""
    reached = {0}
    for start in range(len(fragment)):
        if start not in reached:
            continue
        reached |= {start + len(part) for part in short if fragment.startswith(part, start)}
        end = start + SHORTEST_PIECE
        while end <= len(fragment) and fragment[start:end] in everything:
            reached.add(end)
            end += 1
    return len(fragment) in reached


def texts_of(sources: Iterable[Source]) -> list[str]:
    """The texts of these files without docstrings, each value in them replaced by a line end."""
    sources = tuple(sources)
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
