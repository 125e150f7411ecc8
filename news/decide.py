"""Decides what to say in Stash's log: each fact once, a few an hour, and the end of all that was begun. Pure.

What needs the user is a warning or an error, the rest information. A message beyond the limit is not lost: while its
fact holds, it is said later.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from local.clock import is_plausible
from local.words import counted, duration_in_words, named, sentence
from news.said import Said, SaidOutage, SaidStop, SaidWarning, Topic, bounded
from outages.notices import NO_OUTAGE, NOTHING_DUE, Notice
from outages.scheduler import PauseReason
from outages.stops import PUSHES_NOTHING
from push.advice import advice_for
from stash.settings import CHANGES_WAIT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from news.situation import Situation
    from outages.history import Outage
    from outages.scheduler import Pause
    from store.dead_letters import DeadLetter

# How long to wait with the end of an outage, so that a short drain ends within the same message.
DRAIN_S = 3.0
_LAST_OF_THE_HOUR = " No more of this kind for an hour; plexsync.log in the data directory has all."
_WORKS_AGAIN: Final[Mapping[PauseReason, str]] = {
    PauseReason.STORAGE: "the data directory can be written",
    PauseReason.STASH: "Stash answers about scenes",
    PauseReason.AUTH: "Plex accepts the token",
    PauseReason.SETUP: "the set-up works",
}
# A refusal names the request, a full disk the file, and a Stash without scenes the last error: another one each time.
_ONE_FACT: Final = (PauseReason.AUTH, PauseReason.STORAGE, PauseReason.STASH)
_DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What to say now, in this order, what was said then, and which topics were opened."""

    said: Said
    notices: tuple[Notice, ...]
    opened: frozenset[Topic]


def decide_news(said: Said, situation: Situation, *, now: float, hour_s: float) -> News:
    """Decide what to say now. `now`: epoch seconds; `hour_s`: the length of an hour in real seconds."""
    draft = _Draft(said, now, hour_s)
    _outage(draft, situation)
    _stops(draft, situation)
    _settings(draft, situation)
    _warnings(draft, situation)
    _dead_letters(draft, situation)
    _waiting(draft, situation)
    _first_success(draft, situation)
    return News(said=bounded(draft.said), notices=tuple(draft.notices), opened=frozenset(draft.opened))


class _Draft:
    """Collects notices, and applies the limit to those that open a subject."""

    def __init__(self, said: Said, now: float, hour_s: float) -> None:
        self.said = said
        self.notices: list[Notice] = []
        self.opened: set[Topic] = set()
        self.now = now
        self._hour_s = hour_s

    def open(self, topic: Topic, level: int, text: str) -> bool:
        """Say it unless the hour has had enough of this topic; False if so."""
        left = self.said.left(topic, self.now, self._hour_s)
        if left <= 0:
            return False
        self.said = self.said.noting(topic, self.now, self._hour_s)
        self.opened.add(topic)
        self.add(level, text + _LAST_OF_THE_HOUR if left == 1 else text)
        return True

    def is_of_last(self, hours: float, at: float) -> bool:
        """Whether `at` was less than this long ago. The future was stored while the clock was wrong."""
        return is_plausible(at, self.now) and self.now - at < hours * self._hour_s

    def add(self, level: int, text: str) -> None:
        """Say it in any case: it is the end of something that was said."""
        self.notices.append(Notice(level=level, text=text))


def _outage(draft: _Draft, situation: Situation) -> None:
    known, current = draft.said.outage, situation.outage
    if current and known and current.id == known.id and not known.is_end_said:
        return
    if known:
        _end_of_outage(draft, known, situation)
    if current is None:
        return
    goes_on = current.id == draft.said.ended_outage
    begin = "The outage of Plex goes on" if goes_on else "Outage of Plex"
    text = f"{begin}: {sentence(current.cause)} Changes wait and are pushed when Plex is back."
    if draft.open(Topic.OUTAGE, logging.WARNING, text):
        begun = SaidOutage(id=current.id, pushed_before=situation.pushed, was_ever_well=not current.address)
        draft.said = replace(draft.said, outage=begun)


def _end_of_outage(draft: _Draft, known: SaidOutage, situation: Situation) -> None:
    is_over = situation.is_drained or situation.outage is not None  # the next outage ends the drain of this one
    pushed = max(0, situation.pushed - known.pushed_before)
    if known.is_end_said:
        if is_over:
            _forget_outage(draft, known)
            draft.add(logging.INFO, f"After Plex came back, {_were_pushed(pushed)}.")
        return
    if situation.past is None and not known.was_ever_well:
        _forget_outage(draft, known)
        draft.add(logging.INFO, NO_OUTAGE)
        return
    if not is_over and situation.past and 0 <= draft.now - (situation.past.ended_at or 0.0) < DRAIN_S:
        return
    back = f"Plex is back{_lasted(situation.past)}."
    if situation.is_unconfirmed:
        back = f"Plex answers again{_lasted(situation.past)}; {NOTHING_DUE}."
    if is_over:
        _forget_outage(draft, known)
        draft.add(logging.INFO, f"{back} Since then {_were_pushed(pushed)}.")
    else:
        draft.said = replace(draft.said, outage=replace(known, is_end_said=True))
        queued = counted(situation.pending, "scene")
        draft.add(logging.INFO, f"{back} What waited is pushed now, slowly at first: {queued}.")


def _forget_outage(draft: _Draft, known: SaidOutage) -> None:
    draft.said = replace(draft.said, outage=None, ended_outage=known.id)


def _lasted(past: Outage | None) -> str:
    return f" after an outage of {duration_in_words(past.duration_s)}" if past and past.duration_s is not None else ""


def _were_pushed(scenes: int) -> str:
    verb = "was" if scenes == 1 else "were"
    return f"{counted(scenes, 'scene')} {verb} pushed" if scenes else "nothing had to be pushed"


def _stops(draft: _Draft, situation: Situation) -> None:
    if not situation.stops:
        _end_of_stops(draft, situation)
        return
    said: list[SaidStop] = []
    for pause in situation.stops:
        before = next((stop for stop in draft.said.stops if _is_same(stop, pause)), None)
        # The setting that is missing is named by a message of its own.
        is_named = pause.reason is PauseReason.SETUP and any(CHANGES_WAIT in text for text in situation.settings)
        if before is None and not is_named:
            text = f"{PUSHES_NOTHING}: {sentence(pause.message)} Changes wait."
            if not draft.open(Topic.STOP, logging.ERROR, text):
                continue
        said.append(before or SaidStop(reason=pause.reason, message=pause.message, evidence=pause.evidence))
    draft.said = replace(draft.said, stops=tuple(said))


def _end_of_stops(draft: _Draft, situation: Situation) -> None:
    stops = draft.said.stops
    if not stops:
        return
    if all(stop.evidence in situation.proven for stop in stops):
        why = " and ".join(dict.fromkeys(_WORKS_AGAIN[stop.reason] for stop in stops))
        text = f"PlexSync pushes again: {why}."
    elif situation.is_drained:
        text = "PlexSync pushes again from the next change on: nothing waits any more."
    else:
        return
    draft.said = replace(draft.said, stops=())
    draft.add(logging.INFO, text)


def _is_same(stop: SaidStop, pause: Pause) -> bool:
    """A token that is rejected and one that may not edit are different facts."""
    is_of_kind = (stop.reason, stop.evidence) == (pause.reason, pause.evidence)
    return is_of_kind and (stop.reason in _ONE_FACT or stop.message == pause.message)


def _settings(draft: _Draft, situation: Situation) -> None:
    said = [text for text in situation.settings if text in draft.said.settings]
    for text in situation.settings:
        level = logging.ERROR if CHANGES_WAIT in text else logging.WARNING
        if text not in said and draft.open(Topic.SETTING, level, f"A setting of PlexSync: {sentence(text)}"):
            said.append(text)
    draft.said = replace(draft.said, settings=tuple(said))


def _warnings(draft: _Draft, situation: Situation) -> None:
    """One beyond the limit is left to plexsync.log: nothing says whether it still holds an hour later.

    After a day, the same words tell of something new: Plex may be another server once more.
    """
    for notice in situation.warnings:
        digest = hashlib.sha256(notice.text.encode("utf-8", "replace")).hexdigest()[:_DIGEST_CHARACTERS]
        topic = Topic.WARNING if notice.level >= logging.WARNING else Topic.NEWS
        known = [each for each in draft.said.warnings if draft.is_of_last(24, each.at)]
        if all(each.digest != digest for each in known) and draft.open(topic, notice.level, sentence(notice.text)):
            new = SaidWarning(digest=digest, at=draft.now)
            draft.said = replace(draft.said, warnings=(*known, new))


def _dead_letters(draft: _Draft, situation: Situation) -> None:
    letters = situation.dead_letters
    if letters and draft.open(Topic.DEAD_LETTER, logging.ERROR, _given_up(letters)):
        draft.said = replace(draft.said, last_dead_letter=situation.last_dead_letter)


def _given_up(letters: Sequence[DeadLetter]) -> str:
    last = letters[-1]
    name, error = named(last.title, last.scene_id), sentence(last.error_text)
    if len(letters) == 1:
        return f"{name} was given up: {error} {advice_for(last.error_class)}"
    classes = Counter(letter.error_class for letter in letters)
    kinds = ", ".join(f"{count} {name}" for name, count in classes.most_common())
    return (
        f"{len(letters)} scenes were given up ({kinds}). The last is {name}: {error} View Queue Status names more of "
        "them and says what to do."
    )


def _waiting(draft: _Draft, situation: Situation) -> None:
    new = situation.newly_waiting
    if situation.waiting == 0:
        if draft.said.is_waiting:
            draft.said = replace(draft.said, is_waiting=False)
            draft.add(logging.INFO, "No scene waits for Plex to scan its file any more.")
    elif new:
        # As long as nothing has ever been found, the paths may differ; later it is usually only Plex's next scan.
        level = logging.INFO if draft.said.has_succeeded else logging.WARNING
        if draft.open(Topic.WAITING, level, _waits(new.count, new.first, new.reason)):
            draft.said = replace(draft.said, is_waiting=True)


def _waits(count: int, first: str, reason: str) -> str:
    if count == 1:
        return f"{first} waits: {sentence(reason)} It is pushed once Plex has the file."
    return f"{count} scenes wait until Plex has their files. The first is {first}: {sentence(reason)}"


def _first_success(draft: _Draft, situation: Situation) -> None:
    if situation.first and not draft.said.has_succeeded:
        draft.said = replace(draft.said, has_succeeded=True)
        text = f"PlexSync works: {situation.first} is in Plex, the first scene since the installation."
        draft.add(logging.INFO, text)
