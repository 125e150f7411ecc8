"""What follows when a job fails although the probe after it passed: its own failure, or that of five in a row. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from outages.breaker import Circuit
from outages.scheduler import PauseReason
from outages.suspects import OF_PLEX, are_many, do_covers_wait, of, scene_ids, with_suspect
from outages.transitions import OutageState, Transition, next_outage_id, on_pause, with_circuit_change
from store.evidence import Evidence

if TYPE_CHECKING:
    from outages.scheduler import ProbeTimes
    from outages.suspects import Suspect


def on_failure(state: OutageState, suspect: Suspect, error: str, now: float, times: ProbeTimes) -> Transition:
    """A job failed: at Plex, which passed a probe after that, or at Stash, which answers for its settings."""
    suspects = with_suspect(state.breaker.suspects, suspect)
    with_it = replace(state, breaker=replace(state.breaker, suspects=suspects))
    if suspect.evidence is Evidence.COVER:
        return _cover_failed(state, with_it)
    if suspect.evidence is Evidence.SCENE:
        if not are_many(of(suspects, (Evidence.SCENE,))):
            return Transition(state=with_it)
        message = f"Stash answers, but not about scenes: see Stash's own log. The last error: {error}"
        return _pause_for_all(with_it, PauseReason.STASH, message, now, times)
    if _is_token_to_blame(with_it):
        message = f'Plex refuses every change: set "Plex token" to that of the server\'s owner. The last error: {error}'
        return _pause_for_all(with_it, PauseReason.AUTH, message, now, times)
    return _plex_failed(state, suspect, error, now, times)


def _cover_failed(before: OutageState, after: OutageState) -> Transition:
    """Covers that do not arrive stop nothing else, so they only wait until one does."""
    if not do_covers_wait(after.breaker.suspects):
        return Transition(state=after)
    is_known = do_covers_wait(before.breaker.suspects)
    refunded = () if is_known else scene_ids(of(after.breaker.suspects, (Evidence.COVER,)))
    return Transition(state=after, is_excused=True, refunded=refunded)


def _is_token_to_blame(state: OutageState) -> bool:
    suspects = of(state.breaker.suspects, OF_PLEX)
    counted = [each for each in suspects if not each.is_own]
    is_closed = state.breaker.state is Circuit.CLOSED
    return is_closed and are_many(suspects) and all(each.is_about_token for each in counted)


def _pause_for_all(
    state: OutageState, reason: PauseReason, message: str, now: float, times: ProbeTimes
) -> Transition:
    """None of the scenes that failed is to blame. In a trial, only the last one has not been told so yet."""
    is_trial = any(pause.reason is reason for pause in state.scheduler.pauses)
    evidence = Evidence.SCENE if reason is PauseReason.STASH else Evidence.WRITE
    kinds = OF_PLEX if evidence is Evidence.WRITE else (evidence,)
    refunded = () if is_trial else scene_ids(of(state.breaker.suspects, kinds))
    transition = on_pause(state, reason, message, now, times, evidence=evidence)
    return replace(transition, is_excused=True, refunded=refunded)


def _plex_failed(state: OutageState, suspect: Suspect, error: str, now: float, times: ProbeTimes) -> Transition:
    change = state.breaker.job_failed(suspect, error, now, next_outage_id(state))
    transition = with_circuit_change(state, change, now, times)
    after = transition.state
    if change.events:
        is_trial = state.breaker.state is Circuit.HALF_OPEN and state.breaker.evidence is not Evidence.PROBE
        refunded = () if is_trial else scene_ids(of(after.breaker.suspects, OF_PLEX))
        return replace(transition, is_excused=True, refunded=refunded)
    if not after.is_on_trial:
        return transition
    # The next trial goes first; the second probe is only needed if no other job may run.
    return replace(
        transition, state=replace(after, scheduler=after.scheduler.check_at(now + times.second_probe_s))
    )
