"""One try at one job, from the read in Stash to a verdict. Every error ends here as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.storage import LocalStorage
from outages.transitions import ProbeKind
from plex.errors import (
    Ambiguous,
    NotInPlex,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerError,
    PlexSetup,
    Rejected,
    ServerFailure,
)
from push.pictures import PictureFailed
from push.verdicts import Outcome, Verdict
from stash.errors import StashRefused, StashUnavailable

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Sequence

    from outages.transitions import ProbeResult
    from push.plex_link import PlexLink
    from push.read_ahead import ReadAhead
    from stash.scene import Scene
    from store.job import Job
    from worker.stash_link import StashLink


class Attempt:
    """Tries jobs under the settings that the Stash link read last."""

    def __init__(
        self,
        *,
        ahead: ReadAhead,
        stash: StashLink,
        plex: PlexLink,
        probe: Callable[[], ProbeResult],
        log: logging.Logger,
    ) -> None:
        self._ahead = ahead
        self._stash = stash
        self._plex = plex
        self._probe = probe
        self._log = log

    def run(self, job: Job, next_jobs: Sequence[Job]) -> tuple[Outcome, Scene | None]:
        """Try `job`; `next_jobs` are read along with it when a new batch has to be read."""
        scene: Scene | None = None
        try:
            scene = self._read(job, next_jobs)
            if scene is None:
                return Outcome(verdict=Verdict.GONE), None
            pusher = self._plex.pusher(self._stash.last_settings())
            return pusher.push(job, pusher.target(scene), self._ahead.items, self._stash.client()), scene
        except (PlexError, PictureFailed) as error:
            return self._judge_cover(error) if isinstance(error, PictureFailed) else self.judge(error), scene
        except StashUnavailable as error:
            return Outcome(verdict=Verdict.STASH_AWAY, text=str(error)), scene
        except (LocalStorage, OSError) as error:
            return Outcome(verdict=Verdict.STORAGE, text=str(error)), scene
        except Exception as error:  # noqa: BLE001 - around one job: see the next line
            # One poisoned job must not stop the others.
            self._log.debug("the traceback behind the next message", exc_info=True)
            return Outcome(verdict=Verdict.BUG, text=f"{type(error).__name__}: {error}"), scene

    def _read(self, job: Job, next_jobs: Sequence[Job]) -> Scene | None:
        if not self._ahead.has(job):
            batch = (job, *next_jobs)
            self._ahead.fill(batch, self._stash.client())
            if next_jobs:
                self._read_items_ahead(batch)
        return self._ahead.take(job)

    def _read_items_ahead(self, batch: Sequence[Job]) -> None:
        try:
            self._ahead.read_items(batch, self._plex.pusher(self._stash.last_settings()))
        except PlexBusy:
            raise  # whoever is asked to come back later does not ask once more
        except PlexError as error:
            # Only a single read gives a verdict: it may be one item of the batch that fails.
            self._log.debug("the items of %d scenes could not be read at once: %s", len(batch), error)

    def judge(self, error: PlexError) -> Outcome:
        """What an error of Plex says about the job, and what about the server: a deep probe tells."""
        text = str(error)
        if isinstance(error, ServerFailure):
            return self._judge_by_probe(Outcome(verdict=Verdict.OWN_FAILURE, text=text, error_class=error.name))
        if isinstance(error, PlexAuthError | Rejected):  # a proxy without its Plex answers 404 to everything
            rejected = Rejected.__name__
            return self._judge_by_probe(Outcome(verdict=Verdict.REJECTED, text=text, error_class=rejected))
        if isinstance(error, PlexSetup):  # for this job alone: one address that something on the way redirects
            failed = PlexServerError.__name__
            return self._judge_by_probe(Outcome(verdict=Verdict.OWN_FAILURE, text=text, error_class=failed))
        if isinstance(error, PlexBusy):
            return Outcome(verdict=Verdict.BUSY, text=text, retry_after_s=error.retry_after_s)
        verdicts = (
            (NotInPlex, Verdict.NOT_IN_PLEX),
            (Ambiguous, Verdict.AMBIGUOUS),
        )
        verdict = next((verdict for kind, verdict in verdicts if isinstance(error, kind)), Verdict.BUG)
        return Outcome(verdict=verdict, text=text, error_class=error.name if verdict is not Verdict.BUG else "")

    def _judge_cover(self, failure: PictureFailed) -> Outcome:
        """The scene's fields are in Plex. Unless all jobs would meet the same, its cover is tried again for itself."""
        cause = failure.cause
        if isinstance(cause, StashUnavailable) and self._is_stash_away():
            return Outcome(verdict=Verdict.STASH_AWAY, text=str(cause))
        judged = self.judge(cause) if isinstance(cause, PlexError) else Outcome(verdict=Verdict.REJECTED)
        if judged.verdict not in (Verdict.OWN_FAILURE, Verdict.REJECTED):
            return judged
        error_class = judged.error_class or Rejected.__name__
        return Outcome(verdict=Verdict.COVER, text=str(failure), error_class=error_class)

    def _is_stash_away(self) -> bool:
        """Whether it fails at more than one picture: what a probe is for Plex."""
        try:
            self._stash.client().fetch_configuration()
        except (StashUnavailable, StashRefused):
            return True
        return False

    def _judge_by_probe(self, alone: Outcome) -> Outcome:
        """What all jobs would meet when the probe meets it too; else what it means for this job `alone`."""
        probed = self._probe()
        if probed.kind is ProbeKind.OK:
            return alone
        if probed.kind is ProbeKind.DOWN:
            return Outcome(verdict=Verdict.OUTAGE, text=probed.text or alone.text)
        return self._outcome_of_probe(probed)

    @staticmethod
    def _outcome_of_probe(probed: ProbeResult) -> Outcome:
        verdicts = {ProbeKind.AUTH: Verdict.AUTH, ProbeKind.SETUP: Verdict.SETUP, ProbeKind.BUSY: Verdict.BUSY}
        return Outcome(verdict=verdicts[probed.kind], text=probed.text, retry_after_s=probed.retry_after_s)
