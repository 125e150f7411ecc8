"""Locks the pictures that were sent, where sending has not: otherwise Plex's next refresh may replace them.

Whether an upload locks its field differs between servers. So the locks are read afterwards, and those that are missing
are set: many items in one request each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from plex.errors import Rejected
from plex.model import PICTURE_FIELDS
from push.picture_store import PictureStore

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping

    from local.clock import Clock
    from plex.client import PlexClient
    from plex.model import PictureKind, PlexItem
    from stash.settings import Settings
    from store.ledger import Ledger

ITEMS_PER_BATCH = 100
# The longest wait for a full batch while jobs are due, and for the next try after one that was hindered.
WAIT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unchecked:
    """Kinds of one item's pictures. `since`: when the first of them was sent, in epoch seconds."""

    since: float
    kinds: set[PictureKind] = field(default_factory=set)


class PictureLocks:
    """The items of one server with pictures whose lock was not checked since they were sent. A kill loses none.

    Raises LocalStorage.
    """

    def __init__(self, ledger: Ledger, clock: Clock, server: str) -> None:
        self.server = server
        self._store = PictureStore(ledger, server)
        self._clock = clock
        self._unchecked: dict[int, _Unchecked] = {}  # by rating key, the oldest first
        for rating_key, kind in self._store.unchecked_locks():
            self._remember(rating_key, kind)

    def __len__(self) -> int:
        """The number of items."""
        return len(self._unchecked)

    @property
    def oldest_at(self) -> float:
        """When the first of these pictures was sent, in epoch seconds; infinite if there is none."""
        return next((each.since for each in self._unchecked.values()), float("inf"))

    def add(self, rating_key: int, kind: PictureKind) -> None:
        """Note that a picture was sent, and that its lock is unknown or missing."""
        self._store.add_unchecked_lock(rating_key, kind)
        self._remember(rating_key, kind)

    def forget(self, rating_keys: Iterable[int]) -> None:
        """Check these items no more; the ledger's table has lost them already."""
        for rating_key in rating_keys:
            self._unchecked.pop(rating_key, None)

    def set_missing(self, plex: PlexClient) -> Rejected | None:
        """Check the locks of one batch of items, and set those that are missing.

        Return Plex's refusal to set them, if it refuses; it is not asked again then. Raises PlexError for anything
        else, and the batch remains.
        """
        batch = dict(islice(self._unchecked.items(), ITEMS_PER_BATCH))
        if not batch:
            return None
        items = plex.read_items(tuple(batch), batch_size=ITEMS_PER_BATCH)
        if not items:
            plex.identity()  # a proxy whose Plex is down answers 404 to everything
        refused: Rejected | None = None
        for (section_key, fields), rating_keys in _missing_locks(items, batch).items():
            try:
                plex.lock_fields(section_key, rating_keys, fields)
            except Rejected as error:  # noqa: PERF203 - one try each is the point
                refused = error
        self._store.remove_unchecked_locks(batch)
        for rating_key in batch:
            del self._unchecked[rating_key]
        return refused

    def _remember(self, rating_key: int, kind: PictureKind) -> None:
        self._unchecked.setdefault(rating_key, _Unchecked(since=self._clock.now())).kinds.add(kind)


def _missing_locks(
    items: Mapping[int, PlexItem], batch: Mapping[int, _Unchecked]
) -> dict[tuple[int, tuple[str, ...]], list[int]]:
    """The rating keys of items that lack the same locks, by section and names of the fields."""
    found: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for rating_key, item in items.items():
        fields = {PICTURE_FIELDS[kind] for kind in batch[rating_key].kinds} - item.locked
        if fields:
            found.setdefault((item.section_key, tuple(sorted(fields))), []).append(rating_key)
    return found


class PictureLocking:
    """Background work of the worker (see worker/parts.py): a step for each batch, at once when no job is due.

    `locks`: those of the server in use. `settings`: as last read, None before. `client`: the client for these settings.
    """

    asks_plex = True
    changes_fields = False

    def __init__(
        self,
        locks: Callable[[], PictureLocks],
        *,
        has_due_job: Callable[[], bool],
        settings: Callable[[], Settings | None],
        client: Callable[[Settings], PlexClient],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._locks = locks
        self._has_due_job = has_due_job
        self._settings = settings
        self._client = client
        self._clock = clock
        self._log = log
        self._wait_s = clock.interval(WAIT_S)
        self._hindered_until = 0.0

    def due_at(self, now: float) -> float | None:
        """At once for a full batch, or when no job is due; None until the settings are known."""
        locks = self._locks()
        if not len(locks) or self._settings() is None:
            return None
        waits = len(locks) < ITEMS_PER_BATCH and self._has_due_job()
        at = self._within_wait(locks.oldest_at + self._wait_s, now) if waits else now
        return max(at, self._within_wait(self._hindered_until, now))

    def step(self, now: float, obstacle: str | None) -> None:
        """Check one batch. Raises PlexError, after which it is tried again, and LocalStorage."""
        settings = self._settings()
        if obstacle or settings is None or settings.paused:
            self._hindered_until = now + self._wait_s
            return
        client = self._client(settings)  # first, since it may find another server, which has locks of its own
        refused = self._locks().set_missing(client)
        if refused:
            self._log.warning(
                "the pictures that were sent stay unlocked, so Plex may replace them at its next refresh: %s", refused
            )

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - either way
        """Log the reason and try again a little later."""
        self._hindered_until = self._clock.now() + self._wait_s
        self._log.debug("locking the pictures that were sent failed: %s", reason)

    def _within_wait(self, at: float, now: float) -> float:
        """`now` if `at` is further ahead than any wait, since then the clock was set back."""
        return at if at - now <= self._wait_s else now
