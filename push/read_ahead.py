"""Reads scenes and their Plex items in batches, a little ahead of the push.

What was read is used only while it is the latest: each event of a scene raises its generation in the queue, and a
scene read under an older one is read again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stash.errors import StashRefused, StashUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.model import PlexItem
    from push.pusher import Pusher
    from stash.client import StashClient
    from stash.scene import Scene
    from store.job import Job
    from store.queue import JobQueue

BATCH = 50


class ItemsAhead:
    """Plex items that were read ahead. Each is handed out once: the push that takes it may change it."""

    def __init__(self) -> None:
        self._items: dict[int, PlexItem] = {}  # by rating key

    def fill(self, items: Mapping[int, PlexItem]) -> None:
        """Replace all that is there."""
        self._items = dict(items)

    def take(self, rating_keys: Iterable[int]) -> dict[int, PlexItem]:
        """Those of these items that are there, by rating key."""
        return {key: self._items.pop(key) for key in rating_keys if key in self._items}


class ReadAhead:
    """Scenes and items of the next jobs. Holds at most one batch."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._scenes: dict[int, tuple[int, Scene | None]] = {}  # scene id -> generation, None: gone from Stash
        self.items = ItemsAhead()

    def has(self, job: Job) -> bool:
        """Whether the scene was read since its last event."""
        found = self._scenes.get(job.scene_id)
        return found is not None and found[0] == self._queue.generation(job.scene_id)

    def take(self, job: Job) -> Scene | None:
        """The scene of a job that `has` is true for, handed out once; None when Stash no longer has it."""
        return self._scenes.pop(job.scene_id)[1]

    def forget(self) -> None:
        """Drop everything: the settings or the connection may have changed."""
        self._scenes.clear()
        self.items.fill({})

    def fill(self, jobs: Sequence[Job], stash: StashClient) -> None:
        """Read the scenes of these jobs, the first of which is wanted now.

        Raises StashUnavailable; StashRefused when it is the first scene alone that Stash fails to describe.
        """
        self.forget()
        generations = {job.scene_id: self._queue.generation(job.scene_id) for job in jobs}
        try:
            scenes = stash.read_scenes(list(generations))
        except (StashRefused, StashUnavailable):
            first = jobs[0].scene_id
            generations, scenes = {first: generations[first]}, read_alone(first, stash)
        for scene_id, generation in generations.items():
            self._scenes[scene_id] = (generation, scenes.get(scene_id))

    def read_items(self, jobs: Sequence[Job], pusher: Pusher) -> None:
        """Read the items of what was filled in one request: those of the last push, else those of the last sweep.

        A failure is left to the single read.
        """
        targets = [(job, pusher.target(scene)) for job, scene in self._filled(jobs)]
        needed = [target for job, target in targets if pusher.needs_plex(job, target)]
        pusher.finder.prepare([target.files for target in needed if not target.known_keys])
        keys = {key: None for target in needed for key in target.known_keys or pusher.finder.known_keys(target.files)}
        if len(needed) > 1 and keys:
            self.items.fill(pusher.plex.read_items(tuple(keys)))

    def _filled(self, jobs: Sequence[Job]) -> list[tuple[Job, Scene]]:
        found = ((job, self._scenes.get(job.scene_id)) for job in jobs)
        return [(job, entry[1]) for job, entry in found if entry and entry[1]]


def read_alone(scene_id: int, stash: StashClient) -> dict[int, Scene]:
    """One scene whose batch failed. Raises StashUnavailable when Stash answers nothing else either, and StashRefused
    when it fails for this scene alone, whatever it answers: that is for the job to bear, not for all to wait out.
    """
    stash.fetch_configuration()
    try:
        return stash.read_scenes([scene_id])
    except StashUnavailable as error:
        raise StashRefused(f"Stash answers, but not about scene {scene_id}: {error}") from error
