"""One page of scenes against Plex: what the sweep and the last comparison leave open is read in full, in batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plex.errors import PlexServerError, Rejected
from reconciliation.gaps import Gap, GapType, changes_of, gap_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from plex.client import PlexClient
    from plex.model import PlexItem
    from plex.plan import Owned
    from push.locate import Target
    from push.pusher import Pusher
    from push.shared_items import SharedItems
    from reconciliation.gaps import Changes
    from reconciliation.library import Library
    from reconciliation.memory import Memory, Seen
    from stash.scene import Scene

# Items of one request: 250 keys of 7 digits make 2 kB of address; items have 5 to 50 kB.
ITEMS_AT_ONCE = 250
# So many unreadable items in one page are no coincidence.
MOST_UNREADABLE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found of a scene. `skipped`: why it is not pushed at all; `gap`: None when Plex has all of it."""

    target: Target
    gap: Gap | None = None
    skipped: str = ""


@dataclass(slots=True)
class _Look:
    """A scene on its way through the comparison; `keys` of its items, `unread` of those to be read in full.

    `unwanted`: why it is not pushed at all.
    """

    target: Target
    unwanted: str
    keys: tuple[int, ...]
    unread: list[int] = field(default_factory=list)


class PageComparison:
    """Compares scenes under one pusher, after the sweep."""

    def __init__(self, *, pusher: Pusher, sharing: SharedItems, memory: Memory, library: Library) -> None:
        self._pusher = pusher
        self._sharing = sharing
        self._memory = memory
        self._library = library

    def compare(self, scenes: Iterable[Scene]) -> list[Finding]:
        """A finding for each of the scenes that belong to the library. Raises PlexError and LocalStorage."""
        looks = [self._look(self._pusher.target(scene)) for scene in scenes]
        seen = self._memory.seen({key for look in looks for key in look.keys})
        self._memory.claim(seen)
        looks = [look for look in looks if self._library.has(look.target, [seen[k] for k in look.keys if k in seen])]
        known = self._memory.compared(look.target.scene.id for look in looks)
        for look in looks:
            look.keys = tuple(key for key in look.keys if key in seen and self._library.has_item(seen[key]))
            if not look.unwanted:
                look.unread = [key for key in look.keys if not _is_known(look.target, key, seen[key], known)]
        before = self._pusher.plex.answered_at
        keys = dict.fromkeys(key for look in looks for key in look.unread)
        items, unreadable = read_apart(self._pusher.plex, tuple(keys))
        return [self._finding(look, items, unreadable, before) for look in looks]

    def _look(self, target: Target) -> _Look:
        keys = dict.fromkeys((*target.known_keys, *self._pusher.finder.known(target.files)))
        return _Look(target, self._pusher.reason_to_skip(target), tuple(keys))

    def _finding(
        self, look: _Look, items: dict[int, PlexItem], unreadable: frozenset[int], before: int | None
    ) -> Finding:
        target = look.target
        if look.unwanted:
            return Finding(target=target, skipped=look.unwanted)
        if unreadable.intersection(look.unread):
            return Finding(target=target, skipped="Plex cannot show its item")
        holding = [
            items[key]
            for key in look.unread
            if key in items and self._pusher.finder.holds_one_of(items[key].parts, target.files)
        ]
        if not holding and len(look.unread) == len(look.keys):
            return Finding(target=target, gap=Gap(scene_id=target.scene.id, type=GapType.MISSING))
        owned = {item.rating_key: self._owned(target, item) for item in holding}
        # An item that is left to another scene is neither a gap nor to be remembered: that scene may go.
        own_ones = [(item, mine) for item in holding if (mine := owned[item.rating_key])]
        changes = {item.rating_key: self._changes(target, item, mine) for item, mine in own_ones}
        self._remember(target, [item for item, _ in own_ones if not changes[item.rating_key]], before)
        return Finding(target=target, gap=gap_of(target.scene.id, changes.values()))

    def _owned(self, target: Target, item: PlexItem) -> Owned | None:
        return self._sharing.preview_claim(target.scene.id, target.files, item, self._pusher.finder.rules)

    def _changes(self, target: Target, item: PlexItem, owned: Owned) -> Changes:
        return changes_of(item, target.wanted, owned, keep_plex_edits=self._pusher.settings.keep_plex_edits)

    def _remember(self, target: Target, equal: Sequence[PlexItem], before: int | None) -> None:
        """Plex's times are whole seconds: only where the second of the last change is over, the next one will show."""
        states = [
            (target.scene.id, item.rating_key, _state(target, item.updated_at, item.rating))
            for item in equal
            if before is not None and 0 < item.updated_at < before
        ]
        if states:
            self._memory.store_compared(states)


def _is_known(target: Target, key: int, seen: Seen, known: dict[tuple[int, int], str]) -> bool:
    """Whether both sides are as they were when they were found equal."""
    return known.get((target.scene.id, key)) == _state(target, seen.updated_at, seen.rating)


def _state(target: Target, updated_at: int, rating: str) -> str:
    return f"{updated_at} {rating} {target.fingerprint}"


def _still_open(batch: Sequence[int], found: Container[int]) -> list[Sequence[int]]:
    """What to ask again after an answer: only a single one says that an item is gone, a longer one may be cut off."""
    absent = [key for key in batch if key not in found]
    if len(batch) == 1 or not absent:
        return []
    if len(absent) < len(batch):
        return [absent]
    half = len(batch) // 2
    return [batch[:half], batch[half:]]


def read_apart(plex: PlexClient, keys: Sequence[int]) -> tuple[dict[int, PlexItem], frozenset[int]]:
    """The items by key, and the keys of those that spoil whatever answer they are part of.

    Plex writes control characters that no XML may hold, and a broken entry of its database is a 500 for all.
    """
    if not keys:
        return {}, frozenset()
    items: dict[int, PlexItem] = {}
    unreadable: set[int] = set()
    batches = [keys[first : first + ITEMS_AT_ONCE] for first in range(0, len(keys), ITEMS_AT_ONCE)]
    while batches:
        batch = batches.pop()
        try:
            found = plex.read_items(batch, at_once=ITEMS_AT_ONCE)
        except (PlexServerError, Rejected):
            if len(batch) == 1:
                unreadable.add(batch[0])
                if len(unreadable) > MOST_UNREADABLE:
                    raise
                continue
            found = {}
        items |= found
        batches += _still_open(batch, found)
    return items, frozenset(unreadable)
