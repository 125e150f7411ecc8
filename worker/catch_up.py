"""Catch-up: finds what changed in Stash without an event (auto tag, merge, while the plugin was disabled).

When a worker starts, a pass lists what changed since the last pass: scenes, and what they show. It queues the scenes
whose current state was never judged, as bulk jobs. After the queue was lost, it lists all scenes and also queues all
that were ever judged, since what was pending is unknown. The next pass begins as soon as Stash, which is asked every
minute, names a newer change; as long as it names none, there is one pass a day.

What holds: a pass that ends has looked at every change made before it began, whatever was deleted or changed meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local import inbox
from local.clock import Countdown, Stopwatch
from local.words import counted
from stash.changes import Changed
from stash.errors import StashRefused
from stash.listing import Changes
from stash.times import SAME_SECOND_S, SORT_MARGIN_S, epoch_of, offset_of, text_at, text_before
from store.job import Reason, new_job
from store.seen_changes import SeenChanges
from worker.parts import due_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from local.clock import Clock
    from stash.changes import Change, Newest
    from stash.client import StashClient
    from store.judgement import LastJudgement
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.seen_changes import SeenChange
    from worker.stash_link import StashLink

# How long to wait for the next pass if nothing tells whether there is a newer change.
EVERY_S = 600.0
# A change that is committed late, or while the clocks go back, may not be the newest one.
AT_LEAST_EVERY_S = 86_400.0
# A pass that takes long is not begun again before this many times its length.
REST_FACTOR = 10.0
PAGE = 500

INSTALLED, WATERMARK, QUEUE_LOST = "installed", "caught_up_to", "queue_lost"
# When the first worker ran that looks at more than scenes: older changes of tags, files and the like are left alone.
OTHERS_SINCE = "others_since"
# The UTC offset of the latest change, in seconds.
STASH_OFFSET = "stash_offset"
# A change bears the time at which Stash began with it, and can be seen once it is committed. Also for a clock that was
# set back while no worker ran.
COMMIT_MARGIN_S = 600.0
# Changes passed on in one step: as many files in the inbox are quickly listed, and Stash finds as many scenes in 10 ms.
AT_ONCE = 50


@dataclass(slots=True)
class _Pass:
    """A pass in progress. Times are epoch seconds.

    `newest`: the latest change before `began_at` seen so far; `offset_s`: its UTC offset, if known. `unannounced`:
    scenes queued for a change without an event. `requeued`: scenes queued again, after the queue was lost or because a
    second edit may have followed within the same second. `took_s`: the real seconds spent on it.
    """

    installed_at: float
    began_at: float
    changes: Changes
    others: UnannouncedChanges
    newest: float
    queue_lost: bool
    has_listed: bool = False
    offset_s: float | None = None
    unannounced: int = 0
    requeued: int = 0
    took_s: float = 0.0

    @property
    def has_failed(self) -> bool:
        """Whether Stash failed to list some of what changed."""
        return bool(self.changes.refused) or self.others.has_failed


class CatchUp:
    """Background work that reads one page of Stash's list of scenes in each step."""

    asks_plex = False
    changes_fields = False

    def __init__(
        self,
        *,
        directory: str,
        queue: JobQueue,
        ledger: Ledger,
        stash: StashLink,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._directory = directory
        self._queue = queue
        self._ledger = ledger
        self._stash = stash
        self._clock = clock
        self._log = log
        self._every_s = clock.interval(EVERY_S)
        self._at_least_every_s = clock.interval(AT_LEAST_EVERY_S)
        self._next_at = 0.0
        self._began_at = 0.0
        self._until_rested = Countdown(clock)
        self._covered: Newest | None = None  # what had changed last when the last pass began
        self._pass: _Pass | None = None
        self._is_repeat = False  # the next pass looks at what was too fresh for the last one
        self._is_complete = False  # the last pass has seen all that there was to see
        self._refusals: Mapping[Changed, str] = {}  # of the last pass, which are logged already

    def record_start(self) -> None:
        """Call it when a worker starts: what changes after the very first one started is found by some pass.

        The first pass may be another worker's, since edits come before it.
        """
        now = self._clock.now()
        self._first_run(INSTALLED, now)
        self._first_run(OTHERS_SINCE, now)

    def due_at(self, now: float) -> float | None:
        """Due at once when the worker starts, and when there is a newer change; None until Stash's address is known."""
        if not self._stash.is_known:
            return None
        if self._pass:
            return now
        planned_at, newest = self._next_at, self._stash.newest
        if newest is not None and newest is not self._covered:
            if self._is_newer(newest):
                planned_at = min(planned_at, now + self._until_rested.left_s)
            elif self._is_complete:
                spared_until = min(min(newest.asked_at, now) + self._every_s, self._began_at + self._at_least_every_s)
                planned_at = max(planned_at, spared_until)
        return due_time(planned_at, now, self._every_s)

    def _is_newer(self, newest: Newest) -> bool:
        covered = self._covered
        return covered is None or newest.rows != covered.rows or covered.is_fresh

    def step(self, now: float, _obstacle: str | None) -> None:
        """Check one page, without asking Plex. Raises StashUnavailable, StashRefused, LocalStorage and OSError."""
        took = Stopwatch(self._clock)
        took.start()
        current = self._pass = self._pass or self._begin(now)
        if current.others.is_pending:
            current.others.step(self._stash.client(), now)
        else:
            self._check_page(current, now)
        current.took_s += took.passed_s
        if current.changes.is_over and not current.others.is_pending:
            self._end(current, now)

    def _check_page(self, current: _Pass, now: float) -> None:
        listed = current.changes.next_page(self._stash.client())
        self._queue_changed(listed.get(Changed.SCENE, []), current, now)
        current.others.note(listed, now)
        rows = [row for rows in listed.values() for row in rows]
        current.has_listed = current.has_listed or bool(rows)
        for row in rows:
            at = epoch_of(row.updated_at)
            if at is not None and current.newest <= at <= current.began_at:
                current.newest, current.offset_s = at, offset_of(row.updated_at)

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - it never asks Plex
        """End the pass after a bug; the next pass starts at the usual time, not at once."""
        self._log.error("looking for changes that came without an event failed: %s", reason)
        self._pass, self._is_complete, self._next_at = None, False, self._clock.now() + self._every_s

    def _begin(self, now: float) -> _Pass:
        self._began_at, self._covered = now, self._stash.newest
        installed_at, others_since = self._first_run(INSTALLED, now), self._first_run(OTHERS_SINCE, now)
        newest = self._ledger.timestamp(WATERMARK)
        if newest is None or newest > now:
            newest = installed_at
        queue_lost = self._ledger.timestamp(QUEUE_LOST) is not None
        after = dict.fromkeys(Changed, text_before(newest))
        after[Changed.FILE] = self._text_before_files(newest, now)
        if queue_lost:
            after[Changed.SCENE] = ""
        others = UnannouncedChanges(
            directory=self._directory, queue=self._queue, ledger=self._ledger, log=self._log, since=others_since
        )
        return _Pass(
            installed_at=installed_at, began_at=now, changes=Changes(after, PAGE), others=others, newest=newest,
            queue_lost=queue_lost,
        )  # fmt: skip

    def _text_before_files(self, newest: float, now: float) -> str:
        """What all later changes follow in Stash's order. While its UTC offset stays the same, that is their time.

        After a scan of 100,000 files, their list takes Stash a minute, while that of the scenes takes four seconds.
        """
        offset_s = self._clock.utc_offset_s(now)  # Stash runs on this machine
        if self._ledger.timestamp(STASH_OFFSET) != offset_s:
            return text_before(newest)
        return text_at(newest - COMMIT_MARGIN_S, offset_s)

    def _first_run(self, name: str, now: float) -> float:
        """The time stored under this name, at first `now`."""
        at = self._ledger.timestamp(name)
        if at is None or at > now:  # in the future: the clock was wrong
            self._ledger.store_timestamp(name, now)
            return now
        return at

    def _queue_changed(self, listed: list[Change], current: _Pass, now: float) -> None:
        idle = [scene for scene in listed if self._queue.fields_job(scene.id) is None]
        judged = self._ledger.last_judgements(scene.id for scene in idle)
        for scene in idle:
            scene_id, text = scene.id, scene.updated_at
            is_lost = current.queue_lost and scene_id in judged
            if is_lost or is_unjudged(text, judged.get(scene_id), installed_at=current.installed_at, now=now):
                self._queue.add(new_job(scene_id, Reason.CATCH_UP, now))
                if scene_id in judged and (is_lost or judged[scene_id].updated_at == text):
                    current.requeued += 1
                else:
                    current.unannounced += 1

    def _end(self, done: _Pass, now: float) -> None:
        self._store_watermark(done)
        if done.queue_lost:
            self._ledger.forget_timestamp(QUEUE_LOST)
        if done.unannounced:
            self._log.info("%s changed in Stash without an event; queued", counted(done.unannounced, "scene"))
        if done.requeued:
            reason = "the queue was lost" if done.queue_lost else "pushed within the second of an edit"
            level = logging.INFO if done.queue_lost else logging.DEBUG
            self._log.log(level, "%s queued again: %s", counted(done.requeued, "scene"), reason)
        if others := done.others.described():
            self._log.info("%s changed in Stash without an event; their scenes are queued", others)
        for kind, reason in done.changes.refused.items():
            if self._refusals.get(kind) != reason:
                self._log.warning("Stash fails to list what changed of its %ss (%s)", kind.value, reason)
        self._refusals = done.changes.refused
        self._plan_next(done, now)

    def _plan_next(self, done: _Pass, now: float) -> None:
        """Look again soon, once, at what changed just now: while Stash scans, something always has."""
        is_soon = done.others.has_fresh and not self._is_repeat
        self._is_complete = not (is_soon or done.has_failed)
        self._pass, self._is_repeat = None, is_soon
        self._until_rested.start(min(self._clock.interval(REST_FACTOR * done.took_s), self._every_s))
        self._next_at = now + (SAME_SECOND_S if is_soon else self._every_s)

    def _store_watermark(self, done: _Pass) -> None:
        if done.has_failed:
            return  # what was not seen must not be taken for old
        # Once all changes are so old that no offset can hide a later one among them, the next pass need not list them.
        is_over = done.has_listed and done.newest < done.began_at - SORT_MARGIN_S
        watermark = done.began_at if is_over else done.newest
        if watermark != self._ledger.timestamp(WATERMARK):
            self._ledger.store_timestamp(WATERMARK, watermark)
            if done.offset_s is not None:
                self._ledger.store_timestamp(STASH_OFFSET, done.offset_s)
            SeenChanges(self._ledger).forget_before(text_before(watermark), watermark - 2 * SORT_MARGIN_S)


class UnannouncedChanges:
    """Passes on to their scenes what changed of tags, performers, studios, groups and files without an event.

    A rename made while the plugin was off, or a file that Stash moved, changes no scene's `updated_at`. Entities are
    put into the inbox as an event would be; the scenes of files are queued. So, of each change that a pass finds, the
    scenes are queued after it was made, once, be it by an event or here. `since` (epoch seconds): older ones are left
    alone.
    """

    def __init__(
        self, *, directory: str, queue: JobQueue, ledger: Ledger, log: logging.Logger, since: float
    ) -> None:
        self._directory = directory
        self._queue = queue
        self._ledger = ledger
        self._seen = SeenChanges(ledger)
        self._log = log
        self._since = since
        self._left: dict[Changed, dict[int, Change]] = {}
        self._counts: dict[Changed, int] = {}
        # What changed in this very second may change once more with the same time, so it is not remembered as seen.
        self.has_fresh = False
        self.has_failed = False  # Stash did not name the scenes of some files

    @property
    def is_pending(self) -> bool:
        """Whether changes are noted that are not passed on."""
        return bool(self._left)

    def note(self, listed: Mapping[Changed, Sequence[Change]], now: float) -> None:
        """Note those of the listed changes that were not passed on, except of scenes."""
        for kind, changes in listed.items():
            if kind is Changed.SCENE or not changes:
                continue
            seen = self._seen.find(kind.value, [change.id for change in changes])
            found = [each for each in changes if is_unseen(each, seen.get(each.id), since=self._since, now=now)]
            if found:
                self._left[kind] = {**self._left.get(kind, {}), **{each.id: each for each in found}}

    def step(self, stash: StashClient, now: float) -> None:
        """Pass some of the noted changes on. Raises StashUnavailable, LocalStorage and OSError."""
        kind = next(iter(self._left))
        changes = list(self._left[kind].values())[:AT_ONCE]
        if kind is Changed.FILE:
            if not self._queue_scenes(changes, stash, now):
                del self._left[kind]
                return
        else:
            for change in changes:
                # Under the name of an event that is being worked on, lest it replace a new one in the inbox.
                inbox.publish(self._directory, f"{inbox.CLAIMED}{kind.value}-{change.id}", b"")
        known = [each for each in changes if not _is_fresh(each, now)]
        self._seen.store(kind.value, [(each.id, each.updated_at) for each in known])
        self.has_fresh = self.has_fresh or len(known) < len(changes)
        # The scenes of what is new had events of their own as a rule.
        old = [each for each in changes if each.created_at != each.updated_at]
        self._counts[kind] = self._counts.get(kind, 0) + len(old)
        self._left[kind] = {each.id: each for each in self._left[kind].values() if each not in changes}
        if not self._left[kind]:
            del self._left[kind]

    def _queue_scenes(self, files: Sequence[Change], stash: StashClient, now: float) -> bool:
        try:
            scene_ids = stash.scene_ids_of_files(files)
        except StashRefused as error:
            self._log.warning("Stash fails to name the scenes of files that changed (%s)", error)
            self.has_failed = True
            return False
        judged = self._ledger.last_judgements({each for ids in scene_ids.values() for each in ids})
        cleared_at = {scene_id: found.as_believed(now).cleared_at for scene_id, found in judged.items()}
        uncleared = {
            scene_id
            for file in files
            for scene_id in scene_ids.get(file.id, ())
            if (epoch_of(file.updated_at) or now) > cleared_at.get(scene_id, 0.0)
        }
        self._queue.add_all(new_job(scene_id, Reason.CATCH_UP, now) for scene_id in sorted(uncleared))
        return True

    def described(self) -> str:
        """What was passed on, as `2 tags, 1 file`, without what is new; empty for nothing."""
        return ", ".join(counted(count, kind.value) for kind, count in self._counts.items() if count)


def is_unjudged(updated_at: str, judged: LastJudgement | None, *, installed_at: float, now: float) -> bool:  # noqa: PLR0911 - one reason each
    """Whether the scene changed, at `updated_at` as Stash writes it, without being judged since. Pure."""
    at = epoch_of(updated_at)
    if at is None:
        return judged is not None and judged.updated_at not in ("", updated_at)
    if at <= installed_at:
        return False
    if judged is None:
        return True
    judged = judged.as_believed(now)
    if at <= judged.cleared_at:
        return False
    if not judged.updated_at:  # never read: it was cleared, or Stash failed on it
        return at > judged.settled_at
    if updated_at != judged.updated_at:
        return True
    # Judged in the second of the change: another change may have followed. One more job after that second settles it.
    return judged.settled_at - at < SAME_SECOND_S <= now - at


def is_unseen(change: Change, seen: SeenChange | None, *, since: float, now: float) -> bool:
    """Whether no event and no pass has brought this change to its scenes. Pure."""
    at = epoch_of(change.updated_at)
    if at is None:
        return seen is not None and seen.updated_at not in ("", change.updated_at)
    if at + 1 <= since:
        return False
    if seen is None:
        return True
    # An event comes after its change, in the same second as a rule. One in the future shows that the clock was wrong.
    is_announced = at <= seen.event_at <= now
    return not is_announced and seen.updated_at != change.updated_at


def _is_fresh(change: Change, now: float) -> bool:
    at = epoch_of(change.updated_at)
    return at is not None and 0 <= now - at < SAME_SECOND_S
