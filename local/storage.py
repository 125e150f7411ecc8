"""SQLite files of the data directory: opened in one way, written in short transactions, recreated if damaged."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from local import lock
from local.data_directory import STORAGE_CHECK
from local.files import keep_newest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# Of each file; a database has up to three.
KEPT_DAMAGED = 6
# A write-ahead log is cut to this after a large transaction.
_LOG_BYTES = 4 << 20
# Ends the message about a file that cannot be used.
MAKE_ROOM = (
    "Make room on that disk, or make the folder writable for the user that runs Stash; PlexSync then continues by "
    "itself"
)
_ELSEWHERE = "Make room there, or set PLEXSYNC_DATA_DIR to a folder on a local disk."


class LocalStorage(Exception):  # noqa: N818 - named like the verdict that it leads to
    """The data directory cannot be read or written: the disk is full or read-only, or a file was locked too long.

    The message says what failed, for which file, and what to do. It costs no job an attempt.
    """


class Database:
    """A SQLite file that no other process writes to. Closed, it opens again when it is used.

    `prepare` creates the tables of a new file and updates those of an old one. `on_damage` is called before a damaged
    file is set aside, whether on opening or later. Methods raise LocalStorage for every failure of SQLite or the disk;
    after damage they raise it once, then go on with an empty file.
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
        self._connection: sqlite3.Connection | None = None
        with raise_as_local_storage(path, "opened"):
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if not is_damage(error):
                    raise
                self._start_over()

    def close(self) -> None:
        """Close the file until it is used again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run the statements inside in one transaction: all take effect or none."""
        with self.access("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite may have rolled back itself, for example on a full disk
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def access(self, what: str) -> Iterator[sqlite3.Connection]:
        """The connection. If SQLite fails, LocalStorage says that the file could not be `what`, for example "read"."""
        with raise_as_local_storage(self._path, what):
            try:
                self._connection = self._connection or self._open()
                yield self._connection
            except sqlite3.DatabaseError as error:
                if is_damage(error):
                    self.close()
                    self._start_over()
                raise

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # If the process is killed, nothing is lost; a power failure may cost the last seconds.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            self._prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _start_over(self) -> None:
        self._on_damage()
        set_aside(self._path)
        self._connection = self._open()


@contextmanager
def raise_as_local_storage(path: str, what: str) -> Iterator[None]:
    """Raise errors of SQLite and the system as LocalStorage: the file at `path` could not be `what`."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        hint = (
            "PlexSync set the damaged file aside and starts a new one"
            if isinstance(error, sqlite3.DatabaseError) and is_damage(error)
            else MAKE_ROOM
        )
        raise LocalStorage(f"{path} could not be {what}: {error}. {hint}.") from error


def is_damage(error: sqlite3.DatabaseError) -> bool:
    """Whether the file is damaged for good, not only inaccessible at the moment.

    Python raises the base class itself for SQLITE_CORRUPT and SQLITE_NOTADB, and a subclass for everything temporary.
    """
    return type(error) is sqlite3.DatabaseError


def set_aside(path: str) -> str:
    """Rename a damaged SQLite file, with the -wal and -shm files that would affect its successor; its new path."""
    target = f"{path}.corrupt-{int(time.time())}"
    os.replace(path, target)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            os.replace(path + ending, target + ending)
    forget_older_damage(path)
    return target


def forget_older_damage(path: str) -> None:
    """Delete what was set aside for this file long ago. With a database go its -wal and -shm files."""
    folder, name = os.path.split(path)
    keep_newest(folder, KEPT_DAMAGED, prefix=f"{name}.corrupt-")


def check_directory(directory: str) -> None:
    """Raise LocalStorage if no file can be written there, or if locks of files have no effect. Leaves none behind."""
    path = os.path.join(directory, f".tmp-check-{os.getpid()}-{time.time_ns()}")
    try:
        held = lock.try_take_file(path)
        try:
            os.write(held or 0, bytes(4096))
            second = lock.try_take_file(path)
        finally:
            lock.release(held or 0)
            os.unlink(path)
    except OSError as error:
        raise LocalStorage(f"no file can be written and locked in the data directory: {error}") from error
    if second is not None:
        lock.release(second)
        raise LocalStorage("its file system does not lock files: two processes can hold the same lock")


def check_storage(directory: str) -> None:
    """Raise LocalStorage if SQLite's write-ahead log does not work there, as on many network shares."""
    path = os.path.join(directory, STORAGE_CHECK)
    try:
        for ending in ("", "-wal", "-shm"):  # left by a process that was killed at this; it may be no database
            with suppress(FileNotFoundError):
                os.unlink(path + ending)
        database = sqlite3.connect(path, timeout=1)
        try:
            (mode,) = database.execute("PRAGMA journal_mode = WAL").fetchone()
            database.execute("CREATE TABLE IF NOT EXISTS probe (id)")
            database.commit()
        finally:
            database.close()
        os.unlink(path)
    except (sqlite3.Error, OSError) as error:
        raise LocalStorage(f"SQLite cannot work there ({error}). {_ELSEWHERE}") from error
    if mode != "wal":
        raise LocalStorage(
            f"its file system cannot do SQLite's write-ahead log (it offers {mode!r}). {_ELSEWHERE}"
        )
