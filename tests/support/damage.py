"""Damage to SQLite files, as a bad sector or a broken copy does it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def damage(path: Path, *, first_byte: int) -> None:
    """Overwrite the file from here on; what SQLite has in its log goes into it first."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek(first_byte)
        file.write(b"\xa5" * (path.stat().st_size - first_byte))
