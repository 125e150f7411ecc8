"""What the operation `say` writes. tests/plugin/test_say.py has a real process write it to a simulated Stash's log."""

import json

import pytest

from hooks import say


def said(lines: object, *, mode: str = "say") -> bytes:
    return json.dumps({"server_connection": {}, "args": {"lines": lines, "mode": mode}}).encode()


def spoken(lines: object, capfd: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """The answer, and what was written to standard error."""
    answer = say.answer(said(lines))
    assert answer is not None
    return json.loads(answer), capfd.readouterr().err


def test_each_line_is_written_with_its_level(capfd: pytest.CaptureFixture[str]) -> None:
    lines = [{"level": level, "text": f"of {level}"} for level in say.LEVELS]
    answer, written = spoken([*lines, "plain"], capfd)
    assert answer == {"output": {"lines": 6}}
    assert written == (
        "\x01t\x02of trace\n\x01d\x02of debug\n\x01i\x02of info\n\x01w\x02of warning\n\x01e\x02of error\n"
        "\x01i\x02plain\n"
    )


def test_a_text_of_several_lines_is_one_message(capfd: pytest.CaptureFixture[str]) -> None:
    assert spoken(["one\n two\r\n\x01e\x02three"], capfd)[1] == "\x01i\x02one two \\x01e\\x02three\n"


@pytest.mark.parametrize(
    "lines", [None, "text", [], ["x"] * 31, [1], [{}], [{"text": "x", "level": "loud"}], [{"text": 1}], [["x"]]]
)
def test_anything_else_is_refused_and_nothing_is_written(lines: object, capfd: pytest.CaptureFixture[str]) -> None:
    answer, written = spoken(lines, capfd)
    assert isinstance(answer, dict)
    assert "it must be" in answer["error"]
    assert written == ""


@pytest.mark.parametrize("data", [said(["x"], mode="queue_status"), b"[]", b"{}", b'{"args": ["say"]}'])
def test_another_mode_is_left_to_the_tasks(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    assert say.answer(data) is None
    assert capfd.readouterr().err == ""
