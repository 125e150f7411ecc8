"""Answers the operations that have to be fast: a page asks every few seconds, and Stash starts Python for each one.

They load `json` and `sqlite3` from the standard library, and nothing that is slow; nothing here asks Plex or Stash. All
but `wake`, `watch` and `push_again` only read the data directory.
"""

from __future__ import annotations

import json
import os
import time

from local.path_marks import without_any_marks, without_marks
from local.scale import scale_from_environment
from status import files
from status.look import Asked, Refused

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from typing import Any

# Each is a function of this name in a file of this name.
MODES = (
    "queue_status", "outage_summary", "overview", "needs_you", "marks", "scene_status", "push_again", "watch", "wake",
)  # fmt: skip


def answer(data: bytes, *, directory: str, script: str) -> bool:
    """Write the answer to standard output, and a report's lines for Stash's log; False if the mode is not one of these.

    Never raises: whatever goes wrong becomes the answer.
    """
    given = _parse(data)
    mode = given["args"]["mode"] if given else None
    if given is None or mode not in MODES:
        return False
    asked = Asked(
        directory=directory,
        script=script,
        now=time.time(),
        scale=scale_from_environment(),
        arguments=given["args"],
        connection=given.get("server_connection"),
    )
    _write(1, json.dumps(_answer(str(mode), asked), allow_nan=False).encode("ascii") + b"\n")
    return True


def _parse(data: bytes) -> dict[str, Any] | None:
    """The input; None if `tasks.run` has to say what is wrong with it."""
    try:
        given = json.loads(data)
    except (ValueError, RecursionError):
        return None
    arguments = given.get("args") if isinstance(given, dict) else None
    return given if isinstance(arguments, dict) and isinstance(arguments.get("mode"), str) else None


def _answer(mode: str, asked: Asked) -> dict[str, object]:
    try:
        function = getattr(__import__(f"status.{mode}", fromlist=[mode]), mode)
        output = without_any_marks(function(asked))
    except Refused as refused:
        return _error(str(refused), asked)
    except OSError as error:
        cure = getattr(error, "cure", _CURE)
        return _error(f"the data directory {asked.directory} cannot be used: {error}. {cure}.", asked)
    except Exception as error:  # noqa: BLE001 - the door: whatever is wrong, Stash gets an answer
        return _error(f"PlexSync failed: {type(error).__name__}: {error}", asked)
    _log(asked)
    return {"output": output}


def _error(text: str, asked: Asked) -> dict[str, object]:
    """On one line, since Stash logs it."""
    return {"error": " ".join(_shown(text, asked).split())}


_CURE = "Make room or make it writable for Stash, or set PLEXSYNC_DATA_DIR to a folder on a local disk"


def _log(asked: Asked) -> None:
    if asked.log:
        from local.log_lines import log_lines  # noqa: PLC0415 - most operations write none

        _write(2, b"".join(log_lines(level, _shown(text, asked)) for level, text in asked.log))


def _shown(text: str, asked: Asked) -> str:
    """Without paths if the user hides them."""
    if not files.read_report(asked.directory).hide_paths:
        return without_marks(text)
    from local.hide_paths import PathHider  # noqa: PLC0415 - takes time to load

    return PathHider(asked.directory, os.path.dirname(asked.script), is_on=True).show(text)


def _write(descriptor: int, content: bytes) -> None:
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    except OSError:
        pass  # Stash no longer listens: it has killed or abandoned this process
