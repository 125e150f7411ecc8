"""The status as a person reads it in Stash's log: a line for each subject, complete in itself. Pure."""

from __future__ import annotations

from local.words import counted, duration_in_words, named, sentence
from push.advice import advice_for
from status.look import all_outages
from status.outage_lines import outage_line

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from status.answers import DeadLetterExample, ReconciliationStatus, StatusAnswer, SyncStatus
    from status.look import Look

# With these, the report keeps to its limit; the answer has more.
DEAD_LETTERS_SHOWN, WAITING_SHOWN = 3, 2
SHOWN_ERROR_CHARACTERS = 240


def status_lines(answer: StatusAnswer, look: Look, history: Any) -> Iterator[str]:
    """The headline, then the details, the most important first. `history`: as read from its file."""
    now = look.now
    yield _queue(answer, now)
    yield from _drain(answer, look)
    yield _plex(answer, now)
    yield from _waiting(answer, look)
    yield from _dead_letters(answer)
    yield from _recovery(answer, now)
    yield _worker(answer, now)
    yield _sync(answer["sync"])
    yield _outages(all_outages(history.outages, look.circuit.outage), now)
    yield _reconciliation(answer["reconciliation"], now)


def _line(name: str, text: str) -> str:
    return f"{name + ':':<16}{text}"


def _queue(answer: StatusAnswer, now: float) -> str:
    queue = answer["queue"]
    if not queue["pending"]:
        return _line("Queue", "empty")
    parts = [f"{queue['pending']} pending"]
    if queue["covers_left"]:
        parts.append(f"{queue['covers_left']} of them with only the cover left")
    if queue["in_progress"]:
        parts.append(f"{queue['in_progress']} in progress")
    if queue["waiting"]:
        due = f", next attempt {_in(queue['next_due_at'], now)}" if queue["next_due_at"] else ""
        why = f" ({_by_class(queue['waiting_by_error'])})" if queue["waiting_by_error"] else ""
        parts.append(f"{queue['waiting']} waiting{why}{due}")
    return _line("Queue", ", ".join(parts))


def _waiting(answer: StatusAnswer, look: Look) -> Iterator[str]:
    rows = look.reader.waiting_rows(WAITING_SHOWN, look.now) if answer["queue"]["waiting"] else []
    for scene_id, _, error_text, due_at in rows:
        yield _line("Waiting", f"scene {scene_id}, next attempt {_in(due_at, look.now)}: {_short(error_text)}")


def _dead_letters(answer: StatusAnswer) -> Iterator[str]:
    counts = answer["queue"]["dead_letters_by_error"]
    if not counts:
        yield _line("Dead letters", "none")
        return
    yield _line("Dead letters", f"{sum(counts.values())} ({_by_class(counts)})")
    for letter in _one_of_each_class_first(answer["dead_letter_examples"])[:DEAD_LETTERS_SHOWN]:
        scene, tries = named(letter["title"], letter["scene_id"]), counted(letter["attempts"], "attempt")
        text = f"{scene}, {letter['error_class']} after {tries}: {_short(sentence(letter['error_text']))}"
        yield _line("Dead letter", f"{text} {advice_for(letter['error_class'])}")


def _one_of_each_class_first(letters: Sequence[DeadLetterExample]) -> list[DeadLetterExample]:
    seen: dict[str, int] = {}
    placed = []
    for letter in letters:
        seen[letter["error_class"]] = seen.get(letter["error_class"], 0) + 1
        placed.append((seen[letter["error_class"]], letter))
    return [letter for _, letter in sorted(placed, key=lambda pair: pair[0])]


def _by_class(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _drain(answer: StatusAnswer, look: Look) -> Iterator[str]:
    draining = answer["draining"]
    if not draining["stopped_by"] and look.do_covers_wait():
        yield _line("Pushing", "only covers wait: none arrives in Plex")
    elif not draining["stopped_by"]:
        yield _line("Pushing", "not stopped")
    else:
        until = f" Next check {_in(draining['until'], look.now)}." if draining["until"] else ""
        what, *to_do = str(draining["message"]).split("\n")
        yield _line("Pushing", f"stopped: {sentence(what)}{until}")
        yield from (_line("What to do", line) for line in to_do)


def _plex(answer: StatusAnswer, now: float) -> str:
    circuit = answer["circuit"]
    since = circuit["opened_at"]
    state = "no outage" if since is None else f"outage for {duration_in_words(now - since)}"
    failures = f", {counted(circuit['failures'], 'failure')} in a row" if circuit["failures"] else ""
    return _line("Plex", f"{state}{failures}")


def _recovery(answer: StatusAnswer, now: float) -> Iterator[str]:
    recovery, parts = answer["recovery"], []
    if recovery["last_check_at"] is not None:
        parts.append(f"last check {_ago(recovery['last_check_at'], now)}")
    if recovery["next_check_at"] is not None:
        parts.append(f"next check {_in(recovery['next_check_at'], now)}")
    until, rate = recovery["recovery_until"], recovery["rate_per_s"]
    if until is not None and rate is not None:
        parts.append(f"recovering at {rate:g} jobs a second, {duration_in_words(until - now)} left")
    elif recovery["last_recovery_at"] is not None:
        parts.append(f"last recovery {_ago(recovery['last_recovery_at'], now)}")
    if parts:
        yield _line("Recovery", ", ".join(parts))


def _worker(answer: StatusAnswer, now: float) -> str:
    worker = answer["worker"]
    if not worker["running"]:
        return _line("Worker", "not running; the next change starts it")
    parts = [worker["doing"] or "starting"]
    if worker["since"] is not None:
        parts.append(f"running for {duration_in_words(now - worker['since'])}")
    if worker["jobs_done"]:
        parts.append(f"{counted(worker['jobs_done'], 'job')} done")
    return _line("Worker", ", ".join(parts))


def _sync(sync: SyncStatus) -> str:
    mean = f", {_mean(sync['mean_s'])} each" if sync["mean_s"] is not None else ""
    hour = sync["last_hour"]
    return _line(
        "Pushed",
        f"{sync['pushed']}{mean}; {sync['unchanged']} unchanged, {sync['failed']} given up "
        f"(last hour: {hour['pushed']}, {hour['unchanged']}, {hour['failed']})",
    )


def _outages(outages: Sequence[Any], now: float) -> str:
    if not outages:
        return _line("Outages", "none on record")
    return _line("Outages", f"{len(outages)} on record, the latest: {outage_line(outages[-1], now)}")


def _reconciliation(last: ReconciliationStatus, now: float) -> str:
    if last["last_run_at"] is None:
        return _line("Reconciliation", "never ran")
    gaps = f"{last['gaps']['empty']} empty, {last['gaps']['stale']} stale, {last['gaps']['missing']} missing"
    when = _ago(last["last_run_at"], now)
    return _line("Reconciliation", f"{when}, scope {last['scope']}: {last['checked']} checked; gaps: {gaps}")


def _mean(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration_in_words(seconds)


def _ago(at: float, now: float) -> str:
    return f"{duration_in_words(now - at)} ago"


def _in(at: float, now: float) -> str:
    return f"in {duration_in_words(at - now)}" if at > now else "now"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_ERROR_CHARACTERS else f"{text[:SHOWN_ERROR_CHARACTERS]}…"
