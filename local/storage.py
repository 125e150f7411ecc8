"""SQLite files of the data directory: opened alike, written in short transactions, begun anew when damaged."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class LocalStorage(Exception):  # noqa: N818 - named as the verdict that it leads to
    """The data directory refuses to be read or written: disk full, read-only, locked for too long.

    The message says what could not be done, to which file, and what to do. No job is charged for it.
    """


class Database:
    """One open SQLite file, whose only writer this process is.

    `prepare` is given the connection: it makes the tables of a new file and brings those of an old one up to date.
    `on_damage` is called before a damaged file is set aside, at the start or later. Raises LocalStorage for whatever
    SQLite or the disk refuses; after the damage that this names once, it is an empty file that goes on.
    """

    def __init__(
        self,
        path: str,
        prepare: Callable[[sqlite3.Connection], object],
        *,
        on_damage: Callable[[], object] = lambda: None,
    ) -> None:
        self._path = path
        self._prepare = prepare
        self._on_damage = on_damage
        with refusals(path, "opened"):
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._begin_anew()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing."""
        with self.access("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite may have rolled back already: when the disk is full, for one
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def access(self, what: str) -> Iterator[sqlite3.Connection]:
        """Whatever is refused in here could not be `what`, for example `read`."""
        with refusals(self._path, what):
            try:
                yield self._connection
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self._connection.close()
                    self._begin_anew()
                raise

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # A kill loses nothing of it; a power cut may take the last seconds.
            connection.execute("PRAGMA synchronous = NORMAL")
            self._prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _begin_anew(self) -> None:
        self._on_damage()
        set_aside(self._path)
        self._connection = self._open()


@contextmanager
def refusals(path: str, what: str) -> Iterator[None]:
    """Turn what SQLite and the system raise in here into LocalStorage: the file at `path` could not be `what`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        hint = (
            "It was damaged, was set aside beside it and begun anew"
            if isinstance(error, sqlite3.DatabaseError) and is_damage(error)
            else "Make room on that disk, or make the folder writable for the user that runs Stash"
        )
        raise LocalStorage(f"{path} could not be {what}: {error}. {hint}; PlexSync goes on by itself then.") from error


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is no database any more, as opposed to one that cannot be had now.

    Python raises the base class itself for SQLITE_CORRUPT and SQLITE_NOTADB, a class below it for all that passes.
    """
    return type(error) is sqlite3.DatabaseError


def set_aside(path: str) -> str:
    """Move a damaged SQLite file out of the way, with what SQLite would put into the next one; its new path."""
    target = f"{path}.corrupt-{int(time.time())}"
    os.replace(path, target)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(path + ending, target + ending)
    return target
