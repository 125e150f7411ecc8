"""Kills a worker that a test starts, at one of its writes: Python imports this file from PYTHONPATH.

There are two kill points at each write, right before and right after it. The file PLEXSYNC_TEST_KILL says how many
more of them to pass; without the file nothing is killed. A write is a commit to SQLite, a file that is replaced or
deleted, or a request other than GET.
"""

from __future__ import annotations

import http.client
import os
import signal
import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_AT = os.environ["PLEXSYNC_TEST_KILL"]
_unlink = os.unlink


def _pass() -> None:
    try:
        with open(_AT, encoding="ascii") as file:
            left = int(file.read() or 0)
    except FileNotFoundError:
        return
    if left:
        with open(_AT, "w", encoding="ascii") as file:
            file.write(str(left - 1))
        return
    _unlink(_AT)
    os.kill(os.getpid(), signal.SIGKILL)


def _around(write: Callable[..., Any], *args: Any, **named: Any) -> Any:
    _pass()
    result = write(*args, **named)
    _pass()
    return result


class _Connection(sqlite3.Connection):
    def execute(self, sql: str, *values: Any) -> Any:
        execute = super().execute
        return _around(execute, sql, *values) if sql == "COMMIT" else execute(sql, *values)

    def commit(self) -> None:
        _around(super().commit)

    def __exit__(self, *error: object) -> Any:
        return _around(super().__exit__, *error)


_getresponse = http.client.HTTPConnection.getresponse
_endheaders = http.client.HTTPConnection.endheaders


def _send(connection: http.client.HTTPConnection, *args: Any, **named: Any) -> None:
    if connection._method != "GET":  # type: ignore[attr-defined]
        _pass()
    _endheaders(connection, *args, **named)


def _receive(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    response = _getresponse(connection)
    if connection._method != "GET":  # type: ignore[attr-defined]
        _pass()
    return response


sqlite3.connect = partial(sqlite3.connect, factory=_Connection)  # type: ignore[assignment]
os.replace, os.unlink = partial(_around, os.replace), partial(_around, os.unlink)
http.client.HTTPConnection.endheaders = _send  # type: ignore[method-assign, assignment]
http.client.HTTPConnection.getresponse = _receive  # type: ignore[method-assign, assignment]
