"""Damage to SQLite files, as by a bad sector or a broken copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def damage(path: Path, *, first_byte: int) -> None:
    """Overwrite the file from this byte on; SQLite's log is written into the file first."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(first_byte)
        file.write(b"\xa5" * (path.stat().st_size - first_byte))
