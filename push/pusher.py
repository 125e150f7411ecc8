"""Pushes one scene into Plex: find its items, compare, send what differs, store what was sent.

A kill at any moment is harmless because of the order of writes: the intent is stored before the edit is sent, and the
pushed values are stored before the job leaves the queue.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from local.words import named
from plex.edit import LONGEST_LINE_BYTES, shorter_line, text_bytes_for
from plex.errors import NotInPlex, Rejected, RequestTooLong
from plex.plan import Owned, plan
from push.actor_pictures import ActorPictures
from push.altered_values import AlteredValues
from push.fields import reason_to_skip
from push.locate import Locator, ReadAheadItems, Target
from push.outline import Outlines
from push.picture_locks import PictureLocks
from push.picture_store import PictureStore
from push.pictures import PictureFailed, PicturePusher
from push.shared_items import Claim, SharedItems, scene_is_in
from push.verdicts import Outcome, Verdict
from push.writes import OthersFirst
from store.altered import AlterationStore
from store.ignored import IgnoredScenes
from store.items import ItemStore
from store.judgement import AttemptTimes, Judgement

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from local.clock import Clock
    from plex.client import PlexClient
    from plex.find import Finder
    from plex.model import PlexItem
    from plex.plan import Wanted
    from plex.puts import PreparedEdit
    from plex.scan import Scans
    from push.locate import Located
    from push.pictures import LockedFields
    from push.writes import Clients, Steps
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings
    from store.job import Job
    from store.ledger import Ledger

_IGNORED = "ignored"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Push:
    """One push of one scene: its job, its target, and when the attempt began. `defers_cover`: see Pusher.push."""

    job: Job
    target: Target
    attempt: AttemptTimes
    stash: StashClient
    defers_cover: Callable[[], bool]


class _ItemsBusy(Exception):  # noqa: N818 - named for what is the case
    """Another push is under way to an item of this one."""


class Pusher:
    """Pushes scenes with one set of settings and one connection to Plex.

    `scans`: None if Plex must not be asked to scan. `picture_locks`: those of the worker, if it has some.
    """

    def __init__(
        self,
        *,
        clients: Clients,
        finder: Finder,
        ledger: Ledger,
        server: str,
        settings: Settings,
        clock: Clock,
        log: logging.Logger,
        scans: Scans | None = None,
        picture_locks: PictureLocks | None = None,
    ) -> None:
        self.clients = clients
        self.plex = plex = clients.here
        self.finder = finder
        self.settings = settings
        self.server = server
        self._items = ItemStore(ledger, server)
        self.shared = SharedItems(ledger, self._items, log)
        self._ledger = ledger
        self._clock = clock
        self._log = log
        self._scans = scans
        self._line_bytes = ledger.line_bytes(server) or LONGEST_LINE_BYTES
        self._outlines = Outlines(settings)
        self._locator = Locator(plex=plex, finder=finder)
        self._picture_store = PictureStore(ledger, server)
        locks = PictureLocks(ledger, clock, server) if picture_locks is None else picture_locks
        self.altered_values = AlteredValues(
            plex=plex, store=AlterationStore(ledger, server), keep_plex_edits=settings.keep_plex_edits, log=log
        )
        self._actor_pictures = ActorPictures()
        self.busy = set[int]()  # the items of pushes under way
        self._pictures = PicturePusher(clients=clients, store=self._picture_store, locks=locks, settings=settings)

    def claim_of(self, target: Target, stash: StashClient) -> Claim:
        """What the scene of the target brings forward for items."""
        return Claim(
            scene_id=target.scene.id,
            files=target.files,
            rules=self.finder.rules,
            holds_scene=partial(scene_is_in, stash, self.finder),
        )

    # Before Plex is asked

    def target(self, scene: Scene) -> Target:
        """What to push for the scene, with what the ledger knows of it."""
        outline = self._outlines.of(scene)
        return Target(
            outline=outline,
            wanted=replace(outline.wanted, text_bytes=text_bytes_for(self._line_bytes)),
            files=tuple((file.path, file.size) for file in scene.files),
            record=self._ledger.record(scene.id, self.server),
        )

    def reason_to_skip(self, target: Target, job: Job | None = None) -> str:
        """Why the scene is not pushed, for this job or without one; "" if it is."""
        if target.is_ignored and not (job and job.reason.ends_ignoring):
            return _IGNORED
        was_pushed = target.record is not None and bool(target.record.items)
        return reason_to_skip(target.scene, self.settings, was_pushed=was_pushed)

    def needs_plex(self, job: Job, target: Target) -> bool:
        """Whether the push has to ask Plex anything, apart from the cover."""
        always_reads = job.reason.always_reads_item and not job.is_cover_left
        return not self.reason_to_skip(target, job) and (always_reads or not target.is_up_to_date)

    def reads_items(self, job: Job, target: Target) -> bool:
        """Whether the push has to read the items: for the fields, or to see whether somebody chose their pictures."""
        return self.needs_plex(job, target) or (
            job.is_cover_left and not self.reason_to_skip(target, job) and self._pictures.is_first(target.known_keys)
        )

    # One push, from top to bottom

    def push(
        self,
        job: Job,
        target: Target,
        ahead: ReadAheadItems,
        stash: StashClient,
        *,
        began_at: float,
        defers_cover: Callable[[], bool] = lambda: False,
    ) -> Steps[Outcome]:
        """Push the scene. `began_at`: when the attempt began, in epoch seconds.

        `defers_cover`: asked once the fields are done, whether other work goes before the cover. Each write is yielded
        after its intent was stored.

        Raises PlexError and LocalStorage, and PictureFailed if everything but the cover is in Plex.
        """
        attempt = AttemptTimes(began_at=began_at, event_at=job.last_event_at)
        push = _Push(job=job, target=target, attempt=attempt, stash=stash, defers_cover=defers_cover)
        mine = set[int]()
        while True:
            try:
                return (yield from self._push_once(push, ahead, mine))
            except _ItemsBusy:  # noqa: PERF203 - one try each is the point
                self.busy -= mine
                yield OthersFirst()
                # What was read, and what was known, is of before the other push.
                push, ahead = replace(push, target=self.target(target.scene)), ReadAheadItems()
            finally:
                self.busy -= mine
                mine.clear()

    def _push_once(self, push: _Push, ahead: ReadAheadItems, mine: set[int]) -> Steps[Outcome]:
        if reason := self.reason_to_skip(push.target, push.job):
            if reason != _IGNORED:
                self._store_judgement(push, Judgement.SKIPPED, "")
            return Outcome(verdict=Verdict.SKIPPED, text=reason)
        if push.target.is_ignored:
            IgnoredScenes(self._ledger).stop([push.target.scene.id])
        try:
            return (yield from self._push_or_relocate(push, ahead, mine))
        except NotInPlex as error:
            self._note_missing(push.job, push.target, error)
            raise

    def _push_or_relocate(self, push: _Push, ahead: ReadAheadItems, mine: set[int]) -> Steps[Outcome]:
        """`mine`: gets the items that the push occupies."""
        try:
            if not self.needs_plex(push.job, push.target):
                self._occupy(push.target.known_keys, mine)
                read = ahead.take(push.target.known_keys)
                items = {key: _locked(read.get(key)) for key in push.target.known_keys}
                return (yield from self._finish(push, items))
            located = self._locator.locate(push.target, ahead, push.stash, since=push.job.last_event_at)
            return (yield from self._push_to_items(push, located, mine))
        except Rejected:
            # The item may have been replaced since it was found: locate it again, once.
            located = self._locator.relocate(push.target, push.stash)
            return (yield from self._push_to_items(push, located, mine))

    def _occupy(self, rating_keys: Iterable[int], mine: set[int]) -> None:
        """Raises _ItemsBusy if another push is under way to one of these items."""
        new = set(rating_keys) - mine
        if new & self.busy:
            raise _ItemsBusy
        self.busy |= new
        mine |= new

    def _push_to_items(self, push: _Push, located: Located, mine: set[int]) -> Steps[Outcome]:
        self._occupy([item.rating_key for item in located.items], mine)
        items, sent = self._claim(push.target, located, push.stash), dict[int, bool]()
        for item in items:
            sent[item.rating_key] = yield from self._push_to_item(push.target, item)
        return (yield from self._finish(push, {item.rating_key: item.locked for item in items}, sent))

    def _claim(self, target: Target, located: Located, stash: StashClient) -> Sequence[PlexItem]:
        """The items that now belong to this scene alone. Raises NotInPlex if a look-up found none."""
        if located.were_looked_up:
            self._forget_lost_items(target, located)
        items = self.shared.claim(self.claim_of(target, stash), located.items)
        if located.were_looked_up and located.has_full_path:
            self.finder.await_elsewhere(target.scene.id, target.files, located.items)
        elif located.were_looked_up and items:
            self.finder.await_paths(target.scene.id, target.files)
        elif located.were_looked_up:  # items that only look alike belong to another scene
            raise NotInPlex(self._paths_in_plex(target))
        return items

    def _push_to_item(self, target: Target, item: PlexItem) -> Steps[bool]:
        """Make one item show what is wanted; return whether anything had to be sent.

        What the server rejects as too long is sent again, shortened; from then on, nothing that long is sent.
        """
        before, line_bytes, is_sent = item, self._line_bytes, False
        wanted = self._actor_pictures.without_new_actors(item, target.wanted)
        while True:
            try:
                is_sent = (yield from self._send(target.scene, item, wanted, line_bytes)) or is_sent
                break
            except RequestTooLong as error:
                shorter = shorter_line(min(error.line_bytes, line_bytes))
                now = self.plex.read_items([item.rating_key]).get(item.rating_key)
                if shorter is None or now is None:
                    raise
                item, line_bytes, is_sent = now, shorter, True
                wanted = replace(wanted, text_bytes=text_bytes_for(shorter))
        if line_bytes != self._line_bytes:
            self._note_line_bytes(target, line_bytes)
        return (yield from self._give_pictures(target, before, line_bytes)) or is_sent

    def _give_pictures(self, target: Target, before: PlexItem, line_bytes: int) -> Steps[bool]:
        """Send the pictures of actors who are new to the item and turn out to have none; whether there are any."""
        if not self._actor_pictures.needs_look(before, target.wanted):
            return False
        now = self.plex.read_items([before.rating_key]).get(before.rating_key)
        wanted = self._actor_pictures.after_look(target.wanted)
        return now is not None and (yield from self._send(target.scene, now, wanted, line_bytes))

    def _send(self, scene: Scene, item: PlexItem, wanted: Wanted, line_bytes: int) -> Steps[bool]:
        key, altered = item.rating_key, self.altered_values.of(item.rating_key)
        record = self._items.record(key)
        owned = record.owned if record else Owned(pushed={})
        edit = plan(item, wanted, owned, keep_plex_edits=self.settings.keep_plex_edits, altered=altered)
        # Prepared on this thread, which has time while Plex answers; the one that sends has none.
        steps = [self.plex.prepare_edit(item, step, line_bytes=line_bytes) for step in edit.steps]
        if edit.intents:
            self._items.record_intent(scene.id, key, owned, edit.intents, edit.former)
        if edit.sends:
            yield self.clients.write(partial(_carry_out, key, edit.rating, steps))
        if edit.sends or edit.pushed != owned.pushed or owned.intents:
            self._items.store_pushed(scene.id, key, edit.pushed, former=edit.former, now=self._clock.now())
        self.altered_values.update(scene, key, edit, altered)
        return edit.sends

    def _note_line_bytes(self, target: Target, line_bytes: int) -> None:
        self._line_bytes = line_bytes
        self._ledger.store_line_bytes(self.server, line_bytes)
        self._log.warning(
            "Plex, or a proxy before it, takes no request longer than %d bytes (seen with %s). Longer texts are cut at "
            'a word from now on. A direct "Plex address", or a higher limit in the proxy, avoids that.',
            line_bytes, named(target.scene.title, target.scene.id),
        )  # fmt: skip

    def _finish(self, push: _Push, items: LockedFields, sent: Mapping[int, bool] | None = None) -> Steps[Outcome]:
        """The fields are in Plex: store that, and push the cover, now or with the same job later.

        `sent`: by item, whether its fields had to be sent; None if Plex was not asked about them.
        """
        fields = Outcome(
            verdict=Verdict.PUSHED if any((sent or {}).values()) else Verdict.UNCHANGED,
            rating_keys=tuple(items) if sent is not None else (),
            has_read=sent is not None,
            has_written=any((sent or {}).values()),
        )
        is_judged = push.job.is_cover_left and sent is None
        if not is_judged:
            self._store_judgement(push, Judgement(fields.verdict.value), push.target.fingerprint)
        is_edited = not push.job.reason.is_bulk
        is_due = self._pictures.is_due(push.target.scene, items, is_edited=is_edited)
        if is_due and not push.job.is_cover_left and push.defers_cover():
            return replace(fields, is_cover_left=True)
        return (yield from self._push_cover(push, items, fields)) if is_due or is_judged else fields

    def _push_cover(self, push: _Push, items: LockedFields, fields: Outcome) -> Steps[Outcome]:
        """The last step. `fields`: how they ended."""
        is_edited, began_at = not push.job.reason.is_bulk, push.attempt.began_at
        try:
            cover = yield from self._pictures.push(
                push.target.scene, items, push.stash, is_edited=is_edited, began_at=began_at
            )
        except PictureFailed as error:
            error.has_read, error.has_written = fields.has_read, fields.has_written
            raise
        judgement = Judgement.PUSHED if cover.has_changed_plex else Judgement.UNCHANGED
        self._store_judgement(push, judgement, push.target.fingerprint, of_cover=True)
        return replace(
            fields,
            verdict=Verdict.PUSHED if cover.has_changed_plex else fields.verdict,
            text=cover.problem,
            rating_keys=tuple(items) if fields.has_read or cover.has_changed_plex else (),
            has_uploaded=cover.has_uploaded,
        )

    def _store_judgement(
        self, push: _Push, judgement: Judgement, fingerprint: str, *, of_cover: bool = False
    ) -> None:
        self._ledger.store_judgement(
            push.target.scene,
            judgement,
            fingerprint=fingerprint,
            files=push.target.files_digest,
            server=self.server,
            now=self._clock.now(),
            attempt=push.attempt,
            of_cover=of_cover,
        )

    # When the scene is not, or no longer, in an item

    def _forget_lost_items(self, target: Target, located: Located) -> None:
        if target.record:
            lost = set(target.record.items) - {item.rating_key for item in located.items}
            gone = lost - self.plex.read_items(sorted(lost)).keys()
            self._items.release(target.scene.id, lost - gone)
            self._items.delete(gone)
            self._picture_store.forget_items(gone)

    def _note_missing(self, job: Job, target: Target, error: NotInPlex) -> None:
        await_files = self.finder.await_exactly if error.near_misses else self.finder.await_files
        await_files(target.scene.id, target.files)
        if self._scans:  # a recent scan may have started before the file was there: a later try asks again
            self._scans.request(self._paths_in_plex(target), since=job.first_event_at)

    def _paths_in_plex(self, target: Target) -> list[str]:
        return [self.finder.rules.map(path) for path, _size in target.files]


def _carry_out(rating_key: int, rating: str | None, steps: Sequence[PreparedEdit], plex: PlexClient) -> None:
    if rating is not None:
        plex.rate(rating_key, rating)
    for step in steps:
        plex.send_edit(step)


def _locked(item: PlexItem | None) -> frozenset[str] | None:
    return item.locked if item else None
