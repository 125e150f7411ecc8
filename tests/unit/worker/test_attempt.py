"""The table from errors and probe results to outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from outages.transitions import ProbeKind, ProbeResult
from plex.errors import (
    Ambiguous,
    EditsRefused,
    LeftOff,
    LibraryGone,
    NotInPlex,
    OversizedAnswer,
    PathsHidden,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
    RequestTooLong,
    ServerFailure,
)
from push.pictures import PictureFailed
from push.verdicts import Verdict
from stash.errors import (
    PluginDisabled,
    SceneTooLarge,
    StashAnswerTooLarge,
    StashError,
    StashLacks,
    StashLoginNeeded,
    StashRefused,
    StashUnavailable,
)
from store.evidence import Evidence
from worker.attempt import judge, judge_cover

if TYPE_CHECKING:
    from collections.abc import Iterator

    from push.verdicts import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`error_class`: of the job alone, if the probe passes or is not asked. `cover`: the same if only the cover failed.

    `asks_probe`: whether a failed probe overrides the verdict.
    """

    error: PlexError
    verdict: Verdict
    error_class: str = ""
    cover: Verdict
    asks_probe: bool = False
    retry_after_s: float | None = None


ROWS = (
    Row(
        error=PlexServerDown("refused"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerDown", cover=Verdict.COVER,
    ),
    Row(
        error=PlexTimeout("no answer"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexTimeout", cover=Verdict.COVER,
    ),
    Row(
        error=PlexServerError("500"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerError", cover=Verdict.COVER,
    ),
    Row(
        error=LibraryGone("Movies"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerError", cover=Verdict.COVER,
    ),
    Row(
        error=OversizedAnswer("larger"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerError", cover=Verdict.COVER,
    ),
    Row(
        error=PlexSetup("redirected"), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerError", cover=Verdict.COVER,
    ),
    Row(
        error=PathsHidden(), asks_probe=True,
        verdict=Verdict.OWN_FAILURE, error_class="PlexServerError", cover=Verdict.COVER,
    ),
    Row(
        error=PlexAuthError("401"), asks_probe=True,
        verdict=Verdict.REJECTED, error_class="Rejected", cover=Verdict.COVER,
    ),
    Row(
        error=EditsRefused(), asks_probe=True,
        verdict=Verdict.REJECTED, error_class="Rejected", cover=Verdict.COVER,
    ),
    Row(
        error=Rejected(400, "bad date"), asks_probe=True,
        verdict=Verdict.REJECTED, error_class="Rejected", cover=Verdict.COVER,
    ),
    Row(
        error=RequestTooLong(Rejected(414, ""), 9_000), asks_probe=True,
        verdict=Verdict.REJECTED, error_class="Rejected", cover=Verdict.COVER,
    ),
    Row(error=PlexBusy("429", 7.0), verdict=Verdict.BUSY, cover=Verdict.BUSY, retry_after_s=7.0),
    Row(error=PlexBusy("429"), verdict=Verdict.BUSY, cover=Verdict.BUSY),
    Row(error=LeftOff("Movies"), verdict=Verdict.LEFT_OFF, cover=Verdict.LEFT_OFF),
    Row(
        error=NotInPlex(["/media/a.mp4"]),
        verdict=Verdict.NOT_IN_PLEX, error_class="NotInPlex", cover=Verdict.NOT_IN_PLEX,
    ),
    Row(
        error=Ambiguous(["1: A", "2: B"]),
        verdict=Verdict.AMBIGUOUS, error_class="Ambiguous", cover=Verdict.AMBIGUOUS,
    ),
    Row(error=PlexError("of no known class"), verdict=Verdict.BUG, error_class="Bug", cover=Verdict.BUG),
)  # fmt: skip

FAILED_PROBES = (
    (ProbeResult(kind=ProbeKind.DOWN, text="Plex is down"), Verdict.OUTAGE),
    (ProbeResult(kind=ProbeKind.AUTH, text="the token is wrong"), Verdict.AUTH),
    (ProbeResult(kind=ProbeKind.SETUP, text="the library is missing"), Verdict.SETUP),
    (ProbeResult(kind=ProbeKind.BUSY, text="Plex is busy", retry_after_s=20.0), Verdict.BUSY),
)
PASSED = ProbeResult(kind=ProbeKind.OK)
MAY_NOT_EDIT = ProbeResult(kind=ProbeKind.AUTH, text="may not edit", evidence=Evidence.WRITE)
GROUPS = (ServerFailure,)

STASH_ERRORS = (
    StashUnavailable("no answer"),
    StashLoginNeeded("expired"),
    StashAnswerTooLarge("6 MB"),
    PluginDisabled(),
    StashRefused("no such picture"),
    SceneTooLarge("6 MB"),
    StashLacks("no such field"),
)

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.error.name} {row.retry_after_s or ''}".strip())
each_failed_probe = pytest.mark.parametrize(
    ("result", "verdict"), FAILED_PROBES, ids=[result.kind.value for result, _ in FAILED_PROBES]
)


class Probe:
    """Always gives the same result, and counts how often it was asked."""

    def __init__(self, result: ProbeResult = PASSED) -> None:
        self.result = result
        self.count = 0
        self.asked_owner = False

    def __call__(self, *, asks_owner: bool = False) -> ProbeResult:
        self.count += 1
        self.asked_owner = asks_owner
        return self.result


def never_asked() -> bool:
    raise AssertionError("whether Stash is away was asked")


def details(outcome: Outcome) -> tuple[Verdict, str, str, float | None]:
    return outcome.verdict, outcome.error_class, outcome.text, outcome.retry_after_s


def subclasses_of(base: type[Exception]) -> Iterator[type[Exception]]:
    for each in base.__subclasses__():
        yield each
        yield from subclasses_of(each)


def leaves_of(base: type[Exception]) -> set[type[Exception]]:
    """The classes that are raised: those of the tree without those that only group others, or that a test defined."""
    tree = {each for each in subclasses_of(base) if each.__module__ == base.__module__}
    return {each for each in tree if each not in GROUPS}


def test_the_table_holds_every_class_of_errors() -> None:
    assert leaves_of(PlexError) <= {type(row.error) for row in ROWS}
    assert leaves_of(StashError) <= {type(error) for error in STASH_ERRORS}
    assert {ProbeKind.OK} | {result.kind for result, _ in FAILED_PROBES} == set(ProbeKind)


@each_row
def test_an_error_concerns_one_job_if_the_probe_passes(row: Row) -> None:
    probe = Probe()
    assert details(judge(row.error, probe)) == (row.verdict, row.error_class, str(row.error), row.retry_after_s)
    assert probe.count == row.asks_probe


@each_row
@each_failed_probe
def test_a_failed_probe_overrides_errors_that_may_concern_all_jobs(
    row: Row, result: ProbeResult, verdict: Verdict
) -> None:
    probe = Probe(result)
    alone = (row.verdict, row.error_class, str(row.error), row.retry_after_s)
    of_all = (verdict, "", result.text, result.retry_after_s)
    assert details(judge(row.error, probe)) == (of_all if row.asks_probe else alone)
    assert probe.count == row.asks_probe


def of_a_write(error: PlexError, *, has_written: bool = False) -> PlexError:
    """The error as a change raises it. `has_written`: other changes of the same edit have arrived."""
    error.of_write, error.has_written = True, has_written
    return error


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (PlexServerError("500"), Evidence.READ),
        (of_a_write(PlexServerError("500")), Evidence.WRITE),
        (of_a_write(PlexTimeout("no answer")), Evidence.WRITE),
        (of_a_write(PlexAuthError("403")), Evidence.WRITE),
        (of_a_write(Rejected(400, "")), Evidence.WRITE),
        (of_a_write(Rejected(400, ""), has_written=True), None),
        (of_a_write(RequestTooLong(Rejected(414, ""), 9_000)), None),
        (NotInPlex(["/media/a.mp4"]), None),
        (PlexBusy("429"), None),
    ],
)
def test_an_outcome_names_the_kind_of_request_that_failed(error: PlexError, failed: Evidence | None) -> None:
    outcome = judge(error, Probe())
    assert outcome.failed is failed
    assert outcome.has_written == error.has_written


def test_only_a_refused_change_makes_the_probe_ask_whether_the_token_may_edit() -> None:
    for error in (PlexAuthError("403"), of_a_write(Rejected(400, "")), of_a_write(PlexServerError("500"))):
        probe = Probe()
        judge(error, probe)
        assert not probe.asked_owner
    probe = Probe(MAY_NOT_EDIT)
    outcome = judge(of_a_write(PlexAuthError("403")), probe)
    assert probe.asked_owner
    assert (outcome.verdict, outcome.failed, outcome.text) == (Verdict.AUTH, Evidence.WRITE, "may not edit")


def test_a_failed_probe_without_a_message_keeps_that_of_the_error() -> None:
    outcome = judge(PlexTimeout("no answer"), Probe(ProbeResult(kind=ProbeKind.DOWN)))
    assert details(outcome) == (Verdict.OUTAGE, "", "no answer", None)


@each_row
def test_a_failed_cover_is_retried_on_its_own_if_the_probe_passes(row: Row) -> None:
    probe, failure = Probe(), PictureFailed(row.error)
    text = str(failure if row.cover is Verdict.COVER else row.error)
    outcome = judge_cover(failure, probe, never_asked)
    assert details(outcome) == (row.cover, row.error_class, text, row.retry_after_s)
    assert probe.count == row.asks_probe


@each_row
@each_failed_probe
def test_a_failed_probe_overrides_the_failure_of_a_cover(row: Row, result: ProbeResult, verdict: Verdict) -> None:
    probe = Probe(result)
    outcome = judge_cover(PictureFailed(row.error), probe, never_asked)
    assert outcome == judge(row.error, Probe(result))
    assert outcome.verdict is (verdict if row.asks_probe else row.verdict)
    assert probe.count == row.asks_probe


@pytest.mark.parametrize("error", STASH_ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("is_away", [True, False])
def test_a_cover_that_stash_does_not_send_is_retried_unless_stash_is_away(error: StashError, *, is_away: bool) -> None:
    probe, failure, asked = Probe(), PictureFailed(error), []

    def is_stash_away() -> bool:
        asked.append(error)
        return is_away

    outcome = judge_cover(failure, probe, is_stash_away)
    is_refusal = isinstance(error, StashRefused)
    if is_away and not is_refusal:
        assert details(outcome) == (Verdict.STASH_AWAY, "", str(error), None)
    else:
        assert details(outcome) == (Verdict.COVER, "Rejected", str(failure), None)
    assert (len(asked), probe.count) == (0 if is_refusal else 1, 0)
