"""One try at one job, from the read in Stash to a verdict. Every error ends here, as an outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from local.storage import LocalStorage
from outages.transitions import ProbeKind
from plex.errors import (
    Ambiguous,
    NotInPlex,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexSetup,
    Rejected,
    ServerFailure,
)
from push.pictures import PictureFailed
from push.verdicts import Outcome, Verdict
from stash.errors import StashRefused, StashUnavailable
from store.judgement import ErrorClass

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from outages.transitions import ProbeResult
    from push.plex_link import PlexLink
    from push.read_ahead import ReadAhead
    from stash.scene import Scene
    from store.job import Job
    from worker.stash_link import StashLink

    Probe = Callable[[], ProbeResult]

# What an error means for this job alone, and whether a probe has to tell first if all jobs would meet it.
_VERDICTS: Final[Sequence[tuple[type[PlexError], Verdict, bool]]] = (
    (PlexBusy, Verdict.BUSY, False),
    (NotInPlex, Verdict.NOT_IN_PLEX, False),
    (Ambiguous, Verdict.AMBIGUOUS, False),
    (ServerFailure, Verdict.OWN_FAILURE, True),
    (Rejected, Verdict.REJECTED, True),  # a proxy without its Plex answers 404 to everything
    (PlexAuthError, Verdict.REJECTED, True),
    (PlexSetup, Verdict.OWN_FAILURE, True),  # something on the way redirects one address
)
# What a probe found is what all jobs would meet.
_VERDICT_OF_PROBE: Final[Mapping[ProbeKind, Verdict]] = {
    ProbeKind.DOWN: Verdict.OUTAGE,
    ProbeKind.AUTH: Verdict.AUTH,
    ProbeKind.SETUP: Verdict.SETUP,
    ProbeKind.BUSY: Verdict.BUSY,
}


class Attempt:
    """Tries jobs under the settings that were last read from Stash."""

    def __init__(
        self, *, ahead: ReadAhead, stash: StashLink, plex: PlexLink, probe: Probe, log: logging.Logger
    ) -> None:
        self._ahead = ahead
        self._stash = stash
        self._plex = plex
        self._probe = probe
        self._log = log

    def run(self, job: Job, next_jobs: Sequence[Job], began_at: float) -> tuple[Outcome, Scene | None]:
        """Try `job`, from `began_at` (epoch seconds) on; a new batch is read together with `next_jobs`."""
        scene: Scene | None = None
        try:
            scene = self._read(job, next_jobs)
            if scene is None:
                return Outcome(verdict=Verdict.GONE), None
            pusher = self._plex.pusher(self._stash.last_settings())
            outcome = pusher.push(
                job, pusher.target(scene), self._ahead.items, self._stash.client(), began_at=began_at
            )
        except PlexError as error:
            outcome = judge(error, self._probe)
        except PictureFailed as error:
            outcome = judge_cover(error, self._probe, self._is_stash_away)
        except StashUnavailable as error:
            outcome = Outcome(verdict=Verdict.STASH_AWAY, text=str(error))
        except (LocalStorage, OSError) as error:
            outcome = Outcome(verdict=Verdict.STORAGE, text=str(error))
        except Exception as error:  # noqa: BLE001 - one poisoned job must not stop the others
            self._log.debug("the traceback behind the next message", exc_info=True)
            outcome = Outcome(verdict=Verdict.BUG, text=f"{type(error).__name__}: {error}")
        return outcome, scene

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
            raise  # Plex asked to be left alone: no second request
        except PlexError as error:
            # Only a single read gives a verdict: one item of the batch may be what fails.
            self._log.debug("the items of %d scenes could not be read at once: %s", len(batch), error)

    def _is_stash_away(self) -> bool:
        """Whether Stash fails at more than one picture: what a probe is for Plex."""
        try:
            self._stash.client().fetch_configuration()
        except (StashUnavailable, StashRefused):
            return True
        return False


def judge(error: PlexError, probe: Probe) -> Outcome:
    """What an error of Plex means for the job. `probe` tells whether all jobs would meet it now."""
    verdict, asks_probe = next(
        ((verdict, asks) for kind, verdict, asks in _VERDICTS if isinstance(error, kind)), (Verdict.BUG, False)
    )
    alone = Outcome(
        verdict=verdict,
        text=str(error),
        error=ErrorClass(error.name) if isinstance(error, ServerFailure) else None,
        retry_after_s=error.retry_after_s if isinstance(error, PlexBusy) else None,
    )
    return _judge_by_probe(alone, probe) if asks_probe else alone


def judge_cover(failure: PictureFailed, probe: Probe, is_stash_away: Callable[[], bool]) -> Outcome:
    """The scene's fields are in Plex: its cover is tried again by itself, unless all jobs would meet the same."""
    cause = failure.cause
    if isinstance(cause, PlexError):
        judged = judge(cause, probe)
        if judged.verdict not in (Verdict.OWN_FAILURE, Verdict.REJECTED):
            return judged
        error = judged.error or judged.verdict.row.error
        return Outcome(verdict=Verdict.COVER, text=str(failure), error=error)
    if isinstance(cause, StashUnavailable) and is_stash_away():
        return Outcome(verdict=Verdict.STASH_AWAY, text=str(cause))
    return Outcome(verdict=Verdict.COVER, text=str(failure))


def _judge_by_probe(alone: Outcome, probe: Probe) -> Outcome:
    """What all jobs would meet when the probe meets it too; otherwise `alone`, what it means for this job."""
    probed = probe()
    if probed.kind is ProbeKind.OK:
        return alone
    return Outcome(
        verdict=_VERDICT_OF_PROBE[probed.kind], text=probed.text or alone.text, retry_after_s=probed.retry_after_s
    )
