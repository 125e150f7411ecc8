"""Sync All Scenes, Sync Recent Scenes: queue what differs from what was last pushed, watch the drain; Sync Scene.

The comparison reads Stash and the ledger in pages and asks Plex nothing; what differs goes to the worker in batches,
which begins with the first while the rest is compared.
"""

from __future__ import annotations

import uuid
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local import inbox
from push.fields import compare
from stash.errors import StashRefused
from stash.listing import AllScenes, RecentScenes
from store.job import Reason
from store.overview import Overview
from store.requests import batch_content
from tasks.arguments import scene_id_of
from tasks.prerequisites import need_packages, open_stash
from tasks.process_queue import LINE_S, watch_drain
from tasks.worker_link import ask_worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stash.client import StashClient
    from stash.listing import Listing
    from stash.scene import Scene
    from stash.settings import Settings
    from tasks.context import Context

PAGE = 200
RECENT_S = 86400.0
# The part of the bar that belongs to the comparison.
COMPARED = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some scenes; `failed` are the ids of those that Stash cannot describe; `rest`: how many come after these."""

    scenes: Sequence[Scene] = ()
    failed: Sequence[int] = ()
    rest: int = 0


@dataclass(slots=True, kw_only=True)
class SyncCounts:
    """What the comparison has found so far."""

    checked: int = 0
    queued: array[int] = field(default_factory=lambda: array("q"))  # scene ids
    unchanged: int = 0
    skipped: int = 0


def sync_all(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Sync All Scenes."""
    return _sync(context, since_s=None)


def sync_recent(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Sync Recent Scenes."""
    return _sync(context, since_s=RECENT_S)


def sync_scene(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of `sync_scene`."""
    scene_id = scene_id_of(context.input.args)
    answer = ask_worker(context, "sync_scene", {"scene_id": scene_id})
    reason = f" ({answer['message']})" if answer.get("message") else ""
    context.log.info("scene %d: %s%s", scene_id, answer["verdict"], reason)
    return answer


def _sync(context: Context, *, since_s: float | None) -> Mapping[str, object]:
    need_packages(context)
    began_at = context.now
    counts = SyncCounts()
    with open_stash(context) as (client, settings):
        listing = AllScenes(PAGE) if since_s is None else RecentScenes(began_at - since_s, PAGE)
        _compare_pages(context, settings, _pages(client, listing), counts)
    context.log.info(
        "%d scenes compared: %d queued, %d unchanged, %d left alone (nothing to push).",
        counts.checked, len(counts.queued), counts.unchanged, counts.skipped,
    )  # fmt: skip
    drained = watch_drain(context, since=began_at, queued=counts.queued, from_fraction=COMPARED)
    return {
        **drained,
        "checked": counts.checked,
        "queued": len(counts.queued),
        "unchanged": counts.unchanged,
        "skipped": counts.skipped,
    }


def _compare_pages(context: Context, settings: Settings, pages: Iterator[Page], counts: SyncCounts) -> None:
    overview = Overview(context.directory)
    line_at = context.clock.monotonic() + LINE_S
    for page in pages:
        known = overview.last_pushes(scene.id for scene in page.scenes)
        found = compare(page.scenes, settings, known)
        queued = [*found.different, *page.failed]
        _queue(context, queued)
        counts.checked += len(page.scenes) + len(page.failed)
        counts.queued.extend(queued)
        counts.unchanged += found.unchanged
        counts.skipped += found.skipped
        context.progress(COMPARED * counts.checked / max(1, counts.checked + page.rest))
        if context.clock.monotonic() >= line_at:
            line_at += LINE_S
            text = "%d scenes compared, %d of them queued; %d to go"
            context.log.info(text, counts.checked, len(counts.queued), page.rest)


def _queue(context: Context, scene_ids: Sequence[int]) -> None:
    """One batch for the worker. A scene that Stash cannot describe goes along: its job says why, alone."""
    if scene_ids:
        name = f"{inbox.BATCH}-{uuid.uuid4().hex[:12]}"
        inbox.publish(context.directory, name, batch_content(scene_ids, Reason.SYNC))


def _pages(client: StashClient, listing: Listing) -> Iterator[Page]:
    while (ids := listing.next_page(client)) is not None:
        if ids:
            yield _read(client, ids, rest=listing.rest)


def _read(client: StashClient, ids: Sequence[int], *, rest: int) -> Page:
    try:
        return Page(scenes=list(client.read_scenes(ids).values()), rest=rest)
    except StashRefused:
        return _read_singly(client, ids, rest=rest)


def _read_singly(client: StashClient, ids: Sequence[int], *, rest: int) -> Page:
    """Only a single read tells which scene it is that Stash cannot describe."""
    scenes: list[Scene] = []
    failed: list[int] = []
    for scene_id in ids:
        try:
            scenes += client.read_scenes([scene_id]).values()
        except StashRefused:  # noqa: PERF203 - one try each is the point
            failed.append(scene_id)
    return Page(scenes=scenes, failed=failed, rest=rest)
