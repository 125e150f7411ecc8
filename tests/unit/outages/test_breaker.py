from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from outages.breaker import (
    SUSPECTS_TO_OPEN,
    Circuit,
    CircuitBreaker,
    CircuitChange,
    CircuitClosed,
    CircuitHalfOpened,
    CircuitOpened,
    OpenOutage,
    validated,
)

NOW = 1_700_000_000.0


def opened() -> CircuitBreaker:
    return CircuitBreaker().probe_failed("connection refused", NOW, 1).breaker


def half_open() -> CircuitBreaker:
    return opened().probe_passed(NOW + 5).breaker


def failing(breaker: CircuitBreaker, *scenes: int) -> CircuitChange:
    change = CircuitChange(breaker=breaker)
    for offset, scene_id in enumerate(scenes):
        change = change.breaker.job_failed(scene_id, "PlexTimeout: 30 s", NOW + offset, 7)
    return change


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


def test_five_failing_scenes_in_a_row_open_the_circuit_and_are_refunded_once_each() -> None:
    assert failing(CircuitBreaker(), 1, 2, 3, 4).breaker.state is Circuit.CLOSED
    change = failing(CircuitBreaker(), 1, 2, 2, 3, 1, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.refunded == (1, 2, 3, 4, 5)


def test_outage_caused_by_suspects_starts_with_the_first_of_them() -> None:
    outage = failing(CircuitBreaker(), 1, 2, 3, 4, 5).breaker.outage
    assert outage is not None
    assert outage.started_at == NOW


def test_success_in_between_clears_the_suspects() -> None:
    healthy = failing(CircuitBreaker(), 1, 2, 3, 4).breaker.job_succeeded(NOW).breaker
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
    change = half_open().job_succeeded(NOW + 6)
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


def test_five_failed_trials_reopen_the_circuit_and_are_refunded() -> None:
    change = failing(half_open(), 1, 2, 3, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.refunded == (1, 2, 3, 4, 5)


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
        self.expected_suspects: list[int] = []
        self.ids = 0

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
            assert after.outage.id > before.last_outage_id
        self.breaker = after
        self.now += 1

    @rule()
    def job_succeeds(self) -> None:
        if self.breaker.state is not Circuit.OPEN:
            self.expected_suspects = []
        self.apply(self.breaker.job_succeeded(self.now))
        assert self.breaker.state is not Circuit.HALF_OPEN

    @rule(scene_id=st.integers(1, 7))
    def job_fails(self, scene_id: int) -> None:
        before = self.breaker
        change = before.job_failed(scene_id, "PlexServerError", self.now, before.last_outage_id + 1)
        if before.state is not Circuit.OPEN and scene_id not in self.expected_suspects:
            self.expected_suspects.append(scene_id)
        opens = len(self.expected_suspects) == SUSPECTS_TO_OPEN
        assert (change.breaker.state is Circuit.OPEN) == (opens or before.state is Circuit.OPEN)
        for event in change.events:
            assert isinstance(event, CircuitOpened)
            assert list(event.refunded) == self.expected_suspects
            self.expected_suspects = []
        self.apply(change)

    @rule()
    def probe_fails(self) -> None:
        self.expected_suspects = []
        change = self.breaker.probe_failed("refused", self.now, self.breaker.last_outage_id + 1)
        assert change.breaker.failure_count == self.breaker.failure_count + 1
        self.apply(change)
        assert self.breaker.state is Circuit.OPEN

    @rule()
    def probe_passes(self) -> None:
        before = self.breaker.state
        if before is not Circuit.CLOSED:
            self.expected_suspects = []
        self.apply(self.breaker.probe_passed(self.now))
        after = {Circuit.OPEN: Circuit.HALF_OPEN, Circuit.HALF_OPEN: Circuit.CLOSED, Circuit.CLOSED: Circuit.CLOSED}
        assert self.breaker.state is after[before]

    @precondition(lambda self: self.breaker.state is Circuit.HALF_OPEN)
    @rule()
    def worker_starts(self) -> None:
        self.expected_suspects = []
        self.apply(self.breaker.worker_started(self.now))

    @invariant()
    def there_is_an_outage_exactly_while_the_circuit_is_not_closed(self) -> None:
        is_closed = self.breaker.state is Circuit.CLOSED
        assert (self.breaker.outage is None) == is_closed
        assert (self.breaker.opened_at is None) == is_closed
        assert validated(self.breaker) == self.breaker

    @invariant()
    def suspects_are_the_consecutive_failures(self) -> None:
        assert [suspect.scene_id for suspect in self.breaker.suspects] == self.expected_suspects


TestBreakerMachine = BreakerMachine.TestCase
