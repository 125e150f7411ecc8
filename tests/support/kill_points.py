"""Kills a worker that runs in this process, at any of its writes: to a database, to the queue, or to Plex.

A kill is an exception that no code of the plugin catches. From then on nothing that the worker does has an effect: each
further write raises again, whatever `finally` or `except BaseException` may try.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from requests.adapters import BaseAdapter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    import requests

_DISK_WRITES = ("put", "get", "update", "ack", "nack", "ack_failed", "clear_acked_data")
_PLEX_WRITES = ("PUT", "POST", "DELETE")


class Killed(BaseException):
    """The worker is dead."""


@dataclass(slots=True)
class KillPoints:
    """There are two points at each write: right before it, and right after it. `left`: how many points to pass before
    the kill; None: no kill. `passed`: the number of points so far.
    """

    left: int | None = None
    passed: int = 0
    is_dead: bool = False

    def check(self) -> None:
        """Raises Killed if the worker is dead."""
        if self.is_dead:
            raise Killed

    def around(self, write: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Do one write. Raises Killed."""
        self._pass()
        result = write(*args, **kwargs)
        self._pass()
        return result

    @contextmanager
    def around_all(self, writes: Any) -> Iterator[Any]:
        """Enter a context that writes on its way out, and only there."""
        self._pass()
        with writes as entered:
            yield entered
        self._pass()

    def _pass(self) -> None:
        self.check()
        self.passed += 1
        if self.left is not None:
            self.left -= 1
            self.is_dead = self.left < 0
        self.check()


class KillableConnection:
    """A connection to SQLite whose transactions end with an explicit COMMIT. Only that is a write."""

    def __init__(self, connection: sqlite3.Connection, points: KillPoints) -> None:
        self.connection = connection
        self._points = points

    def execute(self, sql: str, *values: Any) -> Any:
        if sql == "ROLLBACK":  # what SQLite does by itself for a process that was killed
            return self.connection.execute(sql, *values)
        if sql == "COMMIT":
            return self._points.around(self.connection.execute, sql)
        self._points.check()
        return self.connection.execute(sql, *values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.connection, name)


class KillableQueue:
    """persist-queue's queue, of which each method is a transaction of its own."""

    def __init__(self, queue: Any, points: KillPoints) -> None:
        self.queue_on_disk = queue
        self._points = points

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.queue_on_disk, name)
        if name not in _DISK_WRITES:
            return found
        return lambda *args, **kwargs: self._points.around(found, *args, **kwargs)


class KillableAdapter(BaseAdapter):
    """Sends the requests of one session to Plex."""

    def __init__(self, adapter: BaseAdapter, points: KillPoints) -> None:
        super().__init__()
        self._adapter = adapter
        self._points = points

    def send(self, request: requests.PreparedRequest, *rest: Any, **how: Any) -> requests.Response:
        if request.method not in _PLEX_WRITES:
            self._points.check()
            return self._adapter.send(request, *rest, **how)
        response: requests.Response = self._points.around(self._adapter.send, request, *rest, **how)
        return response

    def close(self) -> None:
        self._adapter.close()
