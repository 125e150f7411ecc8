"""What is said in Stash's log, and what is not said twice."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

import pytest

from news.decide import DRAIN_S, decide_news
from news.said import PER_HOUR, WARNINGS_KEPT, Said, SaidStop
from news.situation import NewlyWaiting, Situation
from outages.breaker import OpenOutage
from outages.history import Outage
from outages.notices import NOTHING_DUE, Notice
from outages.scheduler import Pause, PauseReason
from store.dead_letters import DeadLetter
from store.evidence import Evidence

NOW, HOUR_S = 1_000_000.0, 3600.0
INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR
ONE = OpenOutage(id=1, started_at=NOW, cause="GET /identity: connection refused; is Plex running?")
TWO = replace(ONE, id=2)
TOKEN = Pause(reason=PauseReason.AUTH, since=NOW, message="Plex rejected the token (GET /a: 401); enter a valid one.")
LIBRARY = Pause(reason=PauseReason.SETUP, since=NOW, message='Plex has no library Films; correct "Plex libraries".')
READ_ONLY = replace(TOKEN, message='this token may read but not edit; set "Plex token"', evidence=Evidence.WRITE)
SCENES = Pause(
    reason=PauseReason.STASH, since=NOW, evidence=Evidence.SCENE, message="Stash answers, but not about scenes: one"
)  # fmt: skip
PROVEN = frozenset({Evidence.PROBE, Evidence.SCENE})
NO_ADDRESS = '"Plex address" is not set: enter it; changes wait until then'
BAD_NUMBER = '"Attempts" is 1000; it must be a number from 1 to 100; the default is used'


@dataclass
class Story:
    """Decides again and again, as the worker does, each time from what was said before."""

    said: Said = field(default_factory=Said)
    now: float = NOW

    def hear(self, **situation: object) -> list[tuple[int, str]]:
        news = decide_news(self.said, Situation(**situation), now=self.now, hour_s=HOUR_S)  # type: ignore[arg-type]
        self.said = news.said
        return [(notice.level, notice.text) for notice in news.notices]

    def later(self, seconds: float = HOUR_S) -> Story:
        self.now += seconds
        return self


def ended(outage: OpenOutage, now: float) -> Outage:
    started_at = now - 200
    return Outage(id=outage.id, started_at=started_at, ended_at=now, duration_s=now - started_at, cause=outage.cause)


def letter(scene_id: int, error_class: str = "Rejected") -> DeadLetter:
    return DeadLetter(
        scene_id=scene_id, title=f"Title {scene_id}", path="/a.mp4", error_class=error_class, error_text="Plex said no",
        attempts=1, failed_first_at=NOW, failed_last_at=NOW, outage_id=0, job="{}",
    )  # fmt: skip


# Outages


def test_an_outage_is_said_once_with_its_cause() -> None:
    story = Story()
    [(level, text)] = story.hear(outage=ONE)
    assert level == WARNING
    assert text.startswith("Outage of Plex: GET /identity: connection refused; is Plex running? Changes wait")
    assert story.hear(outage=ONE) == []
    assert story.later().hear(outage=replace(ONE, probes=9, jobs_waiting=4)) == []


def test_the_end_of_a_short_drain_says_how_long_and_how_many_in_one_message() -> None:
    story = Story()
    story.hear(outage=ONE, pushed=10)
    past = ended(ONE, story.now)
    assert story.later(1).hear(past=past, pending=3) == []
    text = "Plex is back after an outage of 3 min 20 s. Since then 3 scenes were pushed."
    assert story.later(1).hear(past=past, pushed=13, is_drained=True) == [(INFO, text)]
    assert story.hear(is_drained=True, pushed=13) == []


def test_a_long_drain_is_announced_and_counted_when_it_is_over() -> None:
    story = Story()
    story.hear(outage=ONE, pushed=10)
    past = ended(ONE, story.now)
    [(level, text)] = story.later(DRAIN_S).hear(past=past, pending=1200)
    assert (level, text) == (
        INFO,
        "Plex is back after an outage of 3 min 20 s. What waited is pushed now, slowly at first: 1200 scenes.",
    )
    assert story.later(60).hear(pending=600) == []
    [end] = story.later(60).hear(pushed=1210, is_drained=True)
    assert end == (INFO, "After Plex came back, 1200 scenes were pushed.")
    assert story.hear(pushed=1210, is_drained=True) == []


def test_an_outage_in_which_nothing_waited_ends_too() -> None:
    story = Story()
    story.hear(outage=ONE)
    [(_, text)] = story.hear(past=ended(ONE, story.now), is_drained=True)
    assert text == "Plex is back after an outage of 3 min 20 s. Since then nothing had to be pushed."


def test_the_end_is_said_although_the_record_of_the_outage_is_lost() -> None:
    story = Story()
    story.hear(outage=ONE)
    assert story.hear(pending=2) == [(INFO, "Plex is back. What waited is pushed now, slowly at first: 2 scenes.")]


def test_an_outage_whose_end_was_not_certain_goes_on() -> None:
    story = Story()
    story.hear(outage=ONE)
    past = ended(ONE, story.now)
    [(level, text)] = story.hear(past=past, is_unconfirmed=True, is_drained=True)
    unsure = f"Plex answers again after an outage of 3 min 20 s; {NOTHING_DUE}."
    assert (level, text) == (INFO, f"{unsure} Since then nothing had to be pushed.")
    [(level, text)] = story.hear(outage=ONE)
    assert level == WARNING
    assert text.startswith("The outage of Plex goes on: GET /identity: connection refused; is Plex running?")
    assert story.hear(outage=ONE) == []
    assert story.hear(past=past, is_drained=True)[0][1].startswith("Plex is back")


def test_an_outage_that_goes_on_during_its_drain_is_said_too() -> None:
    story = Story()
    story.hear(outage=ONE)
    assert len(story.later(DRAIN_S).hear(past=ended(ONE, NOW), pending=5)) == 1
    count, goes_on = story.hear(outage=ONE, pushed=2)
    assert (count[1], goes_on[0]) == ("After Plex came back, 2 scenes were pushed.", WARNING)
    assert "goes on" in goes_on[1]


def test_what_turns_out_to_be_a_matter_of_the_set_up_was_no_outage() -> None:
    story = Story()
    story.hear(outage=replace(ONE, address="digest"))
    text = "That was no outage: Plex has never worked at the address that was set."
    assert story.hear(pending=3) == [(INFO, text)]
    assert story.hear(pending=3) == []


def test_the_end_waits_for_no_clock_that_was_set_back() -> None:
    story = Story()
    story.hear(outage=ONE)
    assert story.hear(past=ended(ONE, story.now + 7200), pending=2)


def test_the_next_outage_ends_the_one_before() -> None:
    story = Story()
    story.hear(outage=ONE, pushed=10)
    first, second = story.hear(outage=TWO, past=ended(ONE, story.now), pushed=11)
    assert first == (INFO, "Plex is back after an outage of 3 min 20 s. Since then 1 scene was pushed.")
    assert second[1].startswith("Outage of Plex")


def test_a_plex_that_comes_and_goes_is_not_said_more_than_a_few_times_an_hour() -> None:
    story, heard = Story(), 0
    for number in range(1, 31):
        heard += len(story.later(60).hear(outage=replace(ONE, id=number)))
        heard += len(story.later(60).hear(is_drained=True))
    assert heard == 2 * PER_HOUR


def test_the_last_message_of_the_hour_says_so_and_what_lasts_is_said_later() -> None:
    story = Story()
    texts = [
        text
        for number in range(1, PER_HOUR + 1)
        for _, text in (*story.hear(outage=replace(ONE, id=number)), *story.hear(is_drained=True))
    ]
    assert ["No more of this kind" in text for text in texts] == [False] * (2 * PER_HOUR - 2) + [True, False]
    assert story.hear(outage=replace(ONE, id=99)) == []
    assert len(story.later(HOUR_S + 1).hear(outage=replace(ONE, id=99))) == 1


def test_no_end_is_said_of_an_outage_whose_begin_was_not() -> None:
    story = Story(said=Story().said)
    for number in range(1, PER_HOUR + 1):
        story.hear(outage=replace(ONE, id=number))
        story.hear(is_drained=True)
    story.hear(outage=replace(ONE, id=99))
    assert story.hear(is_drained=True, pushed=5) == []


# What else stops the drain


def test_a_stop_is_an_error_with_the_cure_and_its_end_is_good_news() -> None:
    story = Story()
    [(level, text)] = story.hear(stops=(TOKEN,))
    assert (level, TOKEN.message in text) == (ERROR, True)
    assert story.hear(stops=(replace(TOKEN, since=NOW + 5),)) == []
    assert story.hear(proven=PROVEN) == [(INFO, "PlexSync pushes again: Plex accepts the token.")]


def test_the_end_of_a_stop_waits_for_a_proof() -> None:
    """New settings end a pause before anything has been tried with them."""
    story = Story()
    story.hear(stops=(TOKEN,))
    assert story.hear() == []
    assert story.hear(stops=(TOKEN,)) == []
    assert len(story.hear(is_drained=True)) == 1


def test_another_reason_is_another_fact_and_another_request_is_none() -> None:
    story = Story()
    story.hear(stops=(TOKEN,))
    assert story.hear(stops=(replace(TOKEN, message="Plex rejected the token (PUT /b: 401)"),)) == []
    assert len(story.hear(stops=(LIBRARY,))) == 1
    assert len(story.hear(stops=(replace(LIBRARY, message="the certificate is not trusted"),))) == 1
    assert "the set-up works" in story.hear(proven=PROVEN)[0][1]


def test_a_token_that_may_only_read_is_another_fact_than_a_wrong_one() -> None:
    story = Story()
    story.hear(stops=(TOKEN,))
    assert READ_ONLY.message in story.hear(stops=(READ_ONLY,))[0][1]
    assert story.hear(stops=(replace(READ_ONLY, message="Plex refuses every change"),)) == []
    assert story.hear(proven=PROVEN) == []  # it could always read
    assert len(story.hear(proven=frozenset({Evidence.WRITE}))) == 1


def test_a_stash_without_scenes_is_one_fact_whatever_the_last_error() -> None:
    story = Story()
    [(level, text)] = story.hear(stops=(SCENES,))
    assert (level, "not about scenes" in text) == (ERROR, True)
    assert story.hear(stops=(replace(SCENES, message="another error"),)) == []
    assert story.hear(proven=PROVEN) == [(INFO, "PlexSync pushes again: Stash answers about scenes.")]


def test_the_end_of_a_stop_promises_nothing_if_nothing_is_left_to_try() -> None:
    story = Story()
    story.hear(stops=(TOKEN,))
    text = "PlexSync pushes again from the next change on: nothing waits any more."
    assert story.hear(is_drained=True) == [(INFO, text)]


def test_a_setting_that_is_missing_is_one_message_and_not_also_a_stop() -> None:
    story = Story()
    assert story.hear(settings=(NO_ADDRESS,), stops=(LIBRARY,)) == [(ERROR, f"A setting of PlexSync: {NO_ADDRESS}.")]
    assert story.hear(settings=(NO_ADDRESS,), stops=(LIBRARY,)) == []
    assert len(story.hear(settings=(), is_drained=True)) == 1


# Settings and warnings


def test_a_bad_setting_is_said_again_only_after_it_was_corrected() -> None:
    story = Story()
    assert story.hear(settings=(BAD_NUMBER,)) == [(WARNING, f"A setting of PlexSync: {BAD_NUMBER}.")]
    assert story.hear(settings=(BAD_NUMBER,)) == []
    assert story.hear(settings=()) == []
    assert len(story.hear(settings=(BAD_NUMBER,))) == 1


def test_a_warning_is_said_once_a_day() -> None:
    story, notice = Story(), Notice(level=WARNING, text="Plex is a different server now")
    said = [(WARNING, "Plex is a different server now.")]
    assert story.hear(warnings=(notice, notice)) == said
    assert story.later(23 * HOUR_S).hear(warnings=(notice,)) == []
    assert story.later(HOUR_S).hear(warnings=(notice,)) == said


def test_warnings_keep_no_good_news_from_being_heard() -> None:
    story, news = Story(), Notice(level=INFO, text="the undo has ended")
    for number in range(PER_HOUR):
        story.hear(warnings=(Notice(level=WARNING, text=str(number)),))
    assert story.hear(warnings=(news,)) == [(INFO, "the undo has ended.")]


def test_what_is_remembered_has_a_limit() -> None:
    story = Story()
    for number in range(10 * WARNINGS_KEPT):
        story.later(HOUR_S / PER_HOUR + 1).hear(warnings=(Notice(level=WARNING, text=f"warning {number}"),))
    assert len(story.said.warnings) == WARNINGS_KEPT
    assert len(story.said.recent) <= PER_HOUR


# Scenes


def test_a_dead_letter_is_an_error_with_reason_and_advice() -> None:
    story = Story()
    [(level, text)] = story.hear(dead_letters=(letter(7),), last_dead_letter=3)
    assert level == ERROR
    assert text.startswith('"Title 7" (scene 7) was given up: Plex said no. Read the reason')
    assert story.said.last_dead_letter == 3


def test_many_dead_letters_are_one_message() -> None:
    story = Story()
    letters = (*(letter(number) for number in range(1, 500)), letter(500, "Ambiguous"))
    [(_, text)] = story.hear(dead_letters=letters, last_dead_letter=500)
    assert "500 scenes were given up" in text
    assert "(499 Rejected, 1 Ambiguous)" in text
    assert '"Title 500" (scene 500)' in text


def test_dead_letters_beyond_the_limit_are_said_together_later() -> None:
    story = Story()
    for number in range(1, PER_HOUR + 1):
        assert len(story.hear(dead_letters=(letter(number),), last_dead_letter=number)) == 1
    assert story.hear(dead_letters=(letter(8),), last_dead_letter=8) == []
    assert story.said.last_dead_letter == PER_HOUR
    assert "2 scenes" in story.later().hear(dead_letters=(letter(8), letter(9)), last_dead_letter=9)[0][1]


@pytest.mark.parametrize(("has_succeeded", "level"), [(False, WARNING), (True, INFO)])
def test_a_scene_without_a_file_in_plex_is_named_with_the_reason(has_succeeded: bool, level: int) -> None:
    story = Story(said=Said(has_succeeded=has_succeeded))
    new = NewlyWaiting(count=1, first='"A" (scene 1)', reason="Plex has no item with the file /media/a.mp4")
    text = '"A" (scene 1) waits: Plex has no item with the file /media/a.mp4. It is pushed once Plex has the file.'
    assert story.hear(newly_waiting=new, waiting=1) == [(level, text)]
    assert story.hear() == []
    assert story.hear(waiting=1) == []
    assert story.hear(waiting=0) == [(INFO, "No scene waits for Plex to scan its file any more.")]
    assert story.hear(waiting=0) == []


def test_a_scene_that_waited_too_shortly_to_be_said_is_not_said() -> None:
    new = NewlyWaiting(count=1, first="scene 1", reason="no")
    assert Story().hear(newly_waiting=new, waiting=0) == []


def test_the_first_success_is_said_once_ever() -> None:
    story = Story()
    text = 'PlexSync works: "A" (scene 1) is in Plex, the first scene since the installation.'
    assert story.hear(first='"A" (scene 1)') == [(INFO, text)]
    assert story.later().hear(first="scene 2") == []


# In general


def test_one_topic_keeps_no_other_from_being_heard() -> None:
    story = Story()
    for number in range(PER_HOUR + 2):
        story.hear(warnings=(Notice(level=WARNING, text=str(number)),))
    assert len(story.hear(outage=ONE, stops=(TOKEN,), settings=(BAD_NUMBER,), dead_letters=(letter(1),))) == 4


def test_a_message_of_the_future_does_not_silence_anything() -> None:
    story = Story(now=NOW + 10 * HOUR_S)
    for number in range(1, PER_HOUR + 1):
        story.hear(outage=replace(ONE, id=number))
    story.now = NOW
    assert len(story.hear(stops=(TOKEN,), outage=replace(ONE, id=9))) >= 2


def test_a_quiet_hour_says_nothing_and_changes_nothing() -> None:
    said = Said(stops=(SaidStop(reason=PauseReason.AUTH, message=TOKEN.message),), has_succeeded=True)
    news = decide_news(said, Situation(stops=(TOKEN,), pending=5), now=NOW, hour_s=HOUR_S)
    assert (news.said, news.notices) == (said, ())
