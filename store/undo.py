"""The ledger's tables of the undo under way: what it is, and what became of each item so far. No kill loses them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from store.ledger import void_fingerprints

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from plex.fields import Value
    from store.ledger import Ledger

# PlexSync may have put a picture into an item and nothing else.
_KEYS = "SELECT rating_key FROM owned WHERE server = :server UNION SELECT rating_key FROM upload WHERE server = :server"
_NEXT_KEYS = f"SELECT rating_key FROM ({_KEYS}) WHERE rating_key > :after ORDER BY rating_key LIMIT :count"  # noqa: S608 - our own names
_COUNT = f"SELECT COUNT(*) FROM ({_KEYS})"  # noqa: S608 - as above
RUN = "SELECT id, is_preview, total FROM undo"
ENTRIES = "SELECT entry FROM undone ORDER BY rating_key"


class ItemState(str, Enum):
    """What became of an item."""

    DONE = "done"
    GONE = "gone"  # Plex has it no more
    FAILED = "failed"  # what PlexSync put there stays known, for another undo


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoRun:
    """`id`: names the file of its result. `total`: how many items there were at its begin."""

    id: str
    is_preview: bool
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneItem:
    """What an undo did with an item, or would do. Fields by Plex's names.

    `fields`: the value before and after. `unlocked`: whose locks are removed. `kept`: what a person made of fields
    since PlexSync wrote them. `problem`: what could not be given back, and why; "" if all could.
    """

    rating_key: int
    state: ItemState = ItemState.DONE
    scene_id: int | None = None
    title: str = ""
    fields: Mapping[str, tuple[Value, Value]] = field(default_factory=dict)
    unlocked: tuple[str, ...] = ()
    kept: Mapping[str, Value] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_trivial(self) -> bool:
        """Whether there is nothing to tell of it."""
        return self.state is ItemState.DONE and not (self.fields or self.unlocked or self.kept or self.problem)


class UndoStore:
    """Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def run(self) -> UndoRun | None:
        """The undo under way; None if there is none."""
        with self._ledger.reading() as database:
            row = database.execute(RUN).fetchone()
        return run_from(row) if row else None

    def begin(self, run: UndoRun) -> None:
        """Store the run in place of any other."""
        with self._ledger.transaction() as database:
            _delete_run(database)
            database.execute("INSERT INTO undo VALUES (?, ?, ?)", (run.id, run.is_preview, run.total))

    def end(self) -> None:
        """Forget the run; its result lies in a file by now."""
        with self._ledger.transaction() as database:
            _delete_run(database)

    def count_items(self, server: str) -> int:
        """The number of items that PlexSync put anything into."""
        with self._ledger.reading() as database:
            return int(database.execute(_COUNT, {"server": server}).fetchone()[0])

    def next_items(self, server: str, *, after: int, count: int) -> list[int]:
        """The rating keys of the next of these items, in order."""
        with self._ledger.reading() as database:
            rows = database.execute(_NEXT_KEYS, {"server": server, "after": after, "count": count}).fetchall()
        return [key for (key,) in rows]

    def record(self, entries: Iterable[UndoneItem]) -> None:
        """Store these entries; nothing that is known of their items is lost."""
        with self._ledger.transaction() as database:
            _record(database, entries)

    def settle(self, server: str, entries: Sequence[UndoneItem]) -> None:
        """Store these entries and forget everything about their items: nothing in them is PlexSync's any more."""
        keys = [(server, each.rating_key) for each in entries]
        with self._ledger.transaction() as database:
            _record(database, entries)
            for table in ("owned", "upload", "unchecked_lock"):
                query = f"DELETE FROM {table} WHERE server = ? AND rating_key = ?"  # noqa: S608 - our own names
                database.executemany(query, keys)
            void_fingerprints(database, [each.scene_id for each in entries if each.scene_id is not None])

    def entries(self) -> list[UndoneItem]:
        """Those of the run under way, in the order of the rating keys."""
        with self._ledger.reading() as database:
            return [entry_from(text) for (text,) in database.execute(ENTRIES)]

    def count_entries(self) -> int:
        """How many there are."""
        with self._ledger.reading() as database:
            return int(database.execute("SELECT COUNT(*) FROM undone").fetchone()[0])


def _delete_run(database: sqlite3.Connection) -> None:
    database.execute("DELETE FROM undo")
    database.execute("DELETE FROM undone")


def _record(database: sqlite3.Connection, entries: Iterable[UndoneItem]) -> None:
    rows = [(each.rating_key, json.dumps(entry_to_json(each))) for each in entries]
    database.executemany("INSERT OR REPLACE INTO undone VALUES (?, ?)", rows)


def run_from(row: tuple[str, int, int]) -> UndoRun:
    """Parse the columns of RUN."""
    return UndoRun(id=row[0], is_preview=bool(row[1]), total=row[2])


def entry_to_json(entry: UndoneItem) -> dict[str, Any]:
    """As `json.dumps` takes it."""
    return {
        "rating_key": entry.rating_key,
        "state": entry.state.value,
        "scene_id": entry.scene_id,
        "title": entry.title,
        "fields": {name: list(values) for name, values in entry.fields.items()},
        "unlocked": list(entry.unlocked),
        "kept": dict(entry.kept),
        "problem": entry.problem,
    }


def entry_from(text: str) -> UndoneItem:
    """Parse the column `entry`."""
    return entry_of(json.loads(text))


def entry_of(data: Mapping[str, Any]) -> UndoneItem:
    """The opposite of `entry_to_json`."""
    return UndoneItem(
        rating_key=data["rating_key"],
        state=ItemState(data["state"]),
        scene_id=data["scene_id"],
        title=data["title"],
        fields={name: (_value(old), _value(new)) for name, (old, new) in data["fields"].items()},
        unlocked=tuple(data["unlocked"]),
        kept={name: _value(value) for name, value in data["kept"].items()},
        problem=data["problem"],
    )


def _value(stored: str | list[str]) -> Value:
    return stored if isinstance(stored, str) else tuple(stored)
