from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from outages import breaker, failures, history, scheduler, transitions
from outages.breaker import Circuit, CircuitClosed, CircuitOpened, OutageWithdrawn
from outages.scheduler import PauseReason, ProbeTimes
from outages.transitions import GateKind, OutageState, PauseBegan, PauseEnded, ProbeKind, ProbeResult, Transition
from store.evidence import Evidence
from tests.support.evidence import OF_A_MISS, OF_A_PUSH, OF_A_READ, a_suspect

NOW = 1_700_000_000.0

REAL = ProbeTimes()
MAY_NOT_EDIT = ProbeResult(kind=ProbeKind.AUTH, text="may not edit", evidence=Evidence.WRITE)


def probed(
    state: OutageState, kind: ProbeKind, now: float, *, jobs_waiting: int = 3, may_try: bool = False
) -> Transition:
    return transitions.on_probe(
        state, ProbeResult(kind=kind, text=kind.value), jobs_waiting, now, REAL, may_try=may_try
    )


def open_since(now: float) -> OutageState:
    return transitions.on_outage(OutageState(), "refused", now, REAL).state


def kinds(outcome: Transition) -> list[type]:
    return [type(event) for event in outcome.events]


def test_outage_opens_the_circuit_and_schedules_a_probe_in_five_seconds() -> None:
    state = open_since(NOW)
    assert state.breaker.state is Circuit.OPEN
    assert state.scheduler.next_check_at == NOW + 5
    assert state.scheduler.consecutive_failures == 1
    gate = transitions.decide_gate(state, NOW)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, "circuit", NOW + 5)


def test_probes_come_at_growing_intervals_while_plex_is_down() -> None:
    state, at, delays = open_since(NOW), NOW, []
    for _ in range(6):
        assert not transitions.is_probe_due(state, at, REAL)
        next_at = state.scheduler.next_check_at or 0.0
        delays.append(next_at - at)
        at = next_at
        assert transitions.is_probe_due(state, at, REAL)
        state = probed(state, ProbeKind.DOWN, at).state
    assert delays == [5, 10, 20, 40, 60, 60]


def test_passed_probe_lets_one_job_try_and_its_success_ends_the_outage() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5, jobs_waiting=12).state
    assert transitions.decide_gate(half_open, NOW + 5).kind is GateKind.TRIAL
    done = transitions.on_success(half_open, OF_A_PUSH, NOW + 5.5, REAL)
    assert kinds(done) == [CircuitClosed]
    assert transitions.decide_gate(done.state, NOW + 6).kind is GateKind.DRAIN
    (outage,) = done.state.history.outages
    assert (outage.id, outage.duration_s, outage.jobs_affected, outage.probes) == (1, 5.5, 12, 2)
    assert done.state.scheduler.recovery_count == 1
    assert done.state.scheduler.next_check_at is None
    assert done.state.scheduler.period is not None


def test_without_a_trial_a_second_probe_closes_the_circuit_a_second_later() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    assert not transitions.is_probe_due(half_open, NOW + 5.9, REAL)
    assert transitions.is_probe_due(half_open, NOW + 6, REAL)
    assert probed(half_open, ProbeKind.OK, NOW + 6).state.breaker.state is Circuit.CLOSED


def test_failed_trial_with_a_passed_probe_postpones_the_second_probe() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    failed = failures.on_failure(half_open, a_suspect(1, NOW + 40), "PlexTimeout", NOW + 40, REAL).state
    assert transitions.decide_gate(failed, NOW + 40).kind is GateKind.TRIAL
    assert not transitions.is_probe_due(failed, NOW + 40.5, REAL)
    assert transitions.is_probe_due(failed, NOW + 41, REAL)


def test_failed_trial_with_a_failed_probe_reopens_the_circuit_with_the_next_longer_interval() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    again = transitions.on_outage(half_open, "timeout", NOW + 7, REAL).state
    assert again.breaker.state is Circuit.OPEN
    assert again.scheduler.next_check_at == NOW + 7 + 10


def test_long_trial_does_not_shorten_the_intervals() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    assert transitions.on_outage(half_open, "timeout", NOW + 500, REAL).state.scheduler.next_check_at == NOW + 510


def test_next_outage_starts_over_at_five_seconds() -> None:
    state = open_since(NOW)
    for offset in (5, 15, 35):
        state = probed(state, ProbeKind.DOWN, NOW + offset).state
    state = probed(probed(state, ProbeKind.OK, NOW + 75).state, ProbeKind.OK, NOW + 76).state
    assert transitions.on_outage(state, "refused", NOW + 80, REAL).state.scheduler.next_check_at == NOW + 85


def test_worker_start_probes_a_half_open_circuit_at_once_and_keeps_its_interval() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    started = transitions.on_start(half_open, NOW + 5.2, REAL)
    assert started.state.breaker.state is Circuit.OPEN
    assert transitions.is_probe_due(started.state, NOW + 5.2, REAL)
    down = probed(started.state, ProbeKind.DOWN, NOW + 5.2).state
    assert down.scheduler.next_check_at == NOW + 5.2 + 10


def test_worker_start_during_an_outage_keeps_the_schedule() -> None:
    state = replace(open_since(NOW), history=history.OutageHistory(observed_since=NOW))
    assert transitions.on_start(state, NOW + 1, REAL) == Transition(state=state)


@pytest.mark.parametrize("kind", [ProbeKind.AUTH, ProbeKind.SETUP])
def test_server_that_refuses_us_is_up_so_the_circuit_closes_but_the_pause_stays(kind: ProbeKind) -> None:
    first = probed(open_since(NOW), kind, NOW + 5)
    assert first.state.breaker.state is Circuit.HALF_OPEN
    assert transitions.decide_gate(first.state, NOW + 5).stopped_by == kind.value
    second = probed(first.state, kind, NOW + 6)
    assert second.state.breaker.state is Circuit.CLOSED
    gate = transitions.decide_gate(second.state, NOW + 6)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, kind.value, NOW + 11)
    well = probed(second.state, ProbeKind.OK, NOW + 11)
    assert transitions.decide_gate(well.state, NOW + 11).kind is GateKind.DRAIN
    assert PauseEnded in kinds(well)


def test_pause_is_reported_once_however_often_a_probe_repeats_it() -> None:
    first = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, REAL)
    assert kinds(first) == [PauseBegan]
    assert probed(first.state, ProbeKind.AUTH, NOW + 5).events == ()


def test_auth_pause_is_probed_on_schedule() -> None:
    state = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, REAL).state
    delays, at = [], NOW
    for _ in range(5):
        delays.append((state.scheduler.next_check_at or 0.0) - at)
        at = state.scheduler.next_check_at or 0.0
        state = probed(state, ProbeKind.AUTH, at).state
    assert delays == [5, 10, 20, 40, 60]


def test_new_settings_end_pauses_and_probe_an_open_circuit_at_once() -> None:
    paused = transitions.on_pause(OutageState(), PauseReason.AUTH, "auth", NOW, REAL).state
    resumed = transitions.on_new_settings(paused, NOW + 1)
    assert transitions.decide_gate(resumed.state, NOW + 1).kind is GateKind.DRAIN
    assert transitions.is_probe_due(transitions.on_new_settings(open_since(NOW), NOW + 1).state, NOW + 1, REAL)
    assert transitions.on_new_settings(OutageState(), NOW) == Transition(state=OutageState())


def test_busy_plex_pauses_the_drain_and_ends_by_itself() -> None:
    state = transitions.on_busy(OutageState(), 45, "busy", NOW, REAL).state
    gate = transitions.decide_gate(state, NOW)
    assert (gate.kind, gate.stopped_by, gate.until) == (GateKind.WAIT, "busy", NOW + 45)
    assert not transitions.is_probe_due(state, NOW + 10, REAL)
    assert transitions.decide_gate(state, NOW + 45).kind is GateKind.DRAIN


def test_busy_probe_postpones_the_next_one_and_is_inconclusive() -> None:
    result = ProbeResult(kind=ProbeKind.BUSY, text="busy", retry_after_s=300)
    state = transitions.on_probe(open_since(NOW), result, 0, NOW + 5, REAL).state
    assert state.breaker.state is Circuit.OPEN
    assert state.scheduler.next_check_at == NOW + 305
    assert state.scheduler.consecutive_failures == 1


def test_busy_trial_postpones_the_second_probe() -> None:
    half_open = probed(open_since(NOW), ProbeKind.OK, NOW + 5).state
    busy = transitions.on_busy(half_open, 60, "busy", NOW + 6, REAL).state
    assert not transitions.is_probe_due(busy, NOW + 65, REAL)
    assert transitions.is_probe_due(busy, NOW + 66, REAL)


def test_five_failing_scenes_in_a_row_open_the_circuit_and_are_refunded() -> None:
    outcome = Transition(state=OutageState())
    for scene_id in range(1, 6):
        outcome = failures.on_failure(outcome.state, a_suspect(scene_id, NOW), "PlexTimeout", NOW, REAL)
    assert outcome.refunded == (1, 2, 3, 4, 5)
    assert kinds(outcome) == [CircuitOpened]
    assert outcome.state.scheduler.next_check_at == NOW + 5


def test_five_covers_in_a_row_that_fail_stop_nothing_and_are_charged_to_none() -> None:
    outcomes = [Transition(state=OutageState())]
    for scene_id in range(1, 8):
        suspect = a_suspect(scene_id, NOW, Evidence.COVER)
        outcomes.append(failures.on_failure(outcomes[-1].state, suspect, "500", NOW, REAL))
    assert [each.is_excused for each in outcomes[1:]] == [False] * 4 + [True] * 3
    assert [each.refunded for each in outcomes[5:]] == [(1, 2, 3, 4, 5), (), ()]
    assert transitions.decide_gate(outcomes[-1].state, NOW).kind is GateKind.DRAIN
    after = transitions.on_success(outcomes[-1].state, OF_A_PUSH | {Evidence.COVER}, NOW, REAL).state
    assert after.breaker.suspects == ()


def test_failing_covers_do_not_hide_that_nothing_can_be_written() -> None:
    state = OutageState()
    for scene_id in range(200):
        state = failures.on_failure(state, a_suspect(scene_id, NOW, Evidence.COVER), "500", NOW, REAL).state
    for scene_id in range(5):
        state = failures.on_failure(state, a_suspect(scene_id, NOW), "500", NOW, REAL).state
    assert state.breaker.state is Circuit.OPEN


def test_outage_ids_continue_if_either_file_is_lost() -> None:
    state = probed(probed(open_since(NOW), ProbeKind.OK, NOW + 5).state, ProbeKind.OK, NOW + 6).state
    for survivor in (replace(state, history=history.OutageHistory()), replace(state, breaker=breaker.CircuitBreaker())):
        after = transitions.on_outage(survivor, "refused", NOW + 9, REAL).state
        assert after.breaker.outage is not None
        assert after.breaker.outage.id == 2


def test_storing_a_probe_result_ends_the_storage_pause() -> None:
    paused = transitions.on_pause(OutageState(), PauseReason.STORAGE, "disk full", NOW, REAL).state
    outcome = probed(paused, ProbeKind.DOWN, NOW + 5)
    assert transitions.decide_gate(outcome.state, NOW + 5).stopped_by == "circuit"
    assert PauseEnded in kinds(outcome)


def test_disk_that_fills_again_at_once_is_tried_less_and_less_often() -> None:
    state, at, delays = OutageState(), NOW, []
    for _ in range(4):
        state = transitions.on_pause(state, PauseReason.STORAGE, "disk full", at, REAL).state
        delays.append((state.scheduler.next_check_at or 0.0) - at)
        at = state.scheduler.next_check_at or 0.0
        state = probed(state, ProbeKind.OK, at).state
    assert delays == [5, 10, 20, 40]


def at_address(state: OutageState, kind: ProbeKind, address: str, now: float) -> OutageState:
    result = ProbeResult(kind=kind, text="refused", address=address)
    return transitions.on_probe(state, result, 3, now, REAL).state


def test_an_address_that_never_worked_after_another_one_did_is_a_matter_of_set_up() -> None:
    known = at_address(OutageState(), ProbeKind.OK, "old", NOW)
    moved = at_address(known, ProbeKind.DOWN, "new", NOW + 1)
    assert moved.breaker.state is Circuit.CLOSED
    gate = transitions.decide_gate(moved, NOW + 1)
    assert gate.stopped_by == "setup"
    assert "never answered at this address: refused" in str(gate.message)
    well = at_address(moved, ProbeKind.OK, "new", NOW + 6)
    assert transitions.decide_gate(well, NOW + 6).kind is GateKind.DRAIN
    assert well.scheduler.period is None
    assert at_address(well, ProbeKind.DOWN, "new", NOW + 7).breaker.state is Circuit.OPEN


def test_an_address_that_a_job_has_reached_is_known() -> None:
    state = transitions.on_success(OutageState(), OF_A_MISS, NOW, REAL, "here").state
    assert at_address(state, ProbeKind.DOWN, "here", NOW + 1).breaker.state is Circuit.OPEN
    assert at_address(state, ProbeKind.DOWN, "there", NOW + 1).breaker.state is Circuit.CLOSED


def test_the_first_address_counts_as_down_and_is_forgotten_if_it_is_changed_before_it_worked() -> None:
    down = at_address(OutageState(), ProbeKind.DOWN, "typo", NOW)
    assert down.breaker.state is Circuit.OPEN
    assert transitions.on_address(down, "typo", NOW + 1, REAL).state == down
    corrected = transitions.on_address(down, "right", NOW + 1, REAL)
    assert kinds(corrected) == [OutageWithdrawn]
    assert transitions.decide_gate(corrected.state, NOW + 1).kind is GateKind.DRAIN
    assert not corrected.state.history.outages
    assert corrected.state.scheduler.period is None


def test_the_first_address_that_turns_out_to_be_set_up_wrongly_had_no_outage() -> None:
    down = at_address(OutageState(), ProbeKind.DOWN, "typo", NOW)
    wrong = at_address(down, ProbeKind.SETUP, "typo", NOW + 5)
    assert transitions.decide_gate(wrong, NOW + 5).stopped_by == "setup"
    assert wrong.breaker.state is Circuit.CLOSED
    assert not wrong.history.outages


def test_the_first_address_that_works_in_the_end_had_an_outage() -> None:
    down = at_address(OutageState(), ProbeKind.DOWN, "right", NOW)
    well = at_address(at_address(down, ProbeKind.OK, "right", NOW + 5), ProbeKind.OK, "right", NOW + 6)
    assert [outage.id for outage in well.history.outages] == [1]


def test_an_outage_goes_on_at_another_address() -> None:
    known = at_address(OutageState(), ProbeKind.OK, "old", NOW)
    down = at_address(known, ProbeKind.DOWN, "old", NOW + 1)
    moved = at_address(transitions.on_address(down, "new", NOW + 2, REAL).state, ProbeKind.DOWN, "new", NOW + 6)
    assert moved.breaker.outage == replace(down.breaker.outage, probes=2)  # type: ignore[type-var]


class OutageMachine(RuleBasedStateMachine):
    """Any events in any order: each outage is recorded once, and there is always a way back."""

    def __init__(self) -> None:
        super().__init__()
        self.state = OutageState()
        self.now = NOW
        self.opened = 0

    def apply(self, outcome: Transition) -> None:
        self.opened += sum(isinstance(event, CircuitOpened) and not event.is_reopened for event in outcome.events)
        self.state = outcome.state

    @rule(seconds=st.sampled_from([0.5, 1, 5, 60, 1000, -3600]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(proven=st.sampled_from([OF_A_PUSH, OF_A_READ, OF_A_MISS, frozenset({Evidence.SCENE})]))
    def job_succeeds(self, proven: frozenset[Evidence]) -> None:
        if transitions.decide_gate(self.state, self.now).kind is not GateKind.WAIT:
            self.apply(transitions.on_success(self.state, proven, self.now, REAL))

    @rule(
        scene_id=st.integers(1, 9),
        evidence=st.sampled_from([Evidence.READ, Evidence.WRITE, Evidence.SCENE]),
        is_own=st.booleans(),
        is_about_token=st.booleans(),
    )
    def job_fails_but_probe_passes(
        self, scene_id: int, evidence: Evidence, is_own: bool, is_about_token: bool
    ) -> None:
        if transitions.decide_gate(self.state, self.now).kind is not GateKind.WAIT:
            suspect = a_suspect(scene_id, self.now, evidence, is_own=is_own, is_about_token=is_about_token)
            self.apply(failures.on_failure(self.state, suspect, "PlexTimeout", self.now, REAL))

    @rule()
    def job_shows_nothing(self) -> None:
        if transitions.decide_gate(self.state, self.now).kind is not GateKind.WAIT:
            self.apply(transitions.on_inconclusive(self.state, self.now, REAL))

    @rule()
    def job_and_probe_fail(self) -> None:
        self.apply(transitions.on_outage(self.state, "refused", self.now, REAL))

    @rule(reason=st.sampled_from([PauseReason.AUTH, PauseReason.SETUP, PauseReason.STORAGE]))
    def job_finds_a_reason_to_pause(self, reason: PauseReason) -> None:
        self.apply(transitions.on_pause(self.state, reason, "why", self.now, REAL))

    @rule(retry_after_s=st.none() | st.floats(0, 1e4))
    def job_finds_plex_busy(self, retry_after_s: float | None) -> None:
        self.apply(transitions.on_busy(self.state, retry_after_s, "busy", self.now, REAL))

    @rule(kind=st.sampled_from(ProbeKind), is_requested=st.booleans(), may_try=st.booleans())
    def probe(self, kind: ProbeKind, is_requested: bool, may_try: bool) -> None:
        if is_requested or transitions.is_probe_due(self.state, self.now, REAL):
            self.apply(probed(self.state, kind, self.now, may_try=may_try))

    @rule(may_try=st.booleans())
    def probe_finds_that_the_token_may_not_edit(self, may_try: bool) -> None:
        self.apply(transitions.on_probe(self.state, MAY_NOT_EDIT, 3, self.now, REAL, may_try=may_try))

    @rule()
    def worker_starts(self) -> None:
        self.apply(transitions.on_start(self.state, self.now, REAL))

    @rule()
    def settings_change(self) -> None:
        self.apply(transitions.on_new_settings(self.state, self.now))

    @invariant()
    def every_outage_is_listed_once(self) -> None:
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
    def probes_of_a_healthy_plex_lead_back_to_draining(self) -> None:
        """Probes made when they are due lead back to DRAIN, within Retry-After and three probes."""
        self._probe_until(GateKind.DRAIN, may_try=False)

    @invariant()
    def probes_of_a_healthy_plex_let_a_job_try_if_there_is_one(self) -> None:
        self._probe_until(GateKind.TRIAL, may_try=True)

    def _probe_until(self, wanted: GateKind, *, may_try: bool) -> None:
        state, now = self.state, self.now
        for _ in range(8):
            gate = transitions.decide_gate(state, now)
            if gate.kind in (GateKind.DRAIN, wanted):
                return
            if not transitions.is_probe_due(state, now, REAL):
                at = gate.until if gate.kind is GateKind.WAIT else state.scheduler.next_check_at
                assert at is not None
                assert now < at <= now + 661
                now = at
            if transitions.is_probe_due(state, now, REAL):
                state = probed(state, ProbeKind.OK, now, may_try=may_try).state
        raise AssertionError(state)


TestOutageMachine = OutageMachine.TestCase
