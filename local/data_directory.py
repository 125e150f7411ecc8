"""The files of the data directory, each named once. docs/reference.md says what is in them and who writes them.

Those on the hook's path (worker.lock, queue/inbox, queue/malformed) are named in local/lock.py and local/inbox.py, so
that a hook need not load one more module.
"""

from __future__ import annotations

import os

QUEUE_FOLDER = "queue"
QUEUE = os.path.join(QUEUE_FOLDER, "data.db")
ANSWERS = os.path.join(QUEUE_FOLDER, "answers")
BACKUPS = "backups"
PACKAGES = "packages"
# Why the worker could not install or load them, for the tasks to report; exists only while that is so.
PACKAGES_NOTE = "packages-missing.txt"
# Created and removed when a worker starts, to check that the file system can do what SQLite needs.
STORAGE_CHECK = ".storage-check.db"

LEDGER = "sync_state.db"
PLEX_INDEX = "plex_index.db"
RECONCILIATION_CACHE = "reconciliation.db"

CIRCUIT_BREAKER = "circuit_breaker.json"
RECOVERY_STATE = "recovery_state.json"
OUTAGE_HISTORY = "outage_history.json"
RECONCILIATION_STATE = "reconciliation_state.json"
PLEX_SIGN_IN = "plex_sign_in"
STASH_CONNECTION = "stash_connection.json"
WORKER = "worker.json"
WORKER_LOG = "plexsync.log"
# Empty; the time of its last change says when somebody was last looking at the page.
WATCHED = "watched"
# What PlexSync has said in Stash's log by itself.
SAID = "said.json"
