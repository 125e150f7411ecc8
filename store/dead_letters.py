"""Jobs that were given up: what a person needs to judge them, and their way into a backup and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from store.ledger import Ledger

# The classes that the contract names; reports and arguments know no others.
ERROR_CLASSES = (
    "PlexServerDown", "PlexTimeout", "PlexServerError", "NotInPlex", "Ambiguous", "Rejected", "Bug",
)  # fmt: skip
_ADVICE: Final[Mapping[str, str]] = {
    "PlexServerDown": "Plex went away each time this scene was sent: run Recover Outage Jobs once Plex is stable.",
    "PlexTimeout": "Plex did not answer in time: raise read_timeout or see what keeps Plex busy, then run Recover "
    "Outage Jobs with error_types PlexTimeout or save the scene again.",
    "PlexServerError": "Plex failed on this item: look at it in Plex and at Plex's own log, then save the scene again.",
    "NotInPlex": "Plex has no item with this file: let Plex scan its folder and check path_map, then save the scene "
    "again.",
    "Ambiguous": "several items in Plex fit: remove the doubles or switch allow_ambiguous on, then save the scene "
    "again.",
    "Rejected": "Plex refuses this edit: read its reason, correct the scene in Stash and save it again.",
    "Bug": "PlexSync made a mistake: please report it with the worker's log (plexsync.log); saving the scene tries "
    "again.",
}
COLUMNS = (
    "scene_id, title, path, error_class, error_text, attempts, failed_first_at, failed_last_at, outage_id, job,"
    " recovered_at, recovered_by"
)
_OLDER_THAN = f"SELECT {COLUMNS} FROM dead_letter WHERE failed_last_at < ? ORDER BY id"  # noqa: S608 - our own names
# Those that wait for a person; one whose job was queued again is pending and not dead.
OPEN = "recovered_at IS NULL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A job that was given up. Times are epoch seconds; `outage_id` 0: outside of any; `job` is JSON."""

    scene_id: int
    title: str
    path: str
    error_class: str
    error_text: str
    attempts: int
    failed_first_at: float
    failed_last_at: float
    outage_id: int
    job: str
    recovered_at: float | None = None  # its job was queued again by the command `recovered_by`
    recovered_by: str = ""

    @property
    def advice(self) -> str:
        """What the user can do, in one sentence."""
        return advice_for(self.error_class)

    def failed_within(self, begin: float, end: float) -> bool:
        """Whether its first or its last failure lies between these times."""
        return begin <= self.failed_first_at <= end or begin <= self.failed_last_at <= end


def advice_for(error_class: str) -> str:
    """What the user can do about dead letters of this class, in one sentence."""
    return _ADVICE.get(error_class, _ADVICE["Bug"])


class DeadLetters:
    """The table of them in the ledger. Raises LocalStorage."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def all(self, *, before: float = float("inf")) -> Sequence[DeadLetter]:
        """Oldest first; `before`: only those whose last failure is older."""
        with self._ledger.storage("read") as database:
            return letters_of(database.execute(_OLDER_THAN, (before,)))

    def remove(self, letters: Iterable[DeadLetter]) -> None:
        """Delete exactly these: one that failed once more since stays."""
        with self._ledger.transaction() as database:
            database.executemany(
                "DELETE FROM dead_letter WHERE scene_id = ? AND failed_last_at = ?",
                [(letter.scene_id, letter.failed_last_at) for letter in letters],
            )

    def put_back(self, letters: Iterable[DeadLetter]) -> None:
        """From a backup. A scene that failed again since keeps its newer one."""
        with self._ledger.transaction() as database:
            names = COLUMNS.split(", ")
            values = ", ".join(f":{name.strip()}" for name in names)
            database.executemany(
                f"INSERT OR IGNORE INTO dead_letter ({COLUMNS}) VALUES ({values})",  # noqa: S608 - our own names
                [asdict(letter) for letter in letters],
            )

    def mark_recovered(self, scene_ids: Iterable[int], *, command_id: str, now: float) -> None:
        """Their jobs are queued again."""
        with self._ledger.transaction() as database:
            database.executemany(
                "UPDATE dead_letter SET recovered_at = ?, recovered_by = ? WHERE scene_id = ?",
                [(now, command_id, scene_id) for scene_id in scene_ids],
            )


def letters_of(rows: Iterable[Sequence[Any]]) -> list[DeadLetter]:
    """The rows of a query for `COLUMNS`."""
    return [
        DeadLetter(
            scene_id=row[0], title=row[1], path=row[2], error_class=row[3], error_text=row[4], attempts=row[5],
            failed_first_at=row[6], failed_last_at=row[7], outage_id=row[8], job=row[9], recovered_at=row[10],
            recovered_by=row[11],
        )
        for row in rows
    ]  # fmt: skip
