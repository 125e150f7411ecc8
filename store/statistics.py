"""How many scenes were pushed, unchanged or given up, and how long pushes took: by minute, and older ones in total.

Counted in the transaction that judges the scene, so a kill neither loses a count nor repeats it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # fast operations load this module, and `typing` takes time
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from typing import Final

    from store.judgement import Judgement

# Older minutes are added to the row of minute 0.
KEPT_MINUTES = 120
HOUR_MINUTES = 60
_PUSHED = "pushed"
# By a judgement's value. Other judgements are not counted.
COLUMNS: Final[Mapping[str, str]] = {_PUSHED: "pushed", "unchanged": "unchanged", "dead": "failed"}

SUMS = """
SELECT COALESCE(SUM(pushed), 0), COALESCE(SUM(unchanged), 0), COALESCE(SUM(failed), 0), COALESCE(SUM(pushed_s), 0)
FROM statistic WHERE minute BETWEEN ? AND ?
"""
# The first and the last minute of all.
ALWAYS = (0, 2**62)
_ADD = """
INSERT INTO statistic (minute, pushed, unchanged, failed, pushed_s) VALUES (0, ?, ?, ?, ?)
ON CONFLICT (minute) DO UPDATE SET pushed = pushed + excluded.pushed, unchanged = unchanged + excluded.unchanged,
    failed = failed + excluded.failed, pushed_s = pushed_s + excluded.pushed_s
"""


def count(database: sqlite3.Connection, judgement: Judgement, *, now: float, took_s: float = 0.0, by: int = 1) -> None:
    """Count a scene, in the transaction that stores its judgement. `took_s`: of a push; `by` -1 undoes a count."""
    column = COLUMNS.get(judgement.value)
    if column is None:
        return
    minute = minute_of(now)
    known = database.execute("SELECT 1 FROM statistic WHERE minute = ?", (minute,)).fetchone()
    if known is None:
        database.execute("INSERT INTO statistic (minute) VALUES (?)", (minute,))
        fold(database, minute - KEPT_MINUTES)
    seconds = took_s if judgement.value == _PUSHED else 0.0
    database.execute(
        f"UPDATE statistic SET {column} = {column} + ?, pushed_s = pushed_s + ? WHERE minute = ?",  # noqa: S608 - our own names
        (by, seconds, minute),
    )


def fold(database: sqlite3.Connection, last_minute: int) -> None:
    """Add the minutes up to and including this one to the row of minute 0."""
    columns = "COUNT(*), SUM(pushed), SUM(unchanged), SUM(failed), SUM(pushed_s)"
    query = f"SELECT {columns} FROM statistic WHERE minute BETWEEN 1 AND ?"  # noqa: S608 - our own names
    rows, *sums = database.execute(query, (last_minute,)).fetchone()
    if not rows:
        return
    database.execute(_ADD, sums)
    database.execute("DELETE FROM statistic WHERE minute BETWEEN 1 AND ?", (last_minute,))


def minute_of(now: float) -> int:
    """Minutes since the epoch, at least 1: minute 0 holds the total."""
    return max(1, int(now // 60))


def as_json(sums: tuple[int, int, int, float]) -> Mapping[str, object]:
    """Return `pushed`, `unchanged`, `failed`, and `mean_s`: mean seconds per push, None before the first."""
    pushed, unchanged, failed, pushed_s = sums
    return {
        "pushed": pushed,
        "unchanged": unchanged,
        "failed": failed,
        "mean_s": round(pushed_s / pushed, 4) if pushed else None,
    }
