"""What the README quotes is what the program says, so that whoever searches for a message finds it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from tests.support.reference import README
from tests.support.sources import read_sources
from tests.test_documents import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE: Final = "## When something does not work"


def texts_in(tree: ast.AST) -> Iterator[str]:
    """The texts of a file, docstrings left out. A value within a text is a line end, which no quotation has."""
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.JoinedStr):
                yield "\n".join(str(part.value) for part in child.values if isinstance(part, ast.Constant))
            elif isinstance(child, ast.Constant) and isinstance(child.value, str) and not isinstance(node, ast.Expr):
                yield child.value


def quotations() -> list[str]:
    section = README.read_text(encoding="utf-8").partition(TABLE)[2].partition("\n## ")[0]
    firsts = [row.split("|")[1] for row in section.splitlines() if row.startswith("| ")]
    return re.findall(r'"([^"]+)"', " ".join(firsts))


def test_every_message_that_the_readme_quotes_is_in_the_program() -> None:
    program = [source for source in read_sources() if source.room in (*PROGRAM, "plexsync")]
    said = [text for source in program for text in texts_in(source.tree)]
    assert len(quotations()) > 10
    assert [each for each in quotations() if not any(each in text for text in said)] == []
