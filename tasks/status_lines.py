"""The status as a person reads it in Stash's log: a line for each subject, complete in itself. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.words import counted, duration_in_words, named, sentence
from outages.suspects import do_covers_wait
from push.verdicts import advice_for
from tasks.outage_summary import outage_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from outages.history import Outage
    from outages.resilience import Resilience
    from reconciliation.state import ReconciliationState
    from store.dead_letters import DeadLetter
    from store.overview import QueueCounts, WaitingJob
    from tasks.answers import DrainStatus, SyncStatus, WorkerStatus

# With these, the report keeps to its limit; the answer has more.
DEAD_LETTERS_SHOWN, WAITING_SHOWN = 3, 2
SHOWN_ERROR_CHARACTERS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything that the report shows."""

    counts: QueueCounts
    waiting_by_error: Mapping[str, int]
    examples: Sequence[DeadLetter]
    waiting: Sequence[WaitingJob]
    sync: SyncStatus
    resilience: Resilience
    outages: tuple[Outage, ...]
    reconciliation: ReconciliationState
    worker: WorkerStatus
    draining: DrainStatus
    path_map_inferred: Sequence[str]
    problems: Sequence[str]


def status_lines(status: Status, now: float) -> Iterator[str]:
    """The headline, then the details, the most important first. `now`: epoch seconds."""
    yield _queue(status, now)
    yield from _drain(status, now)
    yield _circuit(status, now)
    yield from _waiting(status, now)
    yield from _dead_letters(status)
    yield from _recovery(status, now)
    yield _worker(status, now)
    yield _sync(status.sync)
    yield _outages(status, now)
    yield _reconciliation(status.reconciliation, now)


def _line(name: str, text: str) -> str:
    return f"{name + ':':<16}{text}"


def _queue(status: Status, now: float) -> str:
    counts = status.counts
    if not counts.pending:
        return _line("Queue", "empty")
    parts = [f"{counts.pending} pending"]
    if counts.covers_left:
        parts.append(f"{counts.covers_left} of them only for the cover")
    if counts.in_progress:
        parts.append(f"{counts.in_progress} in progress")
    if counts.waiting:
        due = f", the next due {_in(counts.next_due_at, now)}" if counts.next_due_at else ""
        why = f" ({_by_class(status.waiting_by_error)})" if status.waiting_by_error else ""
        parts.append(f"{counts.waiting} waiting for another try{why}{due}")
    return _line("Queue", ", ".join(parts))


def _waiting(status: Status, now: float) -> Iterator[str]:
    for job in status.waiting:
        yield _line("Waiting", f"scene {job.scene_id}, next try {_in(job.due_at, now)}: {_short(job.error_text)}")


def _dead_letters(status: Status) -> Iterator[str]:
    counts = status.counts.dead_letters
    if not counts:
        yield _line("Dead letters", "none")
        return
    yield _line("Dead letters", f"{sum(counts.values())} ({_by_class(counts)})")
    for letter in _one_of_each_class_first(status.examples)[:DEAD_LETTERS_SHOWN]:
        scene, tries = named(letter.title, letter.scene_id), counted(letter.attempts, "try")
        text = f"{scene}, {letter.error_class} after {tries}: {_short(sentence(letter.error_text))}"
        yield _line("Dead letter", f"{text} {advice_for(letter.error_class)}")


def _one_of_each_class_first(letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    seen: Counter[str] = Counter()
    places = []
    for letter in letters:
        seen[letter.error_class] += 1
        places.append(seen[letter.error_class])
    return [letter for _, letter in sorted(zip(places, letters, strict=True), key=lambda pair: pair[0])]


def _by_class(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _drain(status: Status, now: float) -> Iterator[str]:
    draining = status.draining
    if not draining.stopped_by and do_covers_wait(status.resilience.breaker.suspects):
        yield _line("Draining", "only covers wait: none arrives in Plex")
    elif not draining.stopped_by:
        yield _line("Draining", "nothing is in its way")
    else:
        until = f" Next look {_in(draining.until, now)}." if draining.until else ""
        what, *to_do = str(draining.message).split("\n")
        yield _line("Draining", f"stopped ({draining.stopped_by}): {sentence(what)}{until}")
        yield from (_line("What to do", line) for line in to_do)


def _circuit(status: Status, now: float) -> str:
    breaker = status.resilience.breaker
    since = f" for {duration_in_words(now - breaker.opened_at)}" if breaker.opened_at is not None else ""
    failures = f", {counted(breaker.failure_count, 'failure')} in a row" if breaker.failure_count else ""
    return _line("Circuit", f"{breaker.state.value.upper()}{since}{failures}")


def _recovery(status: Status, now: float) -> Iterator[str]:
    resilience, parts = status.resilience, []
    scheduler, next_at = resilience.scheduler, resilience.next_check_at()
    if scheduler.last_check_at is not None:
        parts.append(f"last check {_ago(scheduler.last_check_at, now)}")
    if next_at is not None:
        parts.append(f"next check {_in(next_at, now)}")
    until, rate = resilience.recovery_until(now), resilience.rate_per_s(now)
    if until is not None and rate is not None:
        parts.append(f"recovering at {rate:g} jobs a second, {duration_in_words(until - now)} left")
    elif scheduler.last_recovery_at is not None:
        parts.append(f"last recovery {_ago(scheduler.last_recovery_at, now)}")
    if parts:
        yield _line("Recovery", ", ".join(parts))


def _worker(status: Status, now: float) -> str:
    worker = status.worker
    if not worker.running:
        return _line("Worker", "not running (the next change starts it)")
    parts = [worker.doing or "starting"]
    if worker.since is not None:
        parts.append(f"running for {duration_in_words(now - worker.since)}")
    if worker.jobs_done:
        parts.append(f"{counted(worker.jobs_done, 'job')} done")
    return _line("Worker", ", ".join(parts))


def _sync(sync: SyncStatus) -> str:
    mean = f", {_mean(sync.mean_s)} each" if sync.mean_s is not None else ""
    hour = sync.last_hour
    return _line(
        "Pushed",
        f"{sync.pushed}{mean}; {sync.unchanged} unchanged, {sync.failed} given up "
        f"(last hour: {hour.pushed}, {hour.unchanged}, {hour.failed})",
    )


def _outages(status: Status, now: float) -> str:
    if not status.outages:
        return _line("Outages", "none on record")
    return _line("Outages", f"{len(status.outages)} on record, the latest: {outage_line(status.outages[-1], now)}")


def _reconciliation(last: ReconciliationState, now: float) -> str:
    if last.last_run_at is None:
        return _line("Reconciliation", "never ran")
    gaps = ", ".join(f"{count} {name}" for name, count in last.gaps.as_mapping().items())
    when = _ago(last.last_run_at, now)
    return _line("Reconciliation", f"{when}, scope {last.scope}: {last.checked} checked; gaps: {gaps}")


def _mean(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration_in_words(seconds)


def _ago(at: float, now: float) -> str:
    return f"{duration_in_words(now - at)} ago"


def _in(at: float, now: float) -> str:
    return f"in {duration_in_words(at - now)}" if at > now else "now"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_ERROR_CHARACTERS else f"{text[:SHOWN_ERROR_CHARACTERS]}…"
