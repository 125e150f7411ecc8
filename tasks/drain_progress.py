"""How far a drain has come, seen from outside: which of the jobs found at the start are done, and how fast. Pure."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import counted, duration_in_words
from store.judgement import Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# The pace is that of the last half minute, since it changes at the beginning of a recovery.
PACE_S = 30.0
MISSING_KEPT = 20
# From this pace on it is shown without decimals.
_WHOLE_FROM = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Remaining:
    """The jobs found that are not done: how many are due, and how many wait until `next_due_at` (epoch seconds).

    `covers`: how many of all of them are done but for the cover. `entities`: how many of those due are tags, studios
    and so on, whose scenes are still to be queued.
    """

    due: int
    covers: int
    entities: int
    waiting: int
    next_due_at: float | None


class Drain:
    """The jobs that were there at the start, by scene id. The task that watches ignores later ones."""

    def __init__(self, scene_ids: Iterable[int], *, entities: int = 0) -> None:
        self._left = set(scene_ids)
        self._judged = set[int]()
        self._covers_left = 0
        self.found = len(self._left)
        self._entities = entities
        self.tally: Counter[str] = Counter()
        self.missing: list[int] = []  # the first scenes that Plex lacks
        self._pace: deque[tuple[float, int]] = deque()

    @property
    def done(self) -> int:
        """How many jobs left the queue, whatever became of them, or are there only for the cover."""
        return self.found - len(self._left)

    @property
    def fraction(self) -> float:
        """The share of the work that is done; a cover counts half a scene."""
        return (self.done - self._covers_left / 2) / self.found if self.found else 1.0

    def note(
        self,
        due_at: Mapping[int, float],
        settled: Iterable[tuple[int, str, float]],
        *,
        covers_left: frozenset[int] = frozenset(),
        entities: int,
        now: float,
    ) -> Remaining:
        """Record one look at queue and ledger.

        `due_at`: the pending scenes, read *before* `settled`; a scene in neither was deleted in Stash or cleared.
        `covers_left`: those of them that are judged, but for the cover.
        """
        for scene_id, verdict, _ in settled:
            if scene_id in self._left:
                self._left.discard(scene_id)
                self._judged.add(scene_id)
                self.tally[verdict] += 1
                if verdict == Judgement.MISSING.value and len(self.missing) < MISSING_KEPT:
                    self.missing.append(scene_id)
        gone = [scene_id for scene_id in self._left if scene_id not in due_at]
        self._left.difference_update(gone)
        self.tally["gone"] += len(gone)
        covers = self._judged & covers_left
        self._covers_left = len(covers)
        waiting = [due_at[scene_id] for scene_id in self._left | covers if due_at[scene_id] > now]
        self._note_pace(now)
        left_entities = min(entities, self._entities)
        return Remaining(
            due=len(self._left) + len(covers) - len(waiting) + left_entities,
            covers=len(covers),
            entities=left_entities,
            waiting=len(waiting),
            next_due_at=min(waiting, default=None),
        )

    def _note_pace(self, now: float) -> None:
        self._pace.append((now, self.done))
        while now - self._pace[0][0] > PACE_S:
            self._pace.popleft()

    def per_second(self) -> float | None:
        """The pace of the last half minute; None if nothing was done in it."""
        (began_at, done_then), (ended_at, done_now) = self._pace[0], self._pace[-1]
        if ended_at <= began_at or done_now <= done_then:
            return None
        return (done_now - done_then) / (ended_at - began_at)

    def line(self, remaining: Remaining) -> str:
        """The progress in one line, for the log."""
        done = f"{self.done} of {self.found} done"
        if remaining.covers:
            done += f", {counted(remaining.covers, 'cover')} to follow"
        if remaining.covers == remaining.due:
            return done
        pace = self.per_second()
        if pace is None:
            return f"{done}, {remaining.due} due; the pace is not known yet"
        shown = f"{pace:.0f}" if pace >= _WHOLE_FROM else f"{pace:.1f}"
        return f"{done}, {shown} a second, about {duration_in_words(remaining.due / pace)} left"
