"""Sync All Scenes and Sync Recent Scenes: queue what differs from the last push, watch the drain. Also `sync_scene`.

The comparison reads Stash and the ledger page by page and never asks Plex. The scenes of a page that differ go to the
worker as one batch, so it pushes the first ones while later pages are compared.
"""

from __future__ import annotations

import uuid
from array import array
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from local import inbox
from push.fields import compare
from stash.errors import StashRefused
from stash.listing import AllScenes, RecentScenes
from store.job import Reason
from store.overview import Overview
from store.requests import batch_content
from tasks.answers import SceneSyncAnswer, SyncAnswer
from tasks.arguments import scene_id_of
from tasks.prerequisites import need_packages, open_stash
from tasks.process_queue import have_worker_look, watch_drain
from tasks.report import ProgressLog
from tasks.worker_link import WorkerLink, ask_worker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stash.client import StashClient
    from stash.listing import Listing
    from stash.scene import Scene
    from stash.settings import Settings
    from tasks.context import Context

PAGE = 200
RECENT_S = 86400.0
# The share of the progress bar that belongs to the comparison.
COMPARISON_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of scenes. `failed`: ids of those that Stash cannot describe; `rest`: how many scenes follow the page."""

    scenes: Sequence[Scene] = ()
    failed: Sequence[int] = ()
    rest: int = 0


@dataclass(slots=True, kw_only=True)
class SyncCounts:
    """The result of the comparison so far."""

    checked: int = 0
    queued: array[int] = field(default_factory=lambda: array("q"))  # scene ids
    unchanged: int = 0
    skipped: int = 0


def sync_all(context: Context) -> SyncAnswer:
    """Sync All Scenes. Raises TaskError if Stash fails; else ends as Process Queue does."""
    return _sync(context, since_s=None)


def sync_recent(context: Context) -> SyncAnswer:
    """Sync Recent Scenes: those that changed in the last 24 hours."""
    return _sync(context, since_s=RECENT_S)


def sync_scene(context: Context) -> SceneSyncAnswer:
    """Push the scene of the argument `scene_id` now, before all other jobs. Ends as `ask_worker` does."""
    scene_id = scene_id_of(context.input.args)
    answer = ask_worker(context, SceneSyncAnswer, "sync_scene", {"scene_id": scene_id})
    reason = f" ({answer.message})" if answer.message else ""
    context.log.info("scene %d: %s%s", scene_id, answer.verdict, reason)
    return answer


def _sync(context: Context, *, since_s: float | None) -> SyncAnswer:
    need_packages(context)
    began_at = context.now
    counts = SyncCounts()
    with open_stash(context) as (client, settings):
        pages = _pages(client, AllScenes(PAGE) if since_s is None else RecentScenes(began_at - since_s, PAGE))
        first = list(islice(pages, 1))  # while the worker starts
        have_worker_look(WorkerLink(context))  # the comparison goes by what was pushed to the server that is there now
        _compare_pages(context, settings, chain(first, pages), counts)
    context.log.info(
        "%d scenes compared: %d queued, %d unchanged, %d left alone (nothing to push).",
        counts.checked, len(counts.queued), counts.unchanged, counts.skipped,
    )  # fmt: skip
    drained = watch_drain(context, since=began_at, queued=counts.queued, from_fraction=COMPARISON_SHARE)
    return SyncAnswer(
        checked=counts.checked,
        queued=len(counts.queued),
        unchanged=counts.unchanged,
        skipped=counts.skipped,
        pushed=drained.pushed,
        missing=drained.missing,
        gone=drained.gone,
        dead=drained.dead,
        waiting=drained.waiting,
        next_due_at=drained.next_due_at,
        stopped_by=drained.stopped_by,
        message=drained.message,
    )


def _compare_pages(context: Context, settings: Settings, pages: Iterable[Page], counts: SyncCounts) -> None:
    overview = Overview(context.directory)
    progress = ProgressLog(context.clock, context.log)
    for page in pages:
        known = overview.last_pushes(scene.id for scene in page.scenes)
        found = compare(page.scenes, settings, known)
        queued = [*found.different, *page.failed]
        _queue(context, queued)
        counts.checked += len(page.scenes) + len(page.failed)
        counts.queued.extend(queued)
        counts.unchanged += found.unchanged
        counts.skipped += found.skipped
        context.progress(COMPARISON_SHARE * counts.checked / max(1, counts.checked + page.rest))
        progress.note(partial(_so_far, counts, page.rest))


def _so_far(counts: SyncCounts, rest: int) -> str:
    return f"{counts.checked} scenes compared, {len(counts.queued)} of them queued; {rest} to go"


def _queue(context: Context, scene_ids: Sequence[int]) -> None:
    """Hand the worker one batch. It includes the scenes that Stash cannot describe: each one's job reports why."""
    if scene_ids:
        name = f"{inbox.BATCH}-{uuid.uuid4().hex[:12]}"
        inbox.publish(context.directory, name, batch_content(scene_ids, Reason.SYNC))


def _pages(client: StashClient, listing: Listing) -> Iterator[Page]:
    while (ids := listing.next_page(client)) is not None:
        if ids:
            yield _read(client, ids, rest=listing.remaining)


def _read(client: StashClient, ids: Sequence[int], *, rest: int) -> Page:
    try:
        return Page(scenes=list(client.read_scenes(ids).values()), rest=rest)
    except StashRefused:
        return _read_singly(client, ids, rest=rest)


def _read_singly(client: StashClient, ids: Sequence[int], *, rest: int) -> Page:
    """Read the scenes one by one, to find out which of them Stash cannot describe."""
    scenes: list[Scene] = []
    failed: list[int] = []
    for scene_id in ids:
        try:
            scenes += client.read_scenes([scene_id]).values()
        except StashRefused:  # noqa: PERF203 - one try each is the point
            failed.append(scene_id)
    return Page(scenes=scenes, failed=failed, rest=rest)
