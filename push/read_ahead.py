"""Reads scenes and their Plex items in batches, shortly before they are pushed.

A scene is used only if it had no event since it was read: each event raises the scene's generation in the queue, and a
scene that was read under an older generation is read again. What changes in Plex raises none, so a batch is believed
for a short time only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.clock import Stopwatch
from push.locate import ReadAheadItems
from push.other_scenes import owners_in_stash
from stash.errors import StashLacks, StashRefused, StashUnavailable
from stash.namesakes import KEPT_S, Namesakes
from store.job import Reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from local.clock import Clock
    from push.pusher import Pusher
    from stash.client import StashClient
    from stash.scene import Scene
    from store.job import Job
    from store.queue import JobQueue

BATCH = 50
# Several times what the jobs of a batch take, unless Plex is slow or was away.
BELIEVED_S = 30.0


class ReadAhead:
    """The scenes and items of the next jobs, at most one batch, for BELIEVED_S (real seconds)."""

    def __init__(self, queue: JobQueue, clock: Clock) -> None:
        self._queue = queue
        self._since_read = Stopwatch(clock)
        self.namesakes = Namesakes(monotonic=clock.monotonic, kept_s=clock.interval(KEPT_S))
        self._scenes: dict[int, tuple[int, Scene | None]] = {}  # by scene id; None: gone from Stash
        self.items = ReadAheadItems()

    def has(self, job: Job) -> bool:
        """Whether the scene was read after its last event, and not long ago."""
        if self._since_read.passed_s > BELIEVED_S:
            return False
        found = self._scenes.get(job.scene_id)
        return found is not None and found[0] == self._queue.generation(job.scene_id)

    def take(self, job: Job) -> Scene | None:
        """Hand out the job's scene, once; None if it is gone from Stash. Call only if `has` is true."""
        return self._scenes.pop(job.scene_id)[1]

    def forget(self) -> None:
        """Drop everything: the settings or the connection may have changed."""
        self._scenes.clear()
        self.items.fill({})

    def fill(self, jobs: Sequence[Job], stash: StashClient) -> None:
        """Read the scenes of these jobs, the first of which is needed now.

        Raises StashUnavailable, and StashRefused if Stash fails on the first scene alone.
        """
        self.forget()
        if any(job.reason is not Reason.HOOK for job in jobs):
            self.namesakes.forget()  # the cause of the job may be that a performer's name is another one's too
        self._since_read.restart()
        generations = {job.scene_id: self._queue.generation(job.scene_id) for job in jobs}
        try:
            scenes = stash.read_scenes(list(generations), self.namesakes)
        except StashLacks:
            raise
        except (StashRefused, StashUnavailable):
            first = jobs[0].scene_id
            generations, scenes = {first: generations[first]}, read_single(first, stash, self.namesakes)
        for scene_id, generation in generations.items():
            self._scenes[scene_id] = (generation, scenes.get(scene_id))

    def read_items(self, jobs: Sequence[Job], pusher: Pusher, stash: StashClient) -> None:
        """Read the items of these jobs' scenes in one request: those of the last push, else those of the last sweep.

        Raises PlexError and StashUnavailable. Whatever was not read here is read with its own job.
        """
        targets = [(job, pusher.target(scene)) for job, scene in self._scenes_of(jobs)]
        needed = [target for job, target in targets if pusher.reads_items(job, target)]
        unknown = [target for target in needed if not target.known_keys]
        pusher.finder.prepare(
            [target.files for target in unknown], owners_in_stash([target.scene for target in unknown], stash)
        )
        keys = {key: None for target in needed for key in target.known_keys or pusher.finder.known_keys(target.files)}
        if len(needed) > 1 and keys:
            self.items.fill(pusher.plex.read_items(tuple(keys)))

    def _scenes_of(self, jobs: Sequence[Job]) -> list[tuple[Job, Scene]]:
        found = ((job, self._scenes.get(job.scene_id)) for job in jobs)
        return [(job, entry[1]) for job, entry in found if entry and entry[1]]


def read_single(scene_id: int, stash: StashClient, namesakes: Namesakes | None = None) -> dict[int, Scene]:
    """Read one scene after its batch failed.

    Raises StashUnavailable if Stash does not answer another question either, which stops all jobs. Raises StashRefused
    if it fails on this scene alone, however it does so: that concerns only this job.
    """
    stash.fetch_configuration()
    try:
        return stash.read_scenes([scene_id], namesakes)
    except StashLacks:
        raise
    except StashUnavailable as error:
        raise StashRefused(f"Stash answers, but not about scene {scene_id}: {error}") from error
