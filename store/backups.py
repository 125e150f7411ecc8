"""`backups/`: the jobs and dead letters that a clear or purge removed, as JSON lines, until they are restored."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from local import data_directory
from local.files import keep_newest, write_atomically
from store.dead_letters import DeadLetter
from store.job import Job, job_from_data, job_to_data

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT_BACKUPS = 50
_SUFFIX = ".jsonl"
_RESTORED_SUFFIX = ".restored"


class BackupDamaged(Exception):  # noqa: N818 - named for what happened, like our other errors
    """A line of a backup cannot be read. The message says which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityEvent:
    """A changed tag, performer, studio or group whose scenes were not queued yet. `at`: epoch seconds."""

    kind: str
    entity_id: int
    at: float


Cleared = Job | DeadLetter | EntityEvent


def backup_name(what: str, command_id: str, now: float) -> str:
    """A name like `2026-11-22T19-13-33.250Z-queue-1a2b.jsonl`; names sort by time."""
    moment = datetime.fromtimestamp(now, timezone.utc)
    return f"{moment:%Y-%m-%dT%H-%M-%S}.{int(now * 1000) % 1000:03d}Z-{what}-{command_id}{_SUFFIX}"


class Backups:
    """The backups of a data directory. Raises OSError and BackupDamaged."""

    def __init__(self, directory: str) -> None:
        self._folder = os.path.join(directory, data_directory.BACKUPS)

    def path(self, name: str) -> str:
        """The path of the backup, without the suffix that it gets once restored."""
        return os.path.join(self._folder, name)

    def newest(self) -> str:
        """The name of the newest backup that was not restored yet; "" if there is none."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return ""
        return max((name for name in names if name.endswith(_SUFFIX) and not name.startswith(".")), default="")

    def write(self, name: str, cleared: Sequence[Cleared]) -> None:
        """Write the whole backup or nothing, in place of one of the same name."""
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        write_atomically(self.path(name), b"".join(_format_line(each) for each in cleared))
        keep_newest(self._folder, KEPT_BACKUPS)

    def read(self, name: str) -> list[Cleared]:
        """The content of the backup, even after it was restored; empty if there is no such backup."""
        paths = (self.path(name), self.path(name) + _RESTORED_SUFFIX)
        path = next((path for path in paths if os.path.exists(path)), None)
        if path is None:
            return []
        with open(path, encoding="utf-8") as file:
            return [_parse_line(line, path) for line in file]

    def mark_restored(self, name: str) -> None:
        """Rename the backup, so that the next restore takes the one before it."""
        try:
            os.replace(self.path(name), self.path(name) + _RESTORED_SUFFIX)
        except FileNotFoundError:
            pass  # renamed before a kill


def _format_line(each: Cleared) -> bytes:
    if isinstance(each, Job):
        data: dict[str, Any] = {"kind": "job", **job_to_data(each)}
    elif isinstance(each, DeadLetter):
        data = {"kind": "dead_letter", **asdict(each)}
    else:
        data = {"kind": "entity", "entity": each.kind, "id": each.entity_id, "at": each.at}
    return json.dumps(data).encode() + b"\n"


def _parse_line(line: str, path: str) -> Cleared:
    try:
        return _from_data(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupDamaged(
            f"a line of the backup {path} cannot be read ({error}): {line[:80]!r}. Correct or delete that line, then "
            "run Restore Cleared Jobs again."
        ) from error


def _from_data(data: dict[str, Any]) -> Cleared:
    kind = data.pop("kind")
    if kind == "job":
        return job_from_data(data)
    if kind == "dead_letter":
        return DeadLetter(**data)
    return EntityEvent(kind=str(data["entity"]), entity_id=int(data["id"]), at=float(data["at"]))
