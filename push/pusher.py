"""One scene into Plex: find its items, compare, send what differs, remember what was sent.

The order of writes is what makes a kill at any moment harmless: the intent is stored before the
edit is sent, and what was pushed is stored before the job is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from plex.errors import Rejected
from plex.plan import Owned, plan, restore_parameters
from push.fields import digest, fingerprint_of, plex_files, wanted_of, why_left_alone
from push.locate import Locator, Target
from push.picture_store import PictureStore
from push.pictures import PicturePusher
from push.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping, Sequence

    from local.clock import Clock
    from plex.client import PlexClient
    from plex.find import Finder
    from plex.model import PlexItem
    from plex.plan import Plan
    from plex.scan import Scans
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings
    from store.job import Job
    from store.ledger import Ledger


class Pusher:
    """Pushes scenes under one set of settings and one connection to Plex."""

    def __init__(
        self,
        *,
        plex: PlexClient,
        finder: Finder,
        ledger: Ledger,
        settings: Settings,
        clock: Clock,
        log: logging.Logger,
        scans: Scans | None = None,
    ) -> None:
        self.plex = plex
        self.finder = finder
        self.ledger = ledger
        self.settings = settings
        self.clock = clock
        self.store = PictureStore(ledger)
        self.locator = Locator(
            plex=plex, finder=finder, ledger=ledger, scans=scans, log=log, on_lost=self.store.forget_items
        )
        self.pictures = PicturePusher(plex=plex, store=self.store, settings=settings)

    def target(self, scene: Scene) -> Target:
        """What is to be pushed for the scene, and what the ledger knows of it."""
        wanted, files = wanted_of(scene, self.settings), plex_files(scene, self.settings)
        return Target(
            scene=scene,
            wanted=wanted,
            files=tuple((file.path, file.size) for file in scene.files),
            fingerprint=fingerprint_of(wanted, files, self.settings),
            files_digest=digest(files, self.settings.plex_url, self.settings.plex_library),
            record=self.ledger.record(scene.id),
        )

    def is_unwanted(self, target: Target) -> str:
        """Why the scene is not pushed at all; "" when it is."""
        was_pushed = target.record is not None and bool(target.record.items)
        return why_left_alone(target.scene, self.settings, was_pushed=was_pushed)

    def needs_plex(self, job: Job, target: Target) -> bool:
        """Whether the push would ask Plex anything."""
        return not self.is_unwanted(target) and (job.reason.reads_always or not target.is_in_plex)

    def push(self, job: Job, target: Target, ahead: dict[int, PlexItem], stash: StashClient) -> Outcome:
        """Push the scene; an item read ahead is taken out and used once.

        Raises PlexError and LocalStorage; PictureFailed when all is in Plex but the cover.
        """
        unwanted = self.is_unwanted(target)
        if unwanted:
            self._store_verdict(target, Verdict.SKIPPED, "")
            return Outcome(verdict=Verdict.SKIPPED, text=unwanted)
        try:
            if not self.needs_plex(job, target):
                return self._finish_with_cover(job, target, stash)
            items = self.locator.locate(job, target, ahead)
            return self._finish_with_cover(job, target, stash, pushed=self._push_to_items(target, items))
        except Rejected:
            # The item may have been replaced since it was found: look it up anew, once.
            items = self.locator.locate_anew(target)
            return self._finish_with_cover(job, target, stash, pushed=self._push_to_items(target, items))

    def _push_to_items(self, target: Target, items: Sequence[PlexItem]) -> dict[int, bool]:
        """By rating key, whether anything had to be sent."""
        return {item.rating_key: self._push_to_item(target, item) for item in items}

    def _finish_with_cover(
        self, job: Job, target: Target, stash: StashClient, *, pushed: Mapping[int, bool] | None = None
    ) -> Outcome:
        """`pushed`: the items that were looked at; None when the fields needed none. Until the cover is there the
        scene is not settled: the job comes back for it.
        """
        keys = target.known_keys if pushed is None else tuple(pushed)
        covered = self.pictures.push(target.scene, keys, stash, is_edited=not job.reason.is_bulk)
        is_sent = covered.is_sent or any((pushed or {}).values())
        verdict = Verdict.PUSHED if is_sent else Verdict.UNCHANGED
        self._store_verdict(target, verdict, target.fingerprint)
        was_asked = pushed is not None or covered.is_sent
        return Outcome(verdict=verdict, text=covered.problem, rating_keys=keys if was_asked else ())

    def _push_to_item(self, target: Target, item: PlexItem) -> bool:
        scene_id, key = target.scene.id, item.rating_key
        owned = self.ledger.owners(key).get(scene_id) or Owned(pushed={}, intents=())
        edit = plan(item, target.wanted, owned, keep_plex_edits=self.settings.keep_plex_edits)
        if not edit.is_empty:
            self.ledger.intend(scene_id, key, owned, edit.intent)
        if edit.parameters:
            self.plex.edit(item, edit.parameters)
        if edit.reorders:
            self._put_back(target, item, edit)
        if edit.rating is not None:
            self.plex.rate(key, edit.rating)
        if edit.sends or edit.pushed != owned.pushed or owned.intents:
            self.ledger.store_pushed(scene_id, key, edit.pushed, now=self.clock.now())
        return edit.sends

    def _put_back(self, target: Target, item: PlexItem, edit: Plan) -> None:
        """Look whether Plex kept what was taken off and added again in one request."""
        for now in self.plex.read_items([item.rating_key]).values():
            if lost := restore_parameters(now, edit, target.wanted.pictures):
                self.plex.edit(now, lost)

    def _store_verdict(self, target: Target, verdict: Verdict, fingerprint: str) -> None:
        self.ledger.store_verdict(
            target.scene,
            verdict=verdict.value,
            fingerprint=fingerprint,
            files=target.files_digest,
            now=self.clock.now(),
        )
