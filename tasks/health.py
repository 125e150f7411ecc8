"""Health Check: walks the way of a scene from Stash to Plex, probes Plex now, and moves the circuit breaker thereby."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.clock import Countdown
from local.storage import LocalStorage
from local.words import duration_in_words, sentence
from outages.resilience import Resilience
from outages.scheduler import SECOND_PROBE_S
from outages.stops import PAUSED
from outages.transitions import GateKind
from plex.connection import NO_ADDRESS
from plex.errors import PlexBusy, ServerFailure
from status.worker import is_worker_running
from store.overview import Overview
from store.reader import count_queue
from store.worker_file import read_worker_report
from tasks.arguments import bad_is_error_of
from tasks.context import TaskError
from tasks.health_steps import (
    DATA,
    PYTHON,
    STASH,
    data_step,
    failed,
    in_order,
    is_reached,
    not_reached_in_words,
    paths_step,
    plex_steps,
    python_step,
    stash_step,
    step_in_words,
    worker_step,
)
from tasks.libraries_to_choose import libraries_to_choose
from tasks.path_check import check_paths, paths_in_words
from tasks.prerequisites import need_packages, open_stash
from tasks.process_queue import stop_reported_in
from tasks.setup_answers import HealthAnswer
from tasks.worker_link import why_missing
from worker.parts import probe_result

if TYPE_CHECKING:
    from outages.transitions import Gate
    from plex.errors import PlexError
    from plex.health import Health
    from stash.settings import Settings
    from tasks.context import Context
    from tasks.setup_answers import HealthStep, LibraryToChoose, PathsAnswer

# How long a worker that is needed may take to start. Unscaled.
STARTS_WITHIN_S, LOOK_S = 5.0, 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What was found. `message`: the result in words."""

    steps: tuple[HealthStep, ...]
    message: str
    health: Health | None = None
    paths: PathsAnswer | None = None
    libraries: tuple[LibraryToChoose, ...] | None = None


def health_check(context: Context) -> HealthAnswer:
    """Health Check: one probe, and a second one if the first leaves the circuit half open.

    Ends with the first step that fails; each request is limited in its whole time. With the argument `bad_is_error`, a
    failed step raises TaskError, since Stash shows only that as a failure of a task.
    """
    is_error = bad_is_error_of(context.input.args)
    walk = _walk(context)
    is_well = _failed_step(walk.steps) is None
    # Stash's page shows the newest line first.
    for line in (not_reached_in_words(walk.steps), *map(step_in_words, filter(is_reached, reversed(walk.steps)))):
        if line:
            context.log.info("%s", line)
    if is_error and not is_well:
        raise TaskError(walk.message)
    (context.log.info if is_well else context.log.warning)("%s", walk.message)
    return _answer(context, walk)


def _walk(context: Context) -> Walk:
    try:
        need_packages(context)
    except TaskError as error:
        what, _, cure = str(error).partition("\n")
        return Walk(steps=in_order([failed(PYTHON, what, cure)]), message=str(error))
    try:
        return _walk_with_packages(context)
    except TaskError as error:
        cure = "Once Stash answers, run this again."
        return Walk(steps=in_order([python_step(), failed(STASH, str(error), cure)]), message=str(error))
    except (LocalStorage, OSError) as error:
        cure = "Then run this again."
        return Walk(steps=in_order([python_step(), failed(DATA, sentence(str(error)), cure)]), message=str(error))


def _walk_with_packages(context: Context) -> Walk:
    resilience = Resilience(context.directory, clock=context.clock, log=context.log)
    with open_stash(context, shows_problems=True) as (stash, settings):
        resilience.set_pace(rate_per_s=settings.recovery_rate, minutes=settings.recovery_minutes)
        health = _probe_twice(context, settings, resilience)
        _start_worker_if_needed(context, resilience)
        does_drain = resilience.gate(context.now).kind is GateKind.DRAIN
        paths = check_paths(context, stash, settings) if health and health.error is None and does_drain else None
        libraries = libraries_to_choose(context, settings, health) if health and health.ready else None
    resilience.refresh(context.now)
    gate, stop = resilience.gate(context.now), _stop_of_worker(context, settings)
    steps = (python_step(), *plex_steps(health, settings), stash_step(stash), paths_step(paths))
    if _failed_step(steps) is None:
        steps = (*steps, data_step(context.directory))
    if _failed_step(steps) is None:
        steps = (*steps, _look_at_worker(context, resilience, stop or _waiting(gate, context.now, reason_told=False)))
    bad = _failed_step(steps)
    message = f"{_message(health, gate, context.now, stop, is_well=bad is None)} {paths_in_words(paths)}".rstrip()
    if bad and bad.name == DATA:
        message += f" {bad.text} {bad.cure}"
    return Walk(steps=in_order(steps), message=message, health=health, paths=paths, libraries=libraries)


def _failed_step(steps: tuple[HealthStep, ...]) -> HealthStep | None:
    return next((step for step in steps if step.ok is False), None)


def _probe_twice(context: Context, settings: Settings, resilience: Resilience) -> Health | None:
    """As `_probe`, and once more where a second probe is what closes the circuit."""
    health = _probe(context, settings, resilience)
    if health is not None and _is_half_open(resilience):
        context.clock.sleep(context.clock.interval(SECOND_PROBE_S))
        resilience.refresh(context.now)
        if _is_half_open(resilience):  # a worker's trial job may have settled it meanwhile
            health = _probe(context, settings, resilience)
    resilience.refresh(context.now)
    return health


def _probe(context: Context, settings: Settings, resilience: Resilience) -> Health | None:
    """Probe Plex and record the result; None if the settings hold no usable plex_url."""
    from plex.health import probe  # noqa: PLC0415 - needs packages
    from push.plex_link import address_digest, plex_connection  # noqa: PLC0415 - as above

    resilience.refresh(context.now)
    resilience.use_address(address_digest(settings), context.now)
    ticket = resilience.ticket()
    if not settings.plex_url:
        return None
    health = probe(plex_connection(settings, context.directory), clock=context.clock, asks_owner=True)
    counts = count_queue(context.directory, context.now)
    has_job = counts.pending > counts.waiting and not settings.paused
    may_try = has_job and resilience.awaits_job
    resilience.record_probe(
        ticket, probe_result(health), context.now, jobs_waiting=counts.pending, may_try=may_try
    )
    return health


def _is_half_open(resilience: Resilience) -> bool:
    return resilience.breaker.state.value == "half_open"


def _start_worker_if_needed(context: Context, resilience: Resilience) -> None:
    """A circuit that is not closed needs a worker that goes on probing; pending jobs need one that pushes them."""
    if _needs_worker(context, resilience):
        context.start_worker_if_none()


def _needs_worker(context: Context, resilience: Resilience) -> bool:
    return resilience.breaker.state.value != "closed" or count_queue(context.directory, context.now).pending > 0


def _look_at_worker(context: Context, resilience: Resilience, stop: str) -> HealthStep:
    """The step of the worker. One that is needed gets the time to start."""
    patience = Countdown(context.clock)
    patience.start(STARTS_WITHIN_S)
    while not (is_running := _is_worker_running(context)) and _needs_worker(context, resilience):
        if patience.is_over:
            break
        context.clock.sleep(LOOK_S)
        resilience.refresh(context.now)
    is_missing = not is_running and _needs_worker(context, resilience)
    pending = count_queue(context.directory, context.now).pending
    reason = why_missing(context.directory) if is_missing else ""
    return worker_step(stop, reason, is_running=is_running, pending=pending)


def _is_worker_running(context: Context) -> bool:
    return is_worker_running(context.directory, read_worker_report(context.directory).started_at)


def _stop_of_worker(context: Context, settings: Settings) -> str | None:
    """What stops the drain though Plex is well, in a sentence; None if nothing does."""
    if settings.paused:
        return PAUSED
    report = read_worker_report(context.directory)
    stop = stop_reported_in(report) if _is_worker_running(context) else None
    return stop.message if stop and stop.by != "paused" else None  # the settings are newer than the report


def _answer(context: Context, walk: Walk) -> HealthAnswer:
    health = walk.health
    is_ready = health is not None and health.ready
    resilience = Resilience(context.directory, clock=context.clock, log=context.log)
    resilience.refresh(context.now)
    return HealthAnswer(
        healthy=health is not None and health.healthy,
        ready=is_ready,
        token_ok=health.token_ok if health else None,
        token_may_edit=health.token_may_edit if health else None,
        latency_ms=round(health.latency_ms, 1) if health and health.latency_ms is not None else None,
        version=(health.version or None) if health else None,
        libraries=health.libraries if health and is_ready else None,
        libraries_missing=health.libraries_missing if health and is_ready else None,
        libraries_to_choose=walk.libraries,
        circuit=resilience.breaker.state.value,
        path_map_inferred=tuple(Overview(context.directory).inferred_path_map()),
        paths=walk.paths,
        steps=walk.steps,
        message=walk.message,
    )


def _message(health: Health | None, gate: Gate, now: float, stop: str | None, *, is_well: bool) -> str:
    """`is_well`: no step failed."""
    if health is None:
        return f"{NO_ADDRESS} Changes wait until then."
    if health.error is None:
        names = ", ".join(health.libraries)
        well = "is well: it answers" if is_well else "answers"
        said = f"Plex {health.version} {well} in {health.latency_ms or 0:.0f} ms. Libraries: {names}."
    else:
        said = f"{_what_is_wrong(health, health.error)}: {sentence(health.reason)}"
    if gate.kind is GateKind.DRAIN and stop is not None:
        return f"{said} Changes wait: {sentence(stop)}"
    return f"{said} {_waiting(gate, now, reason_told=health.error is not None)}".rstrip()


def _waiting(gate: Gate, now: float, *, reason_told: bool) -> str:
    """What a stopped drain means for the jobs; "" while it runs. `reason_told`: the reason has already been given."""
    if gate.kind is GateKind.DRAIN:
        return ""
    if gate.kind is GateKind.TRIAL:
        return sentence(gate.message or "")
    when = duration_in_words(gate.until - now) if gate.until else ""
    if gate.stopped_by == "busy":
        return f"Changes wait; PlexSync continues in {when}, as Plex asked."
    then = f"Changes wait; next check in {when}." if when else "Changes wait."
    return then if reason_told else f"{then} {sentence(gate.message or '')}"


def _what_is_wrong(health: Health, error: PlexError) -> str:
    """The opening words. A Plex that refuses the token or asks for a pause does answer, so it is not called "down"."""
    if isinstance(error, PlexBusy):
        return "Plex is busy"
    if isinstance(error, ServerFailure):
        return "Plex answers but is not ready" if health.healthy else "Plex does not answer as it should"
    return "Plex cannot be used now"
