"""The tables of `sync_state.db`, and the migrations from older versions."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


_SCHEMA = """
CREATE TABLE IF NOT EXISTS scene (
    scene_id INTEGER PRIMARY KEY,
    updated_at TEXT NOT NULL,      -- Stash's text at the time the scene was last judged
    settled_at REAL NOT NULL,      -- epoch seconds
    verdict TEXT NOT NULL,
    fingerprint TEXT NOT NULL,     -- of everything wanted in Plex; empty: read the items again
    files TEXT NOT NULL,           -- fingerprint of the paths that the items were found by
    server TEXT NOT NULL DEFAULT '' -- the one that the fingerprints are about
);
CREATE TABLE IF NOT EXISTS owned (  -- what PlexSync put into an item
    server TEXT NOT NULL,          -- machineIdentifier; '' until the first one is known
    rating_key INTEGER NOT NULL,
    scene_id INTEGER,              -- the scene that has the item now; NULL: none
    pushed TEXT NOT NULL,          -- JSON, field -> value
    intents TEXT NOT NULL,         -- JSON, list of field -> value: sent, result unknown
    pushed_at REAL NOT NULL,
    PRIMARY KEY (server, rating_key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS owned_by_scene ON owned (scene_id);
CREATE TABLE IF NOT EXISTS altered (  -- what Plex shows otherwise than it was sent
    server TEXT NOT NULL, rating_key INTEGER NOT NULL, field TEXT NOT NULL,
    forms TEXT NOT NULL,           -- JSON, value sent -> list of what Plex shows instead
    PRIMARY KEY (server, rating_key, field)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS altered_goes_with_item AFTER DELETE ON owned
BEGIN DELETE FROM altered WHERE server = OLD.server AND rating_key = OLD.rating_key; END;
CREATE TABLE IF NOT EXISTS former (  -- what stood in an item before PlexSync first wrote to it
    server TEXT NOT NULL, rating_key INTEGER NOT NULL,
    fields TEXT NOT NULL,          -- JSON, field -> [value, is_locked]
    PRIMARY KEY (server, rating_key)
);  -- not WITHOUT ROWID, where each row of more than a kilobyte takes a page of its own
CREATE TRIGGER IF NOT EXISTS former_goes_with_item AFTER DELETE ON owned
BEGIN DELETE FROM former WHERE server = OLD.server AND rating_key = OLD.rating_key; END;
CREATE TABLE IF NOT EXISTS entity (
    kind TEXT NOT NULL, entity_id INTEGER NOT NULL, scene_id INTEGER NOT NULL,
    PRIMARY KEY (kind, entity_id, scene_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS entity_of_scene ON entity (scene_id);
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    scene_id INTEGER NOT NULL UNIQUE,
    title TEXT NOT NULL, path TEXT NOT NULL,
    error_class TEXT NOT NULL, error_text TEXT NOT NULL, attempts INTEGER NOT NULL,
    failed_first_at REAL NOT NULL, failed_last_at REAL NOT NULL, outage_id INTEGER NOT NULL,
    job TEXT NOT NULL,             -- JSON
    recovered_at REAL,             -- epoch seconds, when its job was queued again; NULL: never
    recovered_by TEXT NOT NULL DEFAULT ''  -- id of the command that queued it
);
CREATE TABLE IF NOT EXISTS statistic (
    minute INTEGER PRIMARY KEY,    -- since the epoch; 0 holds the total of all older minutes
    pushed INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
    pushed_s REAL NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS command (
    id TEXT PRIMARY KEY, at REAL NOT NULL,
    plan TEXT,                     -- what was decided before anything was changed
    tries INTEGER NOT NULL DEFAULT 0,
    answer TEXT                    -- JSON; NULL: in progress
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cleared (
    scene_id INTEGER PRIMARY KEY, cleared_at REAL NOT NULL  -- earlier changes are not pushed unless restored
);
CREATE INDEX IF NOT EXISTS scene_by_settled ON scene (settled_at);
CREATE INDEX IF NOT EXISTS scene_by_verdict ON scene (verdict, settled_at);
DROP INDEX IF EXISTS dead_letter_by_class;  -- of an older version
CREATE INDEX IF NOT EXISTS open_letter ON dead_letter (error_class, failed_last_at, scene_id)
    WHERE recovered_at IS NULL;    -- with the scene, so that counting those that are not ignored reads no letter
CREATE TABLE IF NOT EXISTS left_to (  -- items that a scene leaves to another scene; already reported
    scene_id INTEGER NOT NULL, rating_key INTEGER NOT NULL, owner INTEGER NOT NULL,
    PRIMARY KEY (scene_id, rating_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cover (
    scene_id INTEGER PRIMARY KEY,
    updated_at TEXT NOT NULL,      -- Stash's text when the cover was last checked; '': it may have changed since
    etag TEXT NOT NULL, digest TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS upload (
    server TEXT NOT NULL, rating_key INTEGER NOT NULL, kind TEXT NOT NULL,
    state TEXT NOT NULL,           -- JSON of an Upload
    PRIMARY KEY (server, rating_key, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unchecked_lock (  -- pictures whose lock was not checked since they were sent
    server TEXT NOT NULL, rating_key INTEGER NOT NULL, kind TEXT NOT NULL,
    PRIMARY KEY (server, rating_key, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS undo (  -- one row: the undo or preview under way
    id TEXT NOT NULL, is_preview INTEGER NOT NULL,
    total INTEGER NOT NULL         -- items at its begin
);
CREATE TABLE IF NOT EXISTS undone (  -- what it did or would do, by item
    rating_key INTEGER PRIMARY KEY,
    entry TEXT NOT NULL            -- JSON of an UndoneItem
);
CREATE TABLE IF NOT EXISTS ways (text TEXT NOT NULL);  -- one row: configuration of the last file lookup, JSON
CREATE TABLE IF NOT EXISTS picture_address (  -- one row: the last trial of stash_url_for_plex
    url TEXT NOT NULL,
    obstacle TEXT NOT NULL,        -- why Plex would get no picture there; empty: it would
    is_certain INTEGER NOT NULL,   -- 0: it may pass by itself
    checked_at REAL NOT NULL       -- epoch seconds
);
CREATE TABLE IF NOT EXISTS server (
    name TEXT PRIMARY KEY,         -- machineIdentifier
    used_at REAL NOT NULL,         -- epoch seconds; the latest is the one in use
    line_bytes INTEGER             -- the longest request line that it takes; NULL: no limit was met
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen_change (  -- changes of tags, performers, studios, groups, files that their scenes know
    kind TEXT NOT NULL, changed_id INTEGER NOT NULL,
    updated_at TEXT NOT NULL DEFAULT '',  -- Stash's text, as catch-up passed it on
    event_at REAL NOT NULL DEFAULT 0,     -- epoch seconds of the last event that was passed on
    PRIMARY KEY (kind, changed_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moment (
    name TEXT PRIMARY KEY, at REAL NOT NULL  -- epoch seconds
) WITHOUT ROWID;
"""
_VERSION = 3
# Version 2 had a row for each scene and item. Of several scenes of one item the last one pushed has it; what the others
# put there may still be there, as after a push whose result is unknown.
_ITEMS_OF_VERSION_2 = """
CREATE TABLE IF NOT EXISTS scene (
    scene_id INTEGER PRIMARY KEY, updated_at TEXT NOT NULL, settled_at REAL NOT NULL, verdict TEXT NOT NULL,
    fingerprint TEXT NOT NULL, files TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS item (
    scene_id INTEGER NOT NULL, rating_key INTEGER NOT NULL, pushed TEXT NOT NULL, intents TEXT NOT NULL,
    pushed_at REAL NOT NULL, PRIMARY KEY (scene_id, rating_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS upload (
    rating_key INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (rating_key, kind)
) WITHOUT ROWID;
CREATE TABLE owned (
    server TEXT NOT NULL, rating_key INTEGER NOT NULL, scene_id INTEGER, pushed TEXT NOT NULL, intents TEXT NOT NULL,
    pushed_at REAL NOT NULL, PRIMARY KEY (server, rating_key)
) WITHOUT ROWID;
INSERT INTO owned SELECT '', rating_key, scene_id, pushed, intents, MAX(pushed_at) FROM item GROUP BY rating_key;
UPDATE owned SET intents = (
    SELECT json_group_array(json(value)) FROM (
        SELECT value FROM json_each(owned.intents)
        UNION ALL SELECT pushed FROM item WHERE rating_key = owned.rating_key AND scene_id <> owned.scene_id
        UNION ALL SELECT each.value FROM item, json_each(item.intents) AS each
            WHERE item.rating_key = owned.rating_key AND item.scene_id <> owned.scene_id
    )
) WHERE rating_key IN (SELECT rating_key FROM item GROUP BY rating_key HAVING COUNT(*) > 1);
DROP TABLE item;
ALTER TABLE scene ADD COLUMN server TEXT NOT NULL DEFAULT '';
ALTER TABLE upload RENAME TO upload_of_version_2;
CREATE TABLE upload (
    server TEXT NOT NULL, rating_key INTEGER NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (server, rating_key, kind)
) WITHOUT ROWID;
INSERT INTO upload SELECT '', rating_key, kind, state FROM upload_of_version_2;
DROP TABLE upload_of_version_2;
"""
# From each older version to the next. New tables need none: _SCHEMA creates them.
_MIGRATIONS: Mapping[int, str] = MappingProxyType({
    1: "ALTER TABLE dead_letter ADD COLUMN recovered_at REAL;"
       "ALTER TABLE dead_letter ADD COLUMN recovered_by TEXT NOT NULL DEFAULT '';",
    2: _ITEMS_OF_VERSION_2,
})  # fmt: skip


def create_tables(database: sqlite3.Connection) -> None:
    """Create the missing tables and migrate those of an older version."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    known_version = version or _VERSION  # 0: the file is new
    changes = "".join(_MIGRATIONS[old] for old in range(known_version, _VERSION))
    # Never lower the version: a newer PlexSync has already made its changes.
    database.executescript(
        f"BEGIN IMMEDIATE; {changes} {_SCHEMA} PRAGMA user_version = {max(known_version, _VERSION)}; COMMIT"
    )
