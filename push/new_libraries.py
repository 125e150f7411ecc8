"""Looks for known scenes in libraries that came later or got other folders.

A scene whose item is known is not looked up again, so nothing else would find its item in a new library. Therefore a
new library is swept once, and the files of all scenes with an item are compared with what it holds. Where it has the
folder of a file and not the file, as while Plex still scans, the file is awaited there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stash.errors import StashRefused
from store.job import Reason, new_job

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plex.model import Section
    from push.pusher import Pusher
    from stash.client import StashClient
    from stash.scene import Scene
    from store.ledger import Ledger
    from store.queue import JobQueue

PAGE = 250  # scenes
_JUDGED = "SELECT scene_id FROM scene WHERE scene_id > ? ORDER BY scene_id LIMIT ?"


class NewLibraries:
    """One pass, in short steps. `sections`: the new ones. `pusher`: with another one, begin anew."""

    def __init__(self, sections: Sequence[Section], *, pusher: Pusher, queue: JobQueue, ledger: Ledger) -> None:
        self.keys = frozenset(section.key for section in sections)
        self.pusher = pusher
        self._sections = sections
        self._queue = queue
        self._ledger = ledger
        self._sweeps = self._sweep()
        self._after = 0
        self._is_swept = False
        self.queued = 0

    def step(self, stash: StashClient, now: float) -> bool:
        """Read one page, of Plex's items or of scenes; whether it was the last. `now`: epoch seconds.

        Raises PlexError, which ends the pass, and StashUnavailable and LocalStorage, after which the step is repeated.
        """
        if not self._is_swept:
            self._is_swept = next(self._sweeps, None) is None
            return False
        with self._ledger.reading() as database:
            ids = [scene_id for (scene_id,) in database.execute(_JUDGED, (self._after, PAGE))]
        for scene in _read(stash, ids):
            self._look_for(scene, now)
        self._after = max(ids, default=self._after)
        return len(ids) < PAGE

    def _sweep(self) -> Iterator[int]:
        for section in self._sections:
            yield from self.pusher.finder.sweeper.sweep_in_steps(section)

    def _look_for(self, scene: Scene, now: float) -> None:
        target, finder = self.pusher.target(scene), self.pusher.finder
        if target.is_ignored or not target.known_keys:
            return  # missing: its files are awaited everywhere; or it is due for a push anyway
        items = [match.item for match in finder.known_matches(target.files)]
        finder.await_elsewhere(scene.id, target.files, items)
        is_found = any(item.section_key in self.keys and item.rating_key not in target.known_keys for item in items)
        if is_found:
            # Another job of the scene may trust the last push, and would not look the file up again.
            self._ledger.clear_fingerprints([scene.id])
            self._queue.add(new_job(scene.id, Reason.RECONCILE, now))
            self.queued += 1


def _read(stash: StashClient, ids: Sequence[int]) -> list[Scene]:
    """These scenes, without deleted ones and without those that Stash cannot describe."""
    try:
        return list(stash.read_scenes(ids).values())
    except StashRefused:
        if len(ids) == 1:
            return []
        half = len(ids) // 2
        return [*_read(stash, ids[:half]), *_read(stash, ids[half:])]
