"""The operation `say`: writes lines to Stash's log and does nothing else.

The worker has Stash run it: only what Stash starts itself can write to Stash's log. So it starts no worker and leaves
the data directory alone. Standard library only; what it imports is loaded when it is needed, not by every hook.
"""

import os

MODE = "say"
LEVELS = ("trace", "debug", "info", "warning", "error")
# As many as Stash keeps for its log page.
MAX_LINES = 30
_SHOWN = 60


def answer(data: bytes) -> bytes | None:
    """Write the lines and return the answer for standard output; None if the input is that of another mode.

    `lines` of the input: a list of objects with `level`, one of LEVELS, and `text`; or of texts, which are information.
    """
    import json  # noqa: PLC0415 - see above

    arguments = _arguments(json.loads(data))
    if arguments.get("mode") != MODE:
        return None
    try:
        lines = _parse(arguments.get("lines"))
    except ValueError as error:
        return json.dumps({"error": str(error)}).encode()
    _write(lines)
    return json.dumps({"output": {"lines": len(lines)}}).encode()


def _arguments(value: object) -> dict[str, object]:
    arguments = value.get("args") if isinstance(value, dict) else None
    return arguments if isinstance(arguments, dict) else {}


def _parse(given: object) -> list[tuple[int, str]]:
    """Each line as the number of its level and its text. Raises ValueError."""
    if not isinstance(given, list) or not 0 < len(given) <= MAX_LINES:
        raise ValueError(f"lines is {_show(given)}; it must be a list of 1 to {MAX_LINES} lines.")
    return [_parse_line(line) for line in given]


def _parse_line(line: object) -> tuple[int, str]:
    given = {"text": line} if isinstance(line, str) else line
    level, text = (given.get("level", "info"), given.get("text")) if isinstance(given, dict) else (None, None)
    if level not in LEVELS or not isinstance(text, str):
        raise ValueError(
            f"a line is {_show(line)}; it must be a text, or an object with text and level, which is one of "
            f"{', '.join(LEVELS)}."
        )
    return 10 * LEVELS.index(level), " ".join(text.split())


def _show(value: object) -> str:
    return repr(value)[:_SHOWN]


def _write(lines: list[tuple[int, str]]) -> None:
    """Write each as one line, in one go."""
    from local.log_lines import log_lines  # noqa: PLC0415 - see above

    rest = b"".join(log_lines(level, text) for level, text in lines)
    try:
        while rest:
            rest = rest[os.write(2, rest) :]
    except OSError:
        pass  # Stash no longer listens
