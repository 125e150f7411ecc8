from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.log_lines import LINE_LIMIT_BYTES, log_lines

LINE = re.compile(rb"\x01[tdiwep]\x02[^\n\x00-\x08\x0b-\x1f]*\n")


@pytest.mark.parametrize(
    ("level", "letter"),
    [(5, b"t"), (10, b"d"), (20, b"i"), (25, b"i"), (30, b"w"), (40, b"e"), (50, b"e")],
)
def test_each_log_level_has_its_letter(level: int, letter: bytes) -> None:
    assert log_lines(level, "text") == b"\x01" + letter + b"\x02text\n"


def test_each_line_of_a_message_becomes_a_log_line() -> None:
    assert log_lines(20, "one\ntwo\r\nthree\rfour\u2028five") == b"".join(
        b"\x01i\x02" + word + b"\n" for word in (b"one", b"two", b"three", b"four", b"five")
    )
    assert log_lines(20, "") == b"\x01i\x02\n"


def test_control_characters_are_escaped_visibly() -> None:
    assert log_lines(20, "a\x00b\x1b[31m\x01e\x02\tc") == b"\x01i\x02a\\x00b\\x1b[31m\\x01e\\x02 c\n"


def test_lone_surrogates_are_escaped_and_all_scripts_are_kept() -> None:
    assert log_lines(20, "\udcff \U0001f600 \u0436") == b"\x01i\x02\\udcff \xf0\x9f\x98\x80 \xd0\xb6\n"


@pytest.mark.parametrize("character", ["x", "\u00e4", "\u20ac", "\U0001f600", "\x00", "\udcff"])
def test_long_line_is_cut_between_characters(character: str) -> None:
    for offset in range(4):
        line = log_lines(40, "y" * offset + character * 70_000)
        assert LINE_LIMIT_BYTES - 10 <= len(line) <= LINE_LIMIT_BYTES
        assert line.decode().endswith("… (cut)\n")


def test_line_at_the_limit_is_not_cut() -> None:
    longest = LINE_LIMIT_BYTES - len(b"\x01i\x02\n")
    assert len(log_lines(20, "x" * longest)) == LINE_LIMIT_BYTES
    assert b"(cut)" not in log_lines(20, "x" * longest)
    assert b"(cut)" in log_lines(20, "x" * (longest + 1))


@given(st.text(), st.integers(0, 60))
def test_any_message_becomes_complete_prefixed_lines(text: str, level: int) -> None:
    data = log_lines(level, text)
    assert LINE.sub(b"", data) == b""
    data.decode()
