from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outages.breaker import (
    Circuit,
    CircuitBreaker,
    CircuitChange,
    CircuitClosed,
    CircuitHalfOpened,
    CircuitOpened,
    OpenOutage,
    validated,
)
from outages.suspects import OF_PLEX, are_many, of, scene_ids
from store.evidence import Evidence
from tests.support.evidence import OF_A_MISS, OF_A_PUSH, OF_A_READ, a_suspect

NOW = 1_700_000_000.0


def opened() -> CircuitBreaker:
    return CircuitBreaker().probe_failed("connection refused", NOW, 1).breaker


def half_open() -> CircuitBreaker:
    return opened().probe_passed(NOW + 5).breaker


def failing(breaker: CircuitBreaker, *scenes: int, evidence: Evidence = Evidence.WRITE) -> CircuitChange:
    change = CircuitChange(breaker=breaker)
    for offset, scene_id in enumerate(scenes):
        suspect = a_suspect(scene_id, NOW + offset, evidence)
        change = change.breaker.job_failed(suspect, "PlexTimeout: 30 s", NOW + offset, 7)
    return change


def not_writing() -> CircuitBreaker:
    return failing(CircuitBreaker(), 1, 2, 3, 4, 5).breaker


def on_trial(breaker: CircuitBreaker) -> CircuitBreaker:
    return breaker.probe_passed(NOW + 60).breaker


def test_failed_probe_opens_the_circuit_at_once() -> None:
    change = CircuitBreaker().probe_failed("connection refused", NOW, 4)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.opened_at == NOW
    assert change.breaker.last_error == "connection refused"
    assert change.breaker.outage == OpenOutage(id=4, started_at=NOW, cause="connection refused")
    assert [type(event) for event in change.events] == [CircuitOpened]


def test_failures_of_one_scene_never_open_the_circuit() -> None:
    change = failing(CircuitBreaker(), *([12] * 40))
    assert change.breaker.state is Circuit.CLOSED
    assert change.breaker.failure_count == 40


def test_five_failing_scenes_in_a_row_open_the_circuit() -> None:
    assert failing(CircuitBreaker(), 1, 2, 3, 4).breaker.state is Circuit.CLOSED
    change = failing(CircuitBreaker(), 1, 2, 2, 3, 1, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    assert [type(event) for event in change.events] == [CircuitOpened]
    assert scene_ids(change.breaker.suspects) == (1, 2, 3, 4, 5)


def test_scenes_that_failed_while_others_succeeded_do_not_open_the_circuit() -> None:
    breaker = CircuitBreaker()
    for scene_id in range(1, 10):
        breaker = breaker.job_failed(a_suspect(scene_id, NOW, is_own=scene_id > 4), "500", NOW, 7).breaker
    assert breaker.state is Circuit.CLOSED


@pytest.mark.parametrize(
    ("kinds", "expected", "says"),
    [
        ([Evidence.READ] * 5, Evidence.READ, "shows no items"),
        ([Evidence.WRITE] * 5, Evidence.WRITE, "takes no changes"),
        ([Evidence.WRITE] * 2 + [Evidence.READ] * 3, Evidence.WRITE, "takes no changes"),
    ],
)
def test_the_circuit_remembers_what_failed_and_names_it(
    kinds: list[Evidence], expected: Evidence, says: str
) -> None:
    breaker = CircuitBreaker()
    for scene_id, evidence in enumerate(kinds):
        breaker = breaker.job_failed(a_suspect(scene_id, NOW, evidence), "PlexServerError: 500", NOW, 7).breaker
    assert breaker.state is Circuit.OPEN
    assert breaker.evidence is expected
    assert breaker.outage is not None
    assert says in breaker.outage.cause
    assert says in str(breaker.cause)
    assert "PlexServerError: 500" in str(breaker.cause)


def test_a_failed_change_shows_that_items_can_be_read() -> None:
    breaker = failing(failing(CircuitBreaker(), 1, 2, 3, 4, evidence=Evidence.READ).breaker, 5).breaker
    assert breaker.state is Circuit.CLOSED
    assert scene_ids(breaker.suspects) == (5,)


@pytest.mark.parametrize("proven", [OF_A_READ, OF_A_MISS, frozenset({Evidence.SCENE})])
def test_only_a_change_that_arrives_clears_those_that_did_not(proven: frozenset[Evidence]) -> None:
    suspected = failing(CircuitBreaker(), 1, 2, 3, 4).breaker
    assert suspected.job_succeeded(proven, NOW).breaker == suspected
    assert suspected.job_succeeded(OF_A_PUSH, NOW).breaker == CircuitBreaker()
    half_open = on_trial(not_writing())
    assert half_open.job_succeeded(proven, NOW).breaker == half_open
    closed = half_open.job_succeeded(OF_A_PUSH, NOW)
    assert [event.is_confirmed for event in closed.events if isinstance(event, CircuitClosed)] == [True]
    assert closed.breaker.unconfirmed is None


def test_a_trial_of_a_change_that_fails_reopens_the_same_outage_at_once() -> None:
    change = failing(on_trial(not_writing()), 6)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == not_writing().outage


def test_a_trial_of_a_read_that_fails_in_a_change_waits_for_changes_from_then_on() -> None:
    not_reading = failing(CircuitBreaker(), 1, 2, 3, 4, 5, evidence=Evidence.READ).breaker
    assert failing(on_trial(not_reading), 6).breaker.evidence is Evidence.WRITE


def test_a_second_probe_ends_a_trial_only_if_no_job_can_be_tried() -> None:
    half_open = on_trial(not_writing())
    assert half_open.probe_passed(NOW + 61, may_try=True).breaker == half_open
    change = half_open.probe_passed(NOW + 61, may_try=False)
    (event,) = change.events
    assert isinstance(event, CircuitClosed)
    assert not event.is_confirmed
    assert change.breaker.unconfirmed == not_writing().outage


def test_a_change_that_fails_after_an_end_that_nothing_confirmed_continues_the_outage() -> None:
    ended = on_trial(not_writing()).probe_passed(NOW + 61).breaker
    read = ended.job_succeeded(OF_A_READ, NOW + 70).breaker
    change = failing(read, 9)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == not_writing().outage
    confirmed = ended.job_succeeded(OF_A_PUSH, NOW + 70).breaker
    assert failing(confirmed, 9).breaker.state is Circuit.CLOSED


def test_an_outage_of_probes_ends_with_a_probe_but_is_unconfirmed_if_its_trials_failed() -> None:
    failed = failing(half_open(), 3).breaker
    ended = failed.probe_passed(NOW + 7)
    (event,) = ended.events
    assert isinstance(event, CircuitClosed)
    assert not event.is_confirmed
    opened_again = failing(ended.breaker, 4, 5, 6, 7).breaker
    assert opened_again.outage == opened().outage


def test_outage_caused_by_suspects_starts_with_the_first_of_them() -> None:
    outage = failing(CircuitBreaker(), 1, 2, 3, 4, 5).breaker.outage
    assert outage is not None
    assert outage.started_at == NOW


def test_success_in_between_clears_the_suspects() -> None:
    healthy = failing(CircuitBreaker(), 1, 2, 3, 4).breaker.job_succeeded(OF_A_PUSH, NOW).breaker
    assert healthy == CircuitBreaker()
    assert failing(healthy, 5).breaker.state is Circuit.CLOSED


def test_passed_probe_does_not_clear_the_suspects_of_a_closed_circuit() -> None:
    suspected = failing(CircuitBreaker(), 1, 2, 3, 4).breaker
    assert suspected.probe_passed(NOW).breaker == suspected


def test_passed_probe_half_opens_the_circuit_and_a_second_one_closes_it() -> None:
    first = opened().probe_passed(NOW + 5)
    assert first.breaker.state is Circuit.HALF_OPEN
    assert [type(event) for event in first.events] == [CircuitHalfOpened]
    second = first.breaker.probe_passed(NOW + 6)
    assert second.breaker.state is Circuit.CLOSED
    assert second.breaker.outage is None
    (event,) = second.events
    assert isinstance(event, CircuitClosed)
    assert (event.outage.id, event.at) == (1, NOW + 6)


def test_successful_trial_closes_the_circuit() -> None:
    change = half_open().job_succeeded(OF_A_MISS, NOW + 6)
    assert change.breaker.state is Circuit.CLOSED
    assert change.breaker.last_error is None


def test_failed_trial_whose_probe_fails_reopens_the_same_outage() -> None:
    change = half_open().probe_failed("timeout", NOW + 7, 99)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == opened().outage
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.is_reopened


def test_failed_trial_whose_probe_passes_leaves_the_next_trial_to_another_job() -> None:
    assert failing(half_open(), 3).breaker.state is Circuit.HALF_OPEN


def test_five_failed_trials_reopen_the_circuit_until_one_succeeds() -> None:
    change = failing(half_open(), 1, 2, 3, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.evidence is Evidence.WRITE
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.is_reopened


def test_worker_start_reopens_a_half_open_circuit() -> None:
    change = half_open().worker_started(NOW + 60)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == opened().outage
    assert change.breaker.transitions == half_open().transitions + 1


@pytest.mark.parametrize("breaker", [CircuitBreaker(), opened()])
def test_worker_start_leaves_a_closed_or_open_circuit_unchanged(breaker: CircuitBreaker) -> None:
    assert breaker.worker_started(NOW + 60).breaker == breaker


def test_long_errors_are_truncated() -> None:
    assert len(CircuitBreaker().probe_failed("x" * 100_000, NOW, 1).breaker.last_error or "") == 500


def test_probes_and_waiting_jobs_are_counted_during_an_outage() -> None:
    outage = opened().with_probe(4).with_probe(9).with_probe(2).outage
    assert outage is not None
    assert (outage.probes, outage.jobs_waiting, outage.jobs_affected) == (3, 2, 9)
    assert CircuitBreaker().with_probe(3) == CircuitBreaker()


def test_missing_outage_of_an_open_circuit_is_rebuilt() -> None:
    breaker = validated(CircuitBreaker(state=Circuit.OPEN, opened_at=NOW, last_error="refused", last_outage_id=3))
    assert breaker.outage == OpenOutage(id=4, started_at=NOW, cause="refused")
    assert breaker.last_outage_id == 4


@pytest.mark.parametrize(
    "breaker",
    [
        CircuitBreaker(state=Circuit.OPEN),
        CircuitBreaker(state=Circuit.HALF_OPEN),
        CircuitBreaker(failure_count=-1),
        CircuitBreaker(transitions=-1),
    ],
)
def test_contradictory_fields_are_rejected(breaker: CircuitBreaker) -> None:
    with pytest.raises(ValueError, match=r"opened_at|below zero"):
        validated(breaker)


LEGAL = {
    (Circuit.CLOSED, Circuit.OPEN),
    (Circuit.OPEN, Circuit.HALF_OPEN),
    (Circuit.HALF_OPEN, Circuit.CLOSED),
    (Circuit.HALF_OPEN, Circuit.OPEN),
}


class BreakerMachine(RuleBasedStateMachine):
    """Any events in any order: transitions, outages and suspects stay consistent."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker()
        self.now = NOW

    def apply(self, change: CircuitChange) -> None:
        before, after = self.breaker, change.breaker
        if after.state is before.state:
            assert after.transitions == before.transitions
            assert change.events == ()
        else:
            assert (before.state, after.state) in LEGAL
            assert after.transitions == before.transitions + 1
            assert len(change.events) == 1
        if before.outage is not None and after.outage is not None:
            assert (after.outage.id, after.outage.started_at) == (before.outage.id, before.outage.started_at)
        if after.outage is not None and before.outage is None:
            is_new = after.outage.id > before.last_outage_id
            assert is_new or after.outage == before.unconfirmed
        self.breaker = after
        self.now += 1

    @rule(proven=st.sampled_from([OF_A_PUSH, OF_A_READ, OF_A_MISS]))
    def job_succeeds(self, proven: frozenset[Evidence]) -> None:
        before = self.breaker
        self.apply(before.job_succeeded(proven, self.now))
        if before.state is Circuit.HALF_OPEN:
            assert (self.breaker.state is Circuit.CLOSED) == (before.evidence in proven)
        if before.state is not Circuit.OPEN:
            assert not of(self.breaker.suspects, proven)

    @rule(scene_id=st.integers(1, 7), evidence=st.sampled_from(OF_PLEX), is_own=st.booleans())
    def job_fails(self, scene_id: int, evidence: Evidence, is_own: bool) -> None:
        before = self.breaker
        suspect = a_suspect(scene_id, self.now, evidence, is_own=is_own)
        self.apply(before.job_failed(suspect, "PlexServerError", self.now, before.last_outage_id + 1))
        is_single_trial = before.state is Circuit.HALF_OPEN and before.evidence is not Evidence.PROBE
        opens = before.state is Circuit.OPEN or is_single_trial or are_many(of(self.breaker.suspects, OF_PLEX))
        assert (self.breaker.state is Circuit.OPEN) == opens

    @rule()
    def probe_fails(self) -> None:
        change = self.breaker.probe_failed("refused", self.now, self.breaker.last_outage_id + 1)
        assert change.breaker.failure_count == self.breaker.failure_count + 1
        self.apply(change)
        assert self.breaker.state is Circuit.OPEN

    @rule(may_try=st.booleans())
    def probe_passes(self, may_try: bool) -> None:
        before = self.breaker
        self.apply(before.probe_passed(self.now, may_try=may_try))
        after = {Circuit.OPEN: Circuit.HALF_OPEN, Circuit.HALF_OPEN: Circuit.CLOSED, Circuit.CLOSED: Circuit.CLOSED}
        waits = before.state is Circuit.HALF_OPEN and may_try
        assert self.breaker.state is (Circuit.HALF_OPEN if waits else after[before.state])

    @precondition(lambda self: self.breaker.state is Circuit.HALF_OPEN)
    @rule()
    def worker_starts(self) -> None:
        self.apply(self.breaker.worker_started(self.now))

    @invariant()
    def there_is_an_outage_exactly_while_the_circuit_is_not_closed(self) -> None:
        is_closed = self.breaker.state is Circuit.CLOSED
        assert (self.breaker.outage is None) == is_closed
        assert (self.breaker.opened_at is None) == is_closed
        assert validated(self.breaker) == self.breaker

    @invariant()
    def nothing_is_unconfirmed_unless_scenes_are_suspected(self) -> None:
        assert self.breaker.unconfirmed is None or of(self.breaker.suspects, OF_PLEX)


TestBreakerMachine = BreakerMachine.TestCase
