from __future__ import annotations

import logging
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.log_lines import one_line
from local.log_text import LONGEST_MESSAGE, OneLineFormatter

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("\n\r\t\x00\x1b\x85\u2028\u2029\u202e\u200f\x01\x02\x7f\x9b\x0b\x0c\x1c\x1d\x1e\ufeff\udcff"),
    )
)


def is_visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


@given(NASTY)
def test_any_text_becomes_one_line_without_control_characters(text: str) -> None:
    line = one_line(text)
    assert all(map(is_visible, line))
    assert len(line.splitlines()) <= 1
    line.encode()


@pytest.mark.parametrize("text", ["Ann's \U0001f469\u200d\U0001f680, 日本 é", "", 'a "b" <c> \\x41'])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text


def test_what_cannot_be_seen_is_written_out() -> None:
    assert one_line("a\x00b\x1b[31m\n\u202ec\udcff") == "a\\x00b\\x1b[31m \\u202ec\\udcff"


def raise_with(text: str) -> None:
    raise ValueError(text)


def record_of(text: str, error: BaseException | None = None) -> logging.LogRecord:
    given_error = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("n", logging.WARNING, "p", 1, "it said %s", (text,), given_error)


@given(NASTY, NASTY)
def test_a_record_begins_one_line_and_its_traceback_is_indented(text: str, error_text: str) -> None:
    try:
        raise_with(error_text)
    except ValueError:
        record = record_of(text, sys.exc_info()[1])
    first, *others = OneLineFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert first.startswith("WARNING it said ")
    assert all(line.startswith("    ") for line in others)
    assert all(is_visible(character) for line in (first, *others) for character in line)


def test_a_long_message_is_cut() -> None:
    line = OneLineFormatter("%(message)s").format(record_of("x" * 1_000_000))
    assert LONGEST_MESSAGE < len(line) < LONGEST_MESSAGE + 20
