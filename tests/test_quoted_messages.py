"""What the documents quote is what the program says, so that whoever searches for a message finds it.

A block quote in a document is a message of the program; `…` stands for what differs from case to case. So is what
stands in quotes in the first column of a table of the troubleshooting.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from outages.scheduler import PauseReason
from tasks.arguments import error_types_of
from tests.support.messages import Texts
from tests.support.reference import DOCS, DOCUMENTS, in_code_marks, rows_of
from tests.support.sources import parse, read_sources
from tests.test_documents import PROGRAM

if TYPE_CHECKING:
    from pathlib import Path

TROUBLESHOOTING: Final = DOCS / "troubleshooting.md"
_QUOTE: Final = re.compile(r"(?:^ *>.*\n)+", re.MULTILINE)
# What stops the drain without being a PauseReason.
OTHER_STOPS: Final = {"circuit", "paused", "disabled", "silent"}


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts(read_sources(*PROGRAM, "plexsync"))


def block_quotes(document: Path) -> list[str]:
    found = _QUOTE.findall(document.read_text(encoding="utf-8"))
    return [" ".join(line.strip().removeprefix(">").strip() for line in quote.splitlines()) for quote in found]


def quoted_in_tables() -> list[str]:
    return [words for row in rows_of(TROUBLESHOOTING) for words in re.findall(r'"([^"]+)"', row[0])]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name + "/" + path.name)
def test_every_quoted_message_is_in_the_program(document: Path, texts: Texts) -> None:
    assert [quote for quote in block_quotes(document) if not texts.say(quote)] == []


def test_every_reason_in_a_table_is_in_the_program(texts: Texts) -> None:
    assert [words for words in quoted_in_tables() if not texts.say(words)] == []


def test_the_troubleshooting_quotes_much() -> None:
    assert len(block_quotes(TROUBLESHOOTING)) > 50
    assert len(quoted_in_tables()) > 5


def test_the_troubleshooting_has_every_class_of_error_and_every_stop() -> None:
    classes = [in_code_marks(name)[0] for name, *_ in rows_of(TROUBLESHOOTING, "class")]
    assert classes == list(error_types_of({"error_types": "all"}))
    stops = [word for words, *_ in rows_of(TROUBLESHOOTING, "word") for word in in_code_marks(words)]
    assert sorted(stops) == sorted({reason.value for reason in PauseReason} | OTHER_STOPS)


SAID: Final = parse(
    "plex/a.py",
    'WHERE = "where Plex is"\n'
    'def f(name, key):\n    """Docstring of some length."""\n'
    '    return f"{name} is not there: look {WHERE}, or set {on_the_page(\'plex_url\')} in {key}."\n'
    'A = "%s begins with this text"',
)


@pytest.mark.parametrize(
    ("quotation", "expected"),
    [
        ('… is not there: look where Plex is, or set "Plex address" in ….', True),
        ("is not there: look", True),
        ("… begins with this text", True),
        ("… is not here: look where Plex is", False),
        ("is not there: looks", False),
        ("Docstring of some length.", False),
        ("is not there: look … where Plex was", False),
    ],
)
def test_a_quotation_is_told_from_what_was_never_said(quotation: str, expected: bool) -> None:
    assert Texts([SAID]).say(quotation) is expected
