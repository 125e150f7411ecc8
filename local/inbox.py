"""The inbox: one small file per dirty scene or entity, written by hooks and tasks and claimed by the worker.

A file is named after its scene or entity, so a later event replaces an earlier one. It contains the plugin input
without its arguments, that is, the connection to Stash. Standard library only: the hook waits for each import.
"""

import os
import time

from local.files import keep_newest, write_atomically

SCENE = "scene"
# The worker finds the scenes that an entity's change makes dirty.
ENTITIES = ("tag", "performer", "studio", "group")
# Only a connection to Stash, published by whatever starts a worker without an event. It creates no job.
CONNECTION = "connection"
# Any number of scenes from a task; a request from a task to the worker.
BATCH, COMMAND = "batch", "command"
KINDS = (SCENE, *ENTITIES, CONNECTION, BATCH, COMMAND)

TEMPORARY = ".tmp-"
# An entry in progress has a name of its own until it is done; a new event makes a separate file.
CLAIMED = ".claimed-"
# Stash takes its ids from SQLite; our own databases could not store a larger one either.
LARGEST_ID = 2**63 - 1
KEPT_MALFORMED = 100
_LIKE_TMP = 0o1002  # sticky, and writable by all; the module stat would cost the hook time
# A hook takes milliseconds, so a temporary file of this age was left by one that was killed.
ABANDONED_AFTER_S = 60.0


def folder(directory: str) -> str:
    """The path of the inbox in a data directory."""
    return os.path.join(directory, "queue", "inbox")


def prepare(directory: str) -> None:
    """Create the data directory and its inbox, accessible only to the owner. Raises OSError."""
    if not os.path.isdir(directory):
        os.makedirs(os.path.dirname(os.path.abspath(directory)), exist_ok=True)
        os.makedirs(directory, mode=0o700, exist_ok=True)
    refuse_planted(directory)
    for path in (os.path.join(directory, "queue"), folder(directory)):
        os.makedirs(path, mode=0o700, exist_ok=True)


class PlantedFolder(PermissionError):  # noqa: N818 - named for what happened, like all our errors
    """Another user made the data directory beforehand. `cure`: what to do, as the middle of a sentence."""

    cure = "Delete that folder, or set PLEXSYNC_DATA_DIR to one that only the user that runs Stash can make"


def refuse_planted(directory: str) -> None:
    """Raise PlantedFolder for a data directory in which another user could read the Plex token, or replace jobs."""
    if os.name != "posix" or os.geteuid() == 0:
        return  # as root in a container, with a folder of the host's user
    status = os.stat(directory)
    if status.st_uid in (0, os.geteuid()):
        return
    parent = os.stat(os.path.dirname(os.path.abspath(directory)))
    if is_planted(status.st_uid, parent.st_uid, parent.st_mode):
        raise PlantedFolder(
            f"it belongs to another user (uid {status.st_uid}, while Stash runs as uid {os.geteuid()}), in a folder "
            "where all users may make one"
        )


def is_planted(owner: int, parent_owner: int, parent_mode: int) -> bool:
    """Whether another user's folder may have been made to wait for us: only a folder like /tmp lets anybody do that.

    Network shares and FAT often show one owner and one mode for everything, and containers map users, so the owner
    alone says nothing.
    """
    return parent_mode & _LIKE_TMP == _LIKE_TMP and owner != parent_owner


def publish(directory: str, name: str, content: bytes) -> None:
    """Write an entry to the inbox, atomically even if the power fails. Raises OSError."""
    path = os.path.join(folder(directory), name)
    try:
        refuse_planted(directory)
        write_atomically(path, content)
    except FileNotFoundError:
        prepare(directory)
        write_atomically(path, content)


class Entry:
    """One file in the inbox. `key`: a Stash id; any text for batches and commands; "" for a connection."""

    __slots__ = ("at", "key", "kind", "path")

    def __init__(self, *, kind: str, key: str, path: str, at: float) -> None:
        self.kind = kind
        self.key = key
        self.path = path
        self.at = at  # epoch seconds of the last event


def list_entries(directory: str, now: float) -> tuple[list[Entry], list[str]]:
    """The entries in the inbox, oldest first, and the paths of files that are not entries. `now`: epoch seconds.

    Lists the folder on each call, because its modification time misses changes where clocks are coarse. A temporary
    file that a killed hook left counts as an entry even if it is empty: the edit that it stands for was made.
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
            if abs(now - at) < ABANDONED_AFTER_S:  # further in the future: the clock was set back since
                continue
            name = name[len(TEMPORARY) :].rsplit("-", 2)[0]
        # A folder or a pipe with such a name cannot be read or removed like an entry.
        is_file = file.is_file(follow_symlinks=False)
        entry = parse_name(name.removeprefix(CLAIMED), file.path, at) if is_file else None
        if entry is None:
            strangers.append(file.path)
        else:
            entries.append(entry)
    entries.sort(key=lambda entry: entry.at)
    return entries, strangers


def has_news(directory: str) -> bool:
    """Whether the inbox has entries that nobody has claimed; cheaper than `list_entries`."""
    try:
        with os.scandir(folder(directory)) as listing:
            return any(not file.name.startswith(".") for file in listing)
    except FileNotFoundError:
        return False


def is_claimed(entry: Entry) -> bool:
    """Whether somebody has begun with it."""
    return os.path.basename(entry.path).startswith(CLAIMED)


def claim(entry: Entry) -> Entry:
    """Rename the entry so that later events do not replace it; return it under its new path."""
    if is_claimed(entry):
        return entry
    path = os.path.join(os.path.dirname(entry.path), f"{CLAIMED}{entry.kind}-{entry.key}")
    os.replace(entry.path, path)
    return Entry(kind=entry.kind, key=entry.key, path=path, at=entry.at)


def set_aside(directory: str, path: str) -> str:
    """Move a file that is not an entry to queue/malformed, so that it is reported only once; return its new path."""
    parent = os.path.join(directory, "queue", "malformed")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    target = os.path.join(parent, os.path.basename(path))
    if os.path.lexists(target):  # os.replace cannot replace a folder
        target += f"-{time.time_ns()}"
    os.replace(path, target)
    keep_newest(parent, KEPT_MALFORMED)
    return target


def parse_name(name: str, path: str, at: float) -> Entry | None:
    """The entry with this file name; None for a name that neither hooks nor tasks write."""
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
        return None  # replaced or published meanwhile: the next listing shows it
