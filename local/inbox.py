"""The inbox: one small file per dirty scene or entity, written by hooks and tasks, claimed by the worker.

A file is named by what it is about, so a later event replaces an earlier one. Its content is the
plugin input up to its arguments: the connection to Stash. Standard library only; the hook waits for
each import.
"""

import os
import time

from local.files import write_atomically

SCENE = "scene"
# What an entity's change makes dirty is found by the worker.
ENTITIES = ("tag", "performer", "studio", "group")
# A connection to Stash alone: whoever starts a worker without an event leaves one. No job.
CONNECTION = "connection"
# Any number of scenes from a task, and what a task asks of the worker.
BATCH, COMMAND = "batch", "command"
KINDS = (SCENE, *ENTITIES, CONNECTION, BATCH, COMMAND)

TEMPORARY = ".tmp-"
# What is worked on keeps a name of its own until it is done; the next event makes a new file beside it.
CLAIMED = ".claimed-"
# Stash's ids are those of its SQLite database; nothing here could store a larger one.
LARGEST_ID = 2**63 - 1
# A hook takes milliseconds; a temporary file this old was left by one that was killed.
ABANDONED_AFTER_S = 60.0


def folder(directory: str) -> str:
    """The inbox of a data directory."""
    return os.path.join(directory, "queue", "inbox")


def prepare(directory: str) -> None:
    """Make the data directory and its inbox, readable by the owner alone."""
    if not os.path.isdir(directory):
        os.makedirs(os.path.dirname(os.path.abspath(directory)), exist_ok=True)
        os.makedirs(directory, mode=0o700, exist_ok=True)
    for path in (os.path.join(directory, "queue"), folder(directory)):
        os.makedirs(path, mode=0o700, exist_ok=True)


def publish(directory: str, name: str, content: bytes) -> None:
    """Put an entry into the inbox: there whole or not at all, also after a power cut. Raises OSError."""
    path = os.path.join(folder(directory), name)
    try:
        write_atomically(path, content)
    except FileNotFoundError:
        prepare(directory)
        write_atomically(path, content)


class Entry:
    """One file in the inbox: its `kind`, the `key` within it (a Stash id, for a batch any text), its age."""

    __slots__ = ("at", "key", "kind", "path")

    def __init__(self, *, kind: str, key: str, path: str, at: float) -> None:
        self.kind = kind
        self.key = key
        self.path = path
        self.at = at  # epoch seconds of the last event


def list_entries(directory: str, now: float) -> tuple[list[Entry], list[str]]:
    """What waits in the inbox, oldest first, and the paths of files that are no entries.

    Lists the folder each time: its modification time misses changes on coarse clocks. A temporary
    file that its hook abandoned counts as an entry, even an empty one: the edit behind it is made.
    `now`: epoch seconds.
    """
    entries: list[Entry] = []
    strangers: list[str] = []
    try:
        listing = list(os.scandir(folder(directory)))
    except FileNotFoundError:
        return [], []
    for file in listing:
        name, at = file.name, _modified_at(file)
        if at is None:
            continue
        if name.startswith(TEMPORARY):
            if now - at < ABANDONED_AFTER_S:
                continue
            name = name[len(TEMPORARY) :].rsplit("-", 2)[0]
        # A folder or a pipe of that name cannot be read or removed as an entry is.
        is_file = file.is_file(follow_symlinks=False)
        entry = parse_name(name.removeprefix(CLAIMED), file.path, at) if is_file else None
        if entry is None:
            strangers.append(file.path)
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.at)
    return entries, strangers


def has_news(directory: str) -> bool:
    """Whether anything lies in the inbox that nobody has looked at; the cheapest look."""
    try:
        with os.scandir(folder(directory)) as listing:
            return any(not file.name.startswith(".") for file in listing)
    except FileNotFoundError:
        return False


def claim(entry: Entry) -> Entry:
    """The entry under a name that no later event replaces, until it is removed."""
    parent, name = os.path.split(entry.path)
    if name.startswith(CLAIMED):
        return entry
    path = os.path.join(parent, f"{CLAIMED}{entry.kind}-{entry.key}")
    os.replace(entry.path, path)
    return Entry(kind=entry.kind, key=entry.key, path=path, at=entry.at)


def set_aside(directory: str, path: str) -> str:
    """Move what is no entry out of the inbox, so that nobody stumbles over it twice; its new path."""
    parent = os.path.join(directory, "queue", "malformed")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    target = os.path.join(parent, os.path.basename(path))
    if os.path.lexists(target):  # a folder could not be replaced
        target += f"-{time.time_ns()}"
    os.replace(path, target)
    return target


def parse_name(name: str, path: str, at: float) -> Entry | None:
    """The entry that a file of this name is; None for a name that no hook or task writes."""
    kind, _, key = name.partition("-")
    if kind not in KINDS or not (key or kind == CONNECTION):
        return None
    if kind in (SCENE, *ENTITIES) and not (key.isascii() and key.isdigit() and int(key) <= LARGEST_ID):
        return None
    return Entry(kind=kind, key=key, path=path, at=at)


def _modified_at(file: "os.DirEntry[str]") -> float | None:
    try:
        return file.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return None  # replaced or published meanwhile; the next look sees it
