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
    return CircuitBreaker().went_down("connection refused", NOW, 1).breaker


def half_open() -> CircuitBreaker:
    return opened().probe_passed(NOW + 5).breaker


def failing(breaker: CircuitBreaker, *scenes: int) -> CircuitChange:
    change = CircuitChange(breaker=breaker)
    for offset, scene_id in enumerate(scenes):
        change = change.breaker.failed_alone(scene_id, "PlexTimeout: 30 s", NOW + offset, 7)
    return change


def test_failed_probe_opens_at_once() -> None:
    change = CircuitBreaker().went_down("connection refused", NOW, 4)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.opened_at == NOW
    assert change.breaker.last_error == "connection refused"
    assert change.breaker.outage == OpenOutage(id=4, started_at=NOW, cause="connection refused")
    assert [type(event) for event in change.events] == [CircuitOpened]


def test_failures_of_one_scene_never_open() -> None:
    change = failing(CircuitBreaker(), *([12] * 40))
    assert change.breaker.state is Circuit.CLOSED
    assert change.breaker.failure_count == 40


def test_five_scenes_in_a_row_open_and_are_refunded_once_each() -> None:
    assert failing(CircuitBreaker(), 1, 2, 3, 4).breaker.state is Circuit.CLOSED
    change = failing(CircuitBreaker(), 1, 2, 2, 3, 1, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.refunded == (1, 2, 3, 4, 5)


def test_outage_of_suspects_began_with_the_first_of_them() -> None:
    outage = failing(CircuitBreaker(), 1, 2, 3, 4, 5).breaker.outage
    assert outage is not None
    assert outage.started_at == NOW


def test_success_in_between_clears_the_suspects() -> None:
    healthy = failing(CircuitBreaker(), 1, 2, 3, 4).breaker.succeeded(NOW).breaker
    assert healthy == CircuitBreaker()
    assert failing(healthy, 5).breaker.state is Circuit.CLOSED


def test_passed_probe_does_not_clear_the_suspects_of_a_closed_circuit() -> None:
    suspected = failing(CircuitBreaker(), 1, 2, 3, 4).breaker
    assert suspected.probe_passed(NOW).breaker == suspected


def test_passed_probe_half_opens_and_a_second_one_closes() -> None:
    first = opened().probe_passed(NOW + 5)
    assert first.breaker.state is Circuit.HALF_OPEN
    assert [type(event) for event in first.events] == [CircuitHalfOpened]
    second = first.breaker.probe_passed(NOW + 6)
    assert second.breaker.state is Circuit.CLOSED
    assert second.breaker.outage is None
    (event,) = second.events
    assert isinstance(event, CircuitClosed)
    assert (event.outage.id, event.at) == (1, NOW + 6)


def test_success_of_the_trial_closes() -> None:
    change = half_open().succeeded(NOW + 6)
    assert change.breaker.state is Circuit.CLOSED
    assert change.breaker.last_error is None


def test_failed_trial_whose_probe_fails_reopens_the_same_outage() -> None:
    change = half_open().went_down("timeout", NOW + 7, 99)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == opened().outage
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.again


def test_failed_trial_whose_probe_passes_leaves_the_next_trial_to_another_job() -> None:
    assert failing(half_open(), 3).breaker.state is Circuit.HALF_OPEN


def test_five_failed_trials_reopen_and_are_refunded() -> None:
    change = failing(half_open(), 1, 2, 3, 4, 5)
    assert change.breaker.state is Circuit.OPEN
    (event,) = change.events
    assert isinstance(event, CircuitOpened)
    assert event.refunded == (1, 2, 3, 4, 5)


def test_half_open_found_at_a_start_is_open() -> None:
    change = half_open().found_at_start(NOW + 60)
    assert change.breaker.state is Circuit.OPEN
    assert change.breaker.outage == opened().outage
    assert change.breaker.transitions == half_open().transitions + 1


@pytest.mark.parametrize("breaker", [CircuitBreaker(), opened()])
def test_start_leaves_closed_and_open_as_they_are(breaker: CircuitBreaker) -> None:
    assert breaker.found_at_start(NOW + 60).breaker == breaker


def test_long_errors_are_cut() -> None:
    assert len(CircuitBreaker().went_down("x" * 100_000, NOW, 1).breaker.last_error or "") == 500


def test_probes_and_waiting_jobs_are_counted_while_the_outage_lasts() -> None:
    outage = opened().with_probe(4).with_probe(9).with_probe(2).outage
    assert outage is not None
    assert (outage.probes, outage.jobs_waiting, outage.jobs_affected) == (3, 2, 9)
    assert CircuitBreaker().with_probe(3) == CircuitBreaker()


def test_open_circuit_read_without_its_outage_gets_one() -> None:
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
def test_contradictions_in_the_file_are_refused(breaker: CircuitBreaker) -> None:
    with pytest.raises(ValueError, match=r"opened_at|below zero"):
        validated(breaker)


LEGAL = {
    (Circuit.CLOSED, Circuit.OPEN),
    (Circuit.OPEN, Circuit.HALF_OPEN),
    (Circuit.HALF_OPEN, Circuit.CLOSED),
    (Circuit.HALF_OPEN, Circuit.OPEN),
}


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, the breaker keeps its promises."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = CircuitBreaker()
        self.now = NOW
        self.row: list[int] = []  # what the suspects ought to be
        self.ids = 0

    def take(self, change: CircuitChange) -> None:
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
    def succeed(self) -> None:
        if self.breaker.state is not Circuit.OPEN:
            self.row = []
        self.take(self.breaker.succeeded(self.now))
        assert self.breaker.state is not Circuit.HALF_OPEN

    @rule(scene_id=st.integers(1, 7))
    def fail_alone(self, scene_id: int) -> None:
        before = self.breaker
        change = before.failed_alone(scene_id, "PlexServerError", self.now, before.last_outage_id + 1)
        if before.state is not Circuit.OPEN and scene_id not in self.row:
            self.row.append(scene_id)
        opens = len(self.row) == SUSPECTS_TO_OPEN
        assert (change.breaker.state is Circuit.OPEN) == (opens or before.state is Circuit.OPEN)
        for event in change.events:
            assert isinstance(event, CircuitOpened)
            assert list(event.refunded) == self.row
            self.row = []
        self.take(change)

    @rule()
    def go_down(self) -> None:
        self.row = []
        change = self.breaker.went_down("refused", self.now, self.breaker.last_outage_id + 1)
        assert change.breaker.failure_count == self.breaker.failure_count + 1
        self.take(change)
        assert self.breaker.state is Circuit.OPEN

    @rule()
    def pass_probe(self) -> None:
        before = self.breaker.state
        if before is not Circuit.CLOSED:
            self.row = []
        self.take(self.breaker.probe_passed(self.now))
        after = {Circuit.OPEN: Circuit.HALF_OPEN, Circuit.HALF_OPEN: Circuit.CLOSED, Circuit.CLOSED: Circuit.CLOSED}
        assert self.breaker.state is after[before]

    @precondition(lambda self: self.breaker.state is Circuit.HALF_OPEN)
    @rule()
    def restart(self) -> None:
        self.row = []
        self.take(self.breaker.found_at_start(self.now))

    @invariant()
    def an_outage_is_open_exactly_while_not_closed(self) -> None:
        is_closed = self.breaker.state is Circuit.CLOSED
        assert (self.breaker.outage is None) == is_closed
        assert (self.breaker.opened_at is None) == is_closed
        assert validated(self.breaker) == self.breaker

    @invariant()
    def suspects_are_the_failures_in_a_row(self) -> None:
        assert [suspect.scene_id for suspect in self.breaker.suspects] == self.row


TestBreakerMachine = BreakerMachine.TestCase
