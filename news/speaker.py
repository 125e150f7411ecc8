"""Has Stash write to its log what the user should hear of, and remembers what was said."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from local.clock import Countdown
from local.data_directory import SAID
from local.storage import LocalStorage
from local.words import named
from news.decide import decide_news
from news.said import Said, Topic, bounded
from news.situation import NewlyWaiting, Situation
from outages.scheduler import Pause, PauseReason
from push.verdicts import Action, Verdict
from stash.errors import StashError, StashRefused
from store.dead_letters import DeadLetters
from store.evidence import Evidence
from store.judgement import ErrorClass
from store.state_file import StateFile

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from news.collect import WarningCollector
    from news.decide import News
    from outages.history import Outage
    from outages.notices import Notice
    from outages.resilience import Resilience
    from push.verdicts import Decision, Outcome
    from stash.scene import Scene
    from store.job import Job
    from store.ledger import Ledger
    from store.queue import JobQueue

HOUR_S = 3600.0
# How long to wait for more of the same after the first dead letter or scene without a file. Not scaled.
GATHER_S = 2.0
# How soon to look again if the hour has had enough messages.
LOOK_AGAIN_S = 60.0
# After Stash gave no answer; and after it refused, since the plugin is disabled or it knows no operations.
RETRY_S, RETRY_REFUSED_S = 30.0, 3600.0


def said_file(directory: str, *, clock: Clock, log: logging.Logger) -> StateFile[Said]:
    """What was said, on disk."""
    return StateFile(os.path.join(directory, SAID), Said(), clock=clock, log=log, validate=bounded)


class LinkToStash(Protocol):
    """How the speaker reaches Stash."""

    @property
    def settings_problems(self) -> tuple[str, ...] | None:
        """What is wrong with the settings, as last read; None: not read yet."""

    def say(self, notices: Sequence[Notice]) -> None:
        """Have Stash write these to its log. Raises StashUnavailable and StashRefused."""


class Speaker:
    """Call `note` for each job that was settled, and `step` in each round of the worker's loop."""

    def __init__(
        self, *, directory: str, queue: JobQueue, ledger: Ledger, resilience: Resilience, stash: LinkToStash,
        warnings: WarningCollector, clock: Clock, log: logging.Logger,
    ) -> None:  # fmt: skip
        self._queue = queue
        self._ledger = ledger
        self._dead_letters = DeadLetters(ledger)
        self._resilience = resilience
        self._stash = stash
        self._warnings = warnings
        self._clock = clock
        self._log = log
        self._file = said_file(directory, clock=clock, log=log)
        self._said: Said | None = None  # None: not read yet
        self._until_retry = Countdown(clock)
        self._is_look_needed = True  # at what a worker that was killed may have left unsaid
        self._until_look = Countdown(clock)
        self._newly_waiting: NewlyWaiting | None = None
        self._proven: frozenset[Evidence] = frozenset()
        self._first = ""

    def note(self, job: Job, decision: Decision, outcome: Outcome, scene: Scene | None) -> None:
        """Note what became of a job. `job`: as it was before the attempt."""
        shows_scene = outcome.failed is not Evidence.SCENE and scene is not None
        self._proven |= outcome.proven | ({Evidence.SCENE} if shows_scene else frozenset())
        if outcome.verdict is Verdict.PUSHED and not self._first:
            self._first = _name(job, scene)
        was_waiting = job.error_class == ErrorClass.NOT_IN_PLEX.value
        is_waiting = decision.action is Action.RETRY and outcome.verdict is Verdict.NOT_IN_PLEX
        if is_waiting and not was_waiting:
            before = self._newly_waiting or NewlyWaiting(count=0, first=_name(job, scene), reason=outcome.text)
            self._newly_waiting = replace(before, count=before.count + 1)
        if is_waiting != was_waiting or decision.action is Action.BURY:
            self._plan_look()

    def _plan_look(self) -> None:
        if not self._is_look_needed:
            self._is_look_needed = True
            self._until_look.start(GATHER_S)

    def step(self, now: float, *, trouble: str = "", is_last: bool = False) -> None:
        """Say what is new, if Stash takes it. `now`: epoch seconds.

        `trouble`: what Stash does not answer, although it answers. `is_last`: the worker ends, so wait for no more.
        """
        if not self._until_retry.is_over:
            return
        with suppress(LocalStorage):  # whoever needs the ledger reports it
            said = self._said = self._said or self._load()
            if self._stash.settings_problems is None:
                return  # Stash has not answered this worker yet, or PlexSync is disabled there
            is_look = self._is_look_needed and (is_last or self._until_look.is_over)
            situation = self._situation(said, self._stops(trouble, now), is_look=is_look)
            news = decide_news(said, situation, now=now, hour_s=self._clock.interval(HOUR_S))
            if news.notices and not self._send(news.notices):
                return
            self._remember(situation, news)
            if is_look:
                self._end_look(situation, news)

    def _send(self, notices: Sequence[Notice]) -> bool:
        try:
            self._stash.say(notices)
        except StashError as error:
            wait_s = RETRY_REFUSED_S if isinstance(error, StashRefused) else RETRY_S
            self._until_retry.start(self._clock.interval(wait_s))
            self._log.info("Stash's log takes no message now: %s", error)
            return False
        return True

    def _remember(self, situation: Situation, news: News) -> None:
        """If the file cannot be written, at least this worker knows."""
        self._warnings.drop(situation.warnings)
        self._first = ""
        if news.said != self._said:
            self._said = news.said
            with suppress(LocalStorage):
                self._file.update(lambda _: news.said)

    def _end_look(self, situation: Situation, news: News) -> None:
        if Topic.WAITING in news.opened or situation.waiting == 0:
            self._newly_waiting = None
        has_unsaid = situation.dead_letters and Topic.DEAD_LETTER not in news.opened
        self._is_look_needed = bool(self._newly_waiting or has_unsaid)
        if self._is_look_needed:
            self._until_look.start(self._clock.interval(LOOK_AGAIN_S))

    # What is the case

    def _load(self) -> Said:
        """What was said before. With the first worker, what had happened before it counts as said."""
        stored, newest = self._file.read(), self._dead_letters.last_number()
        if stored.last_dead_letter is None:
            has_succeeded = self._ledger.count_pushed() > 0
            return self._file.update(
                lambda said: replace(said, last_dead_letter=newest, has_succeeded=has_succeeded)
            )
        if newest < stored.last_dead_letter:  # the ledger was begun anew
            return replace(stored, last_dead_letter=0)
        return stored

    def _stops(self, trouble: str, now: float) -> tuple[Pause, ...]:
        pauses = tuple(each for each in self._resilience.scheduler.pauses if each.reason is not PauseReason.BUSY)
        if not trouble or any(each.reason is PauseReason.STASH for each in pauses):
            return pauses
        return (*pauses, Pause(reason=PauseReason.STASH, since=now, message=trouble, evidence=Evidence.SCENE))

    def _situation(self, said: Said, stops: tuple[Pause, ...], *, is_look: bool) -> Situation:
        outage, known = self._resilience.breaker.outage, said.outage
        is_new = outage is not None and (known is None or known.id != outage.id or known.is_end_said)
        has_ended = known is not None and (outage is None or is_new)
        self._proven = frozenset() if stops else self._proven
        is_drained = (has_ended or bool(said.stops)) and not self._queue.peek_due(1)
        situation = Situation(
            outage=outage,
            past=self._outage(known.id) if known and has_ended and not known.is_end_said else None,
            is_unconfirmed=self._resilience.breaker.unconfirmed is not None,
            pushed=self._ledger.count_pushed() if is_new or (has_ended and is_drained) else 0,
            pending=len(self._queue),
            is_drained=is_drained,
            proven=self._proven,
            stops=stops,
            settings=self._stash.settings_problems or (),
            warnings=self._warnings.notices,
            first=self._first,
        )
        return self._look(situation, said) if is_look else situation

    def _outage(self, outage_id: int) -> Outage | None:
        return next((each for each in self._resilience.outages() if each.id == outage_id), None)

    def _look(self, situation: Situation, said: Said) -> Situation:
        """Add what costs a look at the ledger and at all jobs."""
        letters, last = self._dead_letters.newer_than(said.last_dead_letter or 0)
        waiting = [job for job in self._queue.jobs() if job.error_class == ErrorClass.NOT_IN_PLEX.value]
        if waiting and not said.is_waiting and self._newly_waiting is None:
            first = waiting[0]
            self._newly_waiting = NewlyWaiting(
                count=len(waiting), first=f"scene {first.scene_id}", reason=first.error_text
            )
        return replace(
            situation,
            dead_letters=tuple(letters),
            last_dead_letter=last,
            waiting=len(waiting),
            newly_waiting=self._newly_waiting,
        )


def _name(job: Job, scene: Scene | None) -> str:
    return named(scene.title if scene else "", job.scene_id)
