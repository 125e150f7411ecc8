from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outages import breaker, history, scheduler, transitions
from outages.breaker import Circuit, CircuitClosed, CircuitOpened
from outages.scheduler import PauseReason, ProbeTimes
from outages.transitions import GateKind, OutageState, PauseBegan, PauseEnded, ProbeKind, ProbeResult, Transition

NOW = 1_700_000_000.0

real = ProbeTimes()


def probed(state: OutageState, kind: ProbeKind, now: float, *, jobs_waiting: int = 3) -> Transition:
    return transitions.on_probe(state, ProbeResult(kind=kind, text=kind.value), jobs_waiting, now, real)


def open_since(now: float) -> OutageState:
    return transitions.on_outage(OutageState(), "refused", now, real).state


def kinds(outcome: Transition) -> list[type]:
    return [type(event) for event in outcome.events]


def test_outage_opens_and_plans_a_probe_in_five_seconds() -> None:
    state = open_since(NOW)
    assert state.breaker.state is Circuit.OPEN
    assert state.scheduler.next_check_at == NOW + 5
    assert state.scheduler.consecutive_failures == 1
    gate = transitions.decide_gate(state, NOW, real)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, "circuit", NOW + 5)


def test_probes_come_in_growing_intervals_while_plex_is_down() -> None:
    state, at, delays = open_since(NOW), NOW, []
    for _ in range(6):
        assert not transitions.is_probe_due(state, at, real)
        next_at = state.scheduler.next_check_at or 0.0
        delays.append(next_at - at)
        at = next_at
        assert transitions.is_probe_due(state, at, real)
        state = probed(state, ProbeKind.DOWN, at).state
    assert delays == [5, 10, 20, 40, 60, 60]


def test_healthy_probe_lets_one_job_try_and_its_success_ends_the_outage() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5, jobs_waiting=12).state
    assert transitions.decide_gate(half, NOW + 5, real).kind is GateKind.TRIAL
    done = transitions.on_success(half, NOW + 5.5, real)
    assert kinds(done) == [CircuitClosed]
    assert transitions.decide_gate(done.state, NOW + 6, real).kind is GateKind.DRAIN
    (outage,) = done.state.history.outages
    assert (outage.id, outage.duration_s, outage.jobs_affected, outage.probes) == (1, 5.5, 12, 2)
    assert done.state.scheduler.recovery_count == 1
    assert done.state.scheduler.next_check_at is None
    assert done.state.scheduler.period is not None


def test_without_a_trial_a_second_probe_a_second_later_closes() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    assert not transitions.is_probe_due(half, NOW + 5.9, real)
    assert transitions.is_probe_due(half, NOW + 6, real)
    assert probed(half, ProbeKind.OK, NOW + 6).state.breaker.state is Circuit.CLOSED


def test_failed_trial_with_a_passed_probe_gives_the_next_trial_its_time() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    failed = transitions.on_own_failure(half, 1, "PlexTimeout", NOW + 40, real).state
    assert transitions.decide_gate(failed, NOW + 40, real).kind is GateKind.TRIAL
    assert not transitions.is_probe_due(failed, NOW + 40.5, real)
    assert transitions.is_probe_due(failed, NOW + 41, real)


def test_failed_trial_with_a_failed_probe_reopens_with_the_next_longer_interval() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    again = transitions.on_outage(half, "timeout", NOW + 7, real).state
    assert again.breaker.state is Circuit.OPEN
    assert again.scheduler.next_check_at == NOW + 7 + 10


def test_long_trial_does_not_shorten_the_intervals() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    assert transitions.on_outage(half, "timeout", NOW + 500, real).state.scheduler.next_check_at == NOW + 510


def test_next_outage_starts_over_at_five_seconds() -> None:
    state = open_since(NOW)
    for offset in (5, 15, 35):
        state = probed(state, ProbeKind.DOWN, NOW + offset).state
    state = probed(probed(state, ProbeKind.OK, NOW + 75).state, ProbeKind.OK, NOW + 76).state
    assert transitions.on_outage(state, "refused", NOW + 80, real).state.scheduler.next_check_at == NOW + 85


def test_half_open_found_at_a_start_is_probed_now_and_keeps_its_interval() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    started = transitions.on_start(half, NOW + 5.2, real)
    assert started.state.breaker.state is Circuit.OPEN
    assert transitions.is_probe_due(started.state, NOW + 5.2, real)
    down = probed(started.state, ProbeKind.DOWN, NOW + 5.2).state
    assert down.scheduler.next_check_at == NOW + 5.2 + 10


def test_start_in_an_outage_keeps_the_schedule() -> None:
    state = replace(open_since(NOW), history=history.OutageHistory(observed_since=NOW))
    assert transitions.on_start(state, NOW + 1, real) == Transition(state=state)


@pytest.mark.parametrize("kind", [ProbeKind.AUTH, ProbeKind.SETUP])
def test_refusing_server_is_up_so_the_circuit_closes_and_the_pause_holds(kind: ProbeKind) -> None:
    first = probed(open_since(NOW), kind, NOW + 5)
    assert first.state.breaker.state is Circuit.HALF_OPEN
    assert transitions.decide_gate(first.state, NOW + 5, real).stopped_by == kind.value
    second = probed(first.state, kind, NOW + 6)
    assert second.state.breaker.state is Circuit.CLOSED
    gate = transitions.decide_gate(second.state, NOW + 6, real)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, kind.value, NOW + 11)
    well = probed(second.state, ProbeKind.OK, NOW + 11)
    assert transitions.decide_gate(well.state, NOW + 11, real).kind is GateKind.DRAIN
    assert PauseEnded in kinds(well)


def test_pause_is_told_once_however_often_the_probe_repeats_it() -> None:
    first = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, real)
    assert kinds(first) == [PauseBegan]
    assert probed(first.state, ProbeKind.AUTH, NOW + 5).events == ()


def test_pause_for_the_token_is_probed_on_schedule() -> None:
    state = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, real).state
    delays, at = [], NOW
    for _ in range(5):
        delays.append((state.scheduler.next_check_at or 0.0) - at)
        at = state.scheduler.next_check_at or 0.0
        state = probed(state, ProbeKind.AUTH, at).state
    assert delays == [5, 10, 20, 40, 60]


def test_new_settings_end_pauses_and_have_an_open_circuit_probed_now() -> None:
    paused = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, real).state
    resumed = transitions.on_new_settings(paused, NOW + 1)
    assert transitions.decide_gate(resumed.state, NOW + 1, real).kind is GateKind.DRAIN
    assert transitions.is_probe_due(transitions.on_new_settings(open_since(NOW), NOW + 1).state, NOW + 1, real)
    assert transitions.on_new_settings(OutageState(), NOW) == Transition(state=OutageState())


def test_busy_plex_pauses_the_drain_and_ends_by_itself() -> None:
    state = transitions.on_busy(OutageState(), 45, "busy", NOW, real).state
    gate = transitions.decide_gate(state, NOW, real)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, "busy", NOW + 45)
    assert not transitions.is_probe_due(state, NOW + 10, real)
    assert transitions.decide_gate(state, NOW + 45, real).kind is GateKind.DRAIN


def test_busy_probe_postpones_the_next_one_and_tells_neither_way() -> None:
    result = ProbeResult(kind=ProbeKind.BUSY, text="busy", retry_after_s=300)
    state = transitions.on_probe(open_since(NOW), result, 0, NOW + 5, real).state
    assert state.breaker.state is Circuit.OPEN
    assert state.scheduler.next_check_at == NOW + 305
    assert state.scheduler.consecutive_failures == 1


def test_busy_trial_puts_the_second_probe_off() -> None:
    half = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    busy = transitions.on_busy(half, 60, "busy", NOW + 6, real).state
    assert not transitions.is_probe_due(busy, NOW + 65, real)
    assert transitions.is_probe_due(busy, NOW + 66, real)


def test_five_scenes_in_a_row_open_and_name_who_is_refunded() -> None:
    outcome = Transition(state=OutageState())
    for scene_id in range(1, 6):
        outcome = transitions.on_own_failure(outcome.state, scene_id, "PlexTimeout", NOW, real)
    assert outcome.refunded == (1, 2, 3, 4, 5)
    assert kinds(outcome) == [CircuitOpened]
    assert outcome.state.scheduler.next_check_at == NOW + 5


def test_outage_ids_go_on_when_either_file_is_lost() -> None:
    state = probed(probed(open_since(NOW), ProbeKind.OK, NOW + 5).state, ProbeKind.OK, NOW + 6).state
    for survivor in (replace(state, history=history.OutageHistory()), replace(state, breaker=breaker.CircuitBreaker())):
        after = transitions.on_outage(survivor, "refused", NOW + 9, real).state
        assert after.breaker.outage is not None
        assert after.breaker.outage.id == 2


def test_disk_that_takes_a_probe_result_ends_the_pause_for_storage() -> None:
    paused = transitions.on_pause(OutageState(), PauseReason.STORAGE, "disk full", NOW, real).state
    outcome = probed(paused, ProbeKind.DOWN, NOW + 5)
    assert transitions.decide_gate(outcome.state, NOW + 5, real).stopped_by == "circuit"
    assert PauseEnded in kinds(outcome)


def test_disk_that_fills_again_at_once_is_tried_less_and_less_often() -> None:
    state, at, delays = OutageState(), NOW, []
    for _ in range(4):
        state = transitions.on_pause(state, PauseReason.STORAGE, "disk full", at, real).state
        delays.append((state.scheduler.next_check_at or 0.0) - at)
        at = state.scheduler.next_check_at or 0.0
        state = probed(state, ProbeKind.OK, at).state
    assert delays == [5, 10, 20, 40]


class OutageMachine(RuleBasedStateMachine):
    """All that can happen, in any order: one outage record each, and always a way back."""

    def __init__(self) -> None:
        super().__init__()
        self.state = OutageState()
        self.now = NOW
        self.opened = 0

    def take(self, outcome: Transition) -> None:
        self.opened += sum(isinstance(event, CircuitOpened) and not event.again for event in outcome.events)
        self.state = outcome.state

    @rule(seconds=st.sampled_from([0.5, 1, 5, 60, 1000, -3600]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def job_succeeds(self) -> None:
        if transitions.decide_gate(self.state, self.now, real).kind is not GateKind.WAIT:
            self.take(transitions.on_success(self.state, self.now, real))

    @rule(scene_id=st.integers(1, 9))
    def job_fails_alone(self, scene_id: int) -> None:
        if transitions.decide_gate(self.state, self.now, real).kind is not GateKind.WAIT:
            self.take(transitions.on_own_failure(self.state, scene_id, "PlexTimeout", self.now, real))

    @rule()
    def job_meets_an_outage(self) -> None:
        self.take(transitions.on_outage(self.state, "refused", self.now, real))

    @rule(reason=st.sampled_from([PauseReason.AUTH, PauseReason.SETUP, PauseReason.STORAGE]))
    def job_meets_a_pause(self, reason: PauseReason) -> None:
        self.take(transitions.on_pause(self.state, reason, "why", self.now, real))

    @rule(retry_after_s=st.none() | st.floats(0, 1e4))
    def job_meets_a_busy_plex(self, retry_after_s: float | None) -> None:
        self.take(transitions.on_busy(self.state, retry_after_s, "busy", self.now, real))

    @rule(kind=st.sampled_from(ProbeKind), by_hand=st.booleans())
    def probe(self, kind: ProbeKind, by_hand: bool) -> None:
        if by_hand or transitions.is_probe_due(self.state, self.now, real):
            self.take(probed(self.state, kind, self.now))

    @rule()
    def restart(self) -> None:
        self.take(transitions.on_start(self.state, self.now, real))

    @rule()
    def settings_change(self) -> None:
        self.take(transitions.on_new_settings(self.state, self.now))

    @invariant()
    def every_outage_is_in_the_list_once(self) -> None:
        listed = self.state.history.listed(self.state.breaker.outage)
        assert [outage.id for outage in listed] == list(range(max(1, self.opened - 29), self.opened + 1))
        ongoing = [outage for outage in listed if outage.ended_at is None]
        assert len(ongoing) == (0 if self.state.breaker.state is Circuit.CLOSED else 1)

    @invariant()
    def files_would_be_accepted(self) -> None:
        assert breaker.validated(self.state.breaker) == self.state.breaker
        assert scheduler.validated(self.state.scheduler) == self.state.scheduler
        assert history.validated(self.state.history) == self.state.history

    @invariant()
    def healthy_plex_is_noticed_and_drained_to(self) -> None:
        """Probes alone, made when they are due, lead back to DRAIN within Retry-After and three probes."""
        state, now = self.state, self.now
        for _ in range(8):
            gate = transitions.decide_gate(state, now, real)
            if gate.kind is GateKind.DRAIN:
                return
            if not transitions.is_probe_due(state, now, real):
                at = gate.until if gate.kind is GateKind.WAIT else state.scheduler.next_check_at
                assert at is not None
                assert now < at <= now + 661
                now = at
            if transitions.is_probe_due(state, now, real):
                state = probed(state, ProbeKind.OK, now).state
        raise AssertionError(state)


TestOutageMachine = OutageMachine.TestCase
