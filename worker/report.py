"""Logs each job for people: which scene, what was done, how long it took."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.log_marks import NEWS, SAID_OTHERWISE
from local.words import duration_in_words, named, sentence
from outages.suspects import SUSPECTS_TO_OPEN
from push.verdicts import Action, Verdict

if TYPE_CHECKING:
    from push.verdicts import Decision, Outcome
    from stash.scene import Scene
    from store.job import Job


class Report:
    """Logs each pushed scene at info, details at debug, and what needs the user's action at warning or error."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def log_outcome(self, job: Job, outcome: Outcome, scene: Scene | None, *, took_s: float) -> None:
        """Log how an attempt ended, unless it failed (see `log_decision`)."""
        name, items = describe(job, scene), ", ".join(map(str, outcome.rating_keys))
        if outcome.verdict is Verdict.PUSHED and job.is_cover_left and not outcome.has_written:
            self._log.info("the cover of %s is in Plex now (item %s, %.0f ms)", name, items, took_s * 1000)
        elif outcome.verdict is Verdict.PUSHED:
            self._log.info("%s is in Plex now (item %s, %.0f ms)", name, items, took_s * 1000)
        elif outcome.verdict is Verdict.UNCHANGED:
            self._log.debug("%s: Plex already has everything", name)
        elif outcome.verdict is Verdict.SKIPPED:
            self._log.debug("%s is left alone: %s", name, outcome.text)
        elif outcome.verdict is Verdict.GONE:
            self._log.debug("%s is no longer in Stash", name)
        if outcome.text and outcome.verdict in (Verdict.PUSHED, Verdict.UNCHANGED):
            self._log.warning("%s: %s", name, outcome.text)

    def log_decision(self, decision: Decision, scene: Scene | None, now: float) -> None:
        """Log what happens to a job that failed."""
        job = decision.job
        name, error = describe(job, scene), f"{job.error_class}: {job.error_text}"
        if decision.action is Action.RETRY:
            wait = duration_in_words(job.not_before - now)
            is_expected = job.awaits_covers or job.error_class == Verdict.NOT_IN_PLEX.value
            level = logging.DEBUG if is_expected else logging.WARNING
            self._log.log(level, "%s is tried again in %s (%s)", name, wait, error, extra=SAID_OTHERWISE)
        elif decision.action is Action.BURY:
            text = "%s was given up and is a dead letter now (%s)"
            self._log.error(text, name, error, extra=SAID_OTHERWISE)
        elif decision.action is Action.MISSING:
            self._log.debug("%s is missing in Plex", name)

    def log_covers_fail(self, text: str) -> None:
        """Log that no cover arrives. `text`: the last error."""
        self._log.warning(
            "covers do not arrive in Plex: %d different scenes in a row failed; the last error: %s Covers wait and are "
            "tried again; everything else is pushed.", SUSPECTS_TO_OPEN, sentence(text),
        )  # fmt: skip

    def log_covers_arrive(self, waiting: int) -> None:
        """Log that a cover has arrived again, and how many others follow now."""
        self._log.info("covers arrive in Plex again: %s more follow now.", waiting, extra=NEWS)


def describe(job: Job, scene: Scene | None) -> str:
    """The scene as the log names it: `"Title" (scene 12)`."""
    return named(scene.title if scene else "", job.scene_id)
