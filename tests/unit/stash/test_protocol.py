from __future__ import annotations

import io
import json
import logging
import math
import re
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash.protocol import (
    StashLogHandler,
    answer_error,
    answer_output,
    parse_task_input,
    progress_line,
)

SERVER = {
    "Scheme": "http",
    "Host": "0.0.0.0",
    "Port": 9999,
    "SessionCookie": {"Name": "session", "Value": "c00kie-value"},
    "Dir": "/stash",
    "PluginDir": "/stash/plugins/plexsync",
}
LINE = re.compile(rb"\x01[tdiwep]\x02[^\n\x00-\x08\x0b-\x1f]*\n")


def task(**args: Any) -> bytes:
    return json.dumps({"server_connection": SERVER, "args": args}).encode()


def test_task_input_has_connection_mode_and_arguments() -> None:
    given_input = parse_task_input(task(mode="preview", scene_id="12"))
    assert given_input.mode == "preview"
    assert given_input.args == {"mode": "preview", "scene_id": "12"}
    assert given_input.connection.url == "http://127.0.0.1:9999"
    assert given_input.connection.cookie_value == "c00kie-value"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b'{"server_connection": {"SessionCookie": "c00kie-value"',
        b"[]",
        b"null",
        b"[" * 100_000,
        task(),
        task(mode=None),
        task(mode=" "),
        task(mode=7),
        json.dumps({"server_connection": SERVER, "args": ["mode"]}).encode(),
        json.dumps({"server_connection": SERVER}).encode(),
        json.dumps({"args": {"mode": "queue_status"}}).encode(),
    ],
)
def test_invalid_task_input_is_reported_in_one_line_without_the_cookie(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Stash's input|args|server_connection") as caught:
        parse_task_input(data)
    assert "\n" not in str(caught.value)
    assert "c00kie" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None  # a JSON error contains the whole text


JSON = st.recursive(
    st.none() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_answer_is_exactly_one_json_object_on_one_line(output: object) -> None:
    data = answer_output(output)
    assert json.loads(data) == {"output": output}
    assert data.count(b"\n") == 1
    assert data.isascii()


def test_error_is_an_object_too() -> None:
    assert json.loads(answer_error('no "Plex"\n\udcff')) == {"error": 'no "Plex"\n\udcff'}


def test_values_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        answer_output({"mtbf_s": math.nan})


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        (0, "0.0000"),
        (0.5, "0.5000"),
        (1, "1.0000"),
        (-1, "0.0000"),
        (1.5, "1.0000"),
        (math.nan, "0.0000"),
        (math.inf, "1.0000"),
    ],
)
def test_progress_is_clamped_to_0_and_1(fraction: float, shown: str) -> None:
    assert progress_line(fraction) == f"\x01p\x02{shown}\n"


class Closed(io.BytesIO):
    """A pipe whose reader is gone."""

    def write(self, _data: object) -> int:
        raise BrokenPipeError


def logger_on(stream: io.BytesIO) -> logging.Logger:
    logger = logging.Logger("made-for-one-test")  # noqa: LOG001 - not shared with other tests
    logger.addHandler(StashLogHandler(stream))
    return logger


def failed() -> None:
    raise RuntimeError("it\x00broke")


def test_traceback_becomes_prefixed_lines() -> None:
    stream = io.BytesIO()
    try:
        failed()
    except RuntimeError:
        logger_on(stream).exception("no luck with %s", "it")
    assert LINE.sub(b"", stream.getvalue()) == b""
    assert stream.getvalue().startswith(b"\x01e\x02no luck with it\n\x01e\x02Traceback")
    assert stream.getvalue().endswith(b"\x01e\x02RuntimeError: it\\x00broke\n")


def test_closed_log_raises_no_error() -> None:
    logger_on(Closed()).error("lost")
    stream = io.BytesIO()
    logger = logger_on(stream)
    stream.close()
    logger.error("lost too")


def test_message_with_wrong_arguments_is_still_logged() -> None:
    stream = io.BytesIO()
    logger_on(stream).warning("only %d", "text")
    assert stream.getvalue() == b"\x01w\x02only %d (the arguments of this message do not fit)\n"
