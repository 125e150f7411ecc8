"""Compares one page of scenes with Plex.

Items that neither the sweep nor the cache can settle are read in full, in batches.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from plex.errors import PlexServerError, Rejected
from push.other_scenes import owners_in_stash
from reconciliation.gaps import Gap, GapType, changes_of, gap_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from plex.client import PlexClient
    from plex.model import PlexItem
    from plex.plan import Owned
    from push.locate import Target
    from push.pusher import Pusher
    from reconciliation.cache import ReconciliationCache, SweptItem
    from reconciliation.gaps import Changes
    from reconciliation.library import Library
    from stash.client import StashClient
    from stash.scene import Scene

# An item in the answer has 5 to 50 kB, and an answer has its limit (see plex/answer.py).
ITEMS_PER_REQUEST = 100
# More unreadable items than this in one page are no coincidence: Plex itself has a problem.
MAX_UNREADABLE_ITEMS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result for one scene. `skipped`: why the scene is not compared, or ""; `gap`: None if Plex is up to date."""

    target: Target
    gap: Gap | None = None
    skipped: str = ""


@dataclass(slots=True)
class _Candidate:
    """A scene that is being compared.

    `unwanted`: why it is not pushed, or ""; `keys`: its items; `unread`: those of them that must be read in full.
    """

    target: Target
    unwanted: str
    keys: tuple[int, ...]
    unread: list[int] = field(default_factory=list)


class PageComparison:
    """Compares scenes under one set of settings. The sweep must be complete."""

    def __init__(self, *, pusher: Pusher, stash: StashClient, cache: ReconciliationCache, library: Library) -> None:
        self._pusher = pusher
        self._stash = stash
        self._cache = cache
        self._library = library

    def compare(self, scenes: Iterable[Scene]) -> list[Finding]:
        """One finding for each scene that belongs to the library. Raises PlexError, StashUnavailable, LocalStorage."""
        candidates = [self._candidate(self._pusher.target(scene)) for scene in scenes]
        swept = self._cache.swept({key for candidate in candidates for key in candidate.keys})
        self._cache.claim(swept)
        candidates = [
            candidate
            for candidate in candidates
            if self._library.has_scene(candidate.target, [swept[key] for key in candidate.keys if key in swept])
        ]
        known = self._cache.equal_states(candidate.target.scene.id for candidate in candidates)
        for candidate in candidates:
            target = candidate.target
            candidate.keys = tuple(key for key in candidate.keys if key in swept and self._library.has_item(swept[key]))
            if not candidate.unwanted:
                candidate.unread = [key for key in candidate.keys if not _is_unchanged(target, key, swept[key], known)]
        asked_at = self._pusher.plex.answered_at
        unread = dict.fromkeys(key for candidate in candidates for key in candidate.unread)
        items, unreadable = read_isolating_failures(self._pusher.plex, tuple(unread))
        findings = [self._finding(candidate, items, unreadable, asked_at) for candidate in candidates]
        stale = [number for number, finding in enumerate(findings) if _is_in_an_item(finding.gap)]
        self._drop_items_of_others([candidates[number] for number in stale])
        for number in stale:
            findings[number] = self._finding(candidates[number], items, unreadable, asked_at)
        return findings

    def _drop_items_of_others(self, candidates: Sequence[_Candidate]) -> None:
        """Drop items whose file is another scene's. Asks Stash, so it is only worth it for scenes with a gap."""
        finder = self._pusher.finder
        matches = [finder.known_matches(candidate.target.files) for candidate in candidates]
        find_owners = owners_in_stash([candidate.target.scene for candidate in candidates], self._stash)
        owners = find_owners([match for found in matches for match in found], finder.rules)
        for candidate, found in zip(candidates, matches, strict=True):
            of_others = {match.item.rating_key for match in found if match in owners}
            candidate.keys = tuple(key for key in candidate.keys if key not in of_others)
            candidate.unread = [key for key in candidate.unread if key not in of_others]

    def _candidate(self, target: Target) -> _Candidate:
        keys = dict.fromkeys((*target.known_keys, *self._pusher.finder.known_keys(target.files)))
        return _Candidate(target, self._pusher.reason_to_skip(target), tuple(keys))

    def _finding(
        self, candidate: _Candidate, items: dict[int, PlexItem], unreadable: frozenset[int], asked_at: int | None
    ) -> Finding:
        target = candidate.target
        if candidate.unwanted:
            return Finding(target=target, skipped=candidate.unwanted)
        if unreadable.intersection(candidate.unread):
            return Finding(target=target, skipped="Plex cannot show its item")
        holding = [
            items[key]
            for key in candidate.unread
            if key in items and self._pusher.finder.holds_one_of(items[key].parts, target.files)
        ]
        if not holding and len(candidate.unread) == len(candidate.keys):
            return Finding(target=target, gap=Gap(scene_id=target.scene.id, type=GapType.MISSING))
        owned = {item.rating_key: self._owned(target, item) for item in holding}
        # An item that belongs to another scene is no gap of this one. It is not cached either, since that scene may be
        # deleted.
        own_items = [(item, mine) for item in holding if (mine := owned[item.rating_key])]
        changes = {item.rating_key: self._changes(target, item, mine) for item, mine in own_items}
        self._cache_equal(target, [item for item, _ in own_items if not changes[item.rating_key]], asked_at)
        return Finding(target=target, gap=gap_of(target.scene.id, changes.values()))

    def _owned(self, target: Target, item: PlexItem) -> Owned | None:
        return self._pusher.shared.preview_claim(self._pusher.claim_of(target, self._stash), item)

    def _changes(self, target: Target, item: PlexItem, owned: Owned) -> Changes:
        return changes_of(
            item,
            target.wanted,
            owned,
            keep_plex_edits=self._pusher.settings.keep_plex_edits,
            altered=self._pusher.altered_values.of(item.rating_key),
        )

    def _cache_equal(self, target: Target, items: Sequence[PlexItem], asked_at: int | None) -> None:
        """Cache those items whose last change was before `asked_at`: Plex's clock just before they were read.

        Plex's times are whole seconds, so a second change within the same one would go unnoticed.
        """
        states = [
            (target.scene.id, item.rating_key, _state(target, item.updated_at, item.rating))
            for item in items
            if asked_at is not None and 0 < item.updated_at < asked_at
        ]
        if states:
            self._cache.store_equal_states(states)


def _is_in_an_item(gap: Gap | None) -> bool:
    return gap is not None and gap.type is not GapType.MISSING


def _is_unchanged(target: Target, key: int, swept: SweptItem, known: dict[tuple[int, int], str]) -> bool:
    """Whether scene and item are both as they were when they were found equal."""
    return known.get((target.scene.id, key)) == _state(target, swept.updated_at, swept.rating)


def _state(target: Target, updated_at: int, rating: str) -> str:
    return f"{updated_at} {rating} {target.fingerprint}"


def _batches_to_retry(batch: Sequence[int], found: Container[int]) -> list[Sequence[int]]:
    """What to request again. Only a response for a single key proves that its item is gone; a longer one may be cut."""
    absent = [key for key in batch if key not in found]
    if len(batch) == 1 or not absent:
        return []
    if len(absent) < len(batch):
        return [absent]
    half = len(batch) // 2
    return [batch[:half], batch[half:]]


def read_isolating_failures(plex: PlexClient, keys: Sequence[int]) -> tuple[dict[int, PlexItem], frozenset[int]]:
    """The items by key, and the keys of items that Plex cannot show. Items that are gone are in neither.

    One bad item spoils every response that includes it: Plex writes control characters that XML does not allow, and
    answers with a 500 if one entry of its database is broken. Raises PlexError if there are too many such items.
    """
    if not keys:
        return {}, frozenset()
    items: dict[int, PlexItem] = {}
    unreadable: set[int] = set()
    batches = [keys[first : first + ITEMS_PER_REQUEST] for first in range(0, len(keys), ITEMS_PER_REQUEST)]
    while batches:
        batch = batches.pop()
        try:
            found = plex.read_items(batch, batch_size=ITEMS_PER_REQUEST)
        except (PlexServerError, Rejected):
            if len(batch) == 1:
                unreadable.add(batch[0])
                if len(unreadable) > MAX_UNREADABLE_ITEMS:
                    raise
                continue
            found = {}
        items |= found
        batches += _batches_to_retry(batch, found)
    return items, frozenset(unreadable)
