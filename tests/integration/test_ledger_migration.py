"""A ledger of version 2, as PlexSync wrote it before items had owners of their own, is taken over whole."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from plex.fields import Field
from plex.plan import Owned
from store.items import ItemRecord, ItemStore
from store.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

VERSION_2 = """
CREATE TABLE scene (scene_id INTEGER PRIMARY KEY, updated_at TEXT NOT NULL, settled_at REAL NOT NULL,
    verdict TEXT NOT NULL, fingerprint TEXT NOT NULL, files TEXT NOT NULL);
CREATE TABLE item (scene_id INTEGER NOT NULL, rating_key INTEGER NOT NULL, pushed TEXT NOT NULL, intents TEXT NOT NULL,
    pushed_at REAL NOT NULL, PRIMARY KEY (scene_id, rating_key)) WITHOUT ROWID;
CREATE INDEX item_by_key ON item (rating_key);
CREATE TABLE upload (rating_key INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (rating_key, kind)) WITHOUT ROWID;
INSERT INTO scene VALUES (1, 'then', 5, 'pushed', 'print', 'files'), (2, 'then', 6, 'pushed', 'print 2', 'files 2');
INSERT INTO upload VALUES (10, 'posters', '{}');
PRAGMA user_version = 2;
"""


def old_ledger(folder: Path, *items: tuple[int, int, dict[str, object], list[dict[str, object]], float]) -> None:
    with closing(sqlite3.connect(folder / "sync_state.db")) as database, database:
        database.executescript(VERSION_2)
        for scene, key, pushed, intents, at in items:
            row = (scene, key, json.dumps(pushed), json.dumps(intents), at)
            database.execute("INSERT INTO item VALUES (?, ?, ?, ?, ?)", row)


def test_everything_is_known_as_before_to_the_first_server_seen(tmp_path: Path) -> None:
    old_ledger(tmp_path, (1, 10, {"title": "T", "genre": ["a"]}, [{"title": "U"}], 3.0))
    with closing(Ledger(str(tmp_path))) as ledger:
        assert not ledger.use_server("first", now=7.0)
        record = ledger.record(1, "first")
        assert record
        assert (record.fingerprint, record.files, record.items) == ("print", "files", (10,))
        owned = Owned(pushed={Field.TITLE: "T", Field.GENRES: ("a",)}, intents=({Field.TITLE: "U"},))
        assert ItemStore(ledger, "first").record(10) == ItemRecord(owned=owned, scene_id=1)
    with closing(Ledger(str(tmp_path))) as ledger:
        assert not ledger.use_server("first", now=8.0)
        assert ledger.use_server("second", now=9.0)
        assert ItemStore(ledger, "second").record(10) is None
        record = ledger.record(1, "second")
        assert record
        assert (record.fingerprint, record.items) == ("", ())


def test_several_owners_of_an_item_become_one_that_knows_what_the_others_put_there(tmp_path: Path) -> None:
    old_ledger(
        tmp_path,
        (1, 10, {"title": "one"}, [{"title": "sent"}], 3.0),
        (2, 10, {"title": "two"}, [], 4.0),
        (2, 11, {"title": "two"}, [], 4.0),
    )
    with closing(Ledger(str(tmp_path))) as ledger:
        ledger.use_server("first", now=7.0)
        shared, single = (ItemStore(ledger, "first").record(key) for key in (10, 11))
    assert single == ItemRecord(owned=Owned(pushed={Field.TITLE: "two"}), scene_id=2)
    assert shared
    assert (shared.scene_id, shared.owned.pushed) == (2, {Field.TITLE: "two"})
    assert sorted(str(each[Field.TITLE]) for each in shared.owned.intents) == ["one", "sent"]


def test_a_fresh_ledger_and_a_migrated_one_have_the_same_tables(tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    (tmp_path / "old").mkdir()
    old_ledger(tmp_path / "old")
    for name in ("fresh", "old"):
        Ledger(str(tmp_path / name)).close()
    assert columns(tmp_path / "old") == columns(tmp_path / "fresh")


def columns(folder: Path) -> dict[str, list[str]]:
    with closing(sqlite3.connect(folder / "sync_state.db")) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: [row[1] for row in database.execute(f"PRAGMA table_info({table})")] for table in tables}
