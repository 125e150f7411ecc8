"""Runs one attempt at a job, from reading the scene to the verdict, and turns every error into an outcome."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from local.hide_paths import mark_paths
from local.storage import LocalStorage
from outages.transitions import ProbeKind
from plex.errors import (
    Ambiguous,
    LeftOff,
    NotInPlex,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexSetup,
    Rejected,
    RequestTooLong,
    ServerFailure,
)
from push.pictures import PictureFailed
from push.verdicts import Outcome, Verdict
from stash.errors import SceneTooLarge, StashLacks, StashRefused, StashUnavailable
from store.evidence import Evidence
from store.judgement import ErrorClass

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence

    from outages.transitions import Probe
    from push.plex_link import PlexLink
    from push.read_ahead import ReadAhead
    from push.writes import Steps
    from stash.scene import Scene
    from store.job import Job
    from worker.stash_link import StashLink

# The verdict if the error concerns this job alone, and whether a probe must first rule out that it concerns all jobs.
_VERDICT_OF_ERROR: Final[Sequence[tuple[type[PlexError], Verdict, bool]]] = (
    (PlexBusy, Verdict.BUSY, False),
    (LeftOff, Verdict.LEFT_OFF, False),
    (NotInPlex, Verdict.NOT_IN_PLEX, False),
    (Ambiguous, Verdict.AMBIGUOUS, False),
    (ServerFailure, Verdict.OWN_FAILURE, True),
    (Rejected, Verdict.REJECTED, True),  # a proxy whose Plex is down answers 404 to everything
    (PlexAuthError, Verdict.REJECTED, True),
    (PlexSetup, Verdict.OWN_FAILURE, True),  # a proxy may redirect a single address
)
# A failed probe means that all jobs would fail the same way.
_VERDICT_OF_PROBE: Final[Mapping[ProbeKind, Verdict]] = {
    ProbeKind.DOWN: Verdict.OUTAGE,
    ProbeKind.AUTH: Verdict.AUTH,
    ProbeKind.SETUP: Verdict.SETUP,
    ProbeKind.BUSY: Verdict.BUSY,
}


class Attempt:
    """Tries jobs with the settings that were last read from Stash."""

    def __init__(
        self, *, read_ahead: ReadAhead, stash: StashLink, plex: PlexLink, probe: Probe, log: logging.Logger
    ) -> None:
        self._read_ahead = read_ahead
        self._stash = stash
        self._plex = plex
        self._probe = probe
        self._log = log

    def run(
        self, job: Job, next_jobs: Sequence[Job], began_at: float, defers_cover: Callable[[], bool]
    ) -> Steps[tuple[Outcome, Scene | None]]:
        """Try `job`. `next_jobs`: read in the same batch if a new one is needed. `began_at`: epoch seconds.

        `defers_cover`, and what is yielded: see Pusher.push.
        """
        scene: Scene | None = None
        try:
            scene = self._read(job, next_jobs)
            if scene is None:
                return Outcome(verdict=Verdict.GONE), None
            pusher = self._plex.pusher(self._stash.last_settings())
            outcome = yield from pusher.push(
                job, pusher.target(scene), self._read_ahead.items, self._stash.client(), began_at=began_at,
                defers_cover=defers_cover,
            )  # fmt: skip
        except PlexError as error:
            outcome = judge(error, self._probe)
        except PictureFailed as error:
            outcome = replace(judge_cover(error, self._probe, self._is_stash_away), is_cover_left=True)
        except (StashUnavailable, StashRefused) as error:
            outcome = self._judge_stash(error, scene)
        except (LocalStorage, OSError) as error:
            outcome = Outcome(verdict=Verdict.STORAGE, text=str(error))
        except Exception as error:  # noqa: BLE001 - one poisoned job must not stop the others
            self._log.debug("the traceback behind the next message", exc_info=True)
            outcome = Outcome(verdict=Verdict.BUG, text=f"{type(error).__name__}: {error}")
        # The text of an error of somebody else may name a file of the scene.
        paths = [file.path for file in scene.files] if scene and outcome.text else []
        return replace(outcome, text=mark_paths(outcome.text, paths)), scene

    def _read(self, job: Job, next_jobs: Sequence[Job]) -> Scene | None:
        if not self._read_ahead.has(job):
            batch = (job, *next_jobs)
            self._read_ahead.fill(batch, self._stash.client())
            if next_jobs:
                self._read_items(batch)
        return self._read_ahead.take(job)

    def _read_items(self, batch: Sequence[Job]) -> None:
        try:
            self._read_ahead.read_items(
                batch, self._plex.pusher(self._stash.last_settings()), self._stash.client()
            )
        except PlexBusy:
            raise  # Plex asked for a pause: send no second request
        except (PlexError, StashRefused) as error:
            # A single item may have failed the batch, so only the read of a single item leads to a verdict.
            self._log.debug("the items of %d scenes could not be read at once: %s", len(batch), error)

    def _judge_stash(self, error: StashUnavailable | StashRefused, scene: Scene | None) -> Outcome:
        """Stash failed: as a whole, or only where this job asked it. `scene`: None if it failed on the scene itself."""
        if isinstance(error, StashLacks) or (
            isinstance(error, StashUnavailable) and (scene is None or self._is_stash_away())
        ):
            return Outcome(verdict=Verdict.STASH_AWAY, text=str(error))
        if isinstance(error, SceneTooLarge):
            return Outcome(verdict=Verdict.SCENE_TOO_LARGE, text=str(error))
        return Outcome(verdict=Verdict.BUG, text=str(error), failed=Evidence.SCENE)

    def _is_stash_away(self) -> bool:
        """Whether Stash as a whole fails, and not just for one picture: the counterpart of a probe of Plex."""
        try:
            self._stash.client().fetch_configuration()
        except (StashUnavailable, StashRefused):
            return True
        return False


def judge(error: PlexError, probe: Probe) -> Outcome:
    """The outcome of a job that failed with this error. `probe` tells whether all jobs would fail now."""
    verdict, asks_probe = next(
        ((verdict, asks) for kind, verdict, asks in _VERDICT_OF_ERROR if isinstance(error, kind)), (Verdict.BUG, False)
    )
    own_outcome = Outcome(
        verdict=verdict,
        text=str(error),
        error=ErrorClass(error.name) if isinstance(error, ServerFailure) else None,
        retry_after_s=error.retry_after_s if isinstance(error, PlexBusy) else None,
        failed=_kind_of(error) if asks_probe else None,
        is_about_token=error.of_write and isinstance(error, PlexAuthError),
        has_written=error.has_written,
    )
    return _judge_by_probe(own_outcome, probe) if asks_probe else own_outcome


def _kind_of(error: PlexError) -> Evidence | None:
    """The kind of request that failed; None where Plex has taken others of the kind, or this one alone was too long."""
    if error.has_written or isinstance(error, RequestTooLong):
        return None
    return Evidence.WRITE if error.of_write else Evidence.READ


def judge_cover(failure: PictureFailed, probe: Probe, is_stash_away: Callable[[], bool]) -> Outcome:
    """The outcome if only the cover failed: the job is retried for the cover, unless all jobs would fail now."""
    cause = failure.cause
    if isinstance(cause, PlexError):
        judged = judge(cause, probe)
        if judged.verdict not in (Verdict.OWN_FAILURE, Verdict.REJECTED):
            return judged
        error = judged.error or judged.verdict.row.error
    elif isinstance(cause, StashUnavailable) and is_stash_away():
        return Outcome(verdict=Verdict.STASH_AWAY, text=str(cause))
    else:
        error = None
    return Outcome(
        verdict=Verdict.COVER,
        text=str(failure),
        error=error,
        failed=Evidence.COVER,
        has_read=failure.has_read,
        has_written=failure.has_written,
    )


def _judge_by_probe(own_outcome: Outcome, probe: Probe) -> Outcome:
    """The outcome that concerns all jobs if the probe fails too, else `own_outcome`, which concerns this job alone."""
    result = probe(asks_owner=own_outcome.is_about_token)
    if result.kind is ProbeKind.OK:
        return own_outcome
    return Outcome(
        verdict=_VERDICT_OF_PROBE[result.kind],
        text=result.text or own_outcome.text,
        retry_after_s=result.retry_after_s,
        failed=result.evidence,
    )
