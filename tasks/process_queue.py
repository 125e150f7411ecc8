"""Process Queue: watches the worker drain, and says when it is done or what stops it.

The worker does the work; stopping the task stops nothing. A back-off is not waited for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.words import counted, duration_in_words, sentence
from outages.resilience import Resilience
from outages.transitions import GateKind
from store.overview import Overview
from store.worker_file import read_worker_status
from tasks.drain_progress import Drain
from tasks.prerequisites import need_packages
from tasks.relay import relay_worker_log
from tasks.worker_link import WorkerLink, WorkerSilent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from store.worker_file import WorkerStatus
    from tasks.context import Context
    from tasks.drain_progress import Standing

# Looks come this often, and less often where a look itself takes long: with 100,000 jobs.
LOOK_S = 0.2
LOOK_SHARE = 10
LINE_S = 5.0
_SAID: tuple[tuple[str, str], ...] = (
    ("pushed", "pushed"),
    ("unchanged", "unchanged"),
    ("skipped", "left alone"),
    ("missing", "not in Plex"),
    ("gone", "gone from Stash or cleared"),
    ("dead", "given up (dead letters)"),
)
_PAUSED = "paused is switched on in the plugin's settings"
_STASH = "Stash does not answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """What stops the drain: one of the contract's `stopped_by`, in words, and until when (epoch seconds)."""

    by: str
    message: str
    until: float | None = None


def process_queue(context: Context) -> Mapping[str, object]:
    """What the contract calls the output of Process Queue."""
    need_packages(context)  # the worker cannot live without them
    return watch_drain(context, since=context.now)


def watch_drain(
    context: Context, *, since: float, queued: Iterable[int] = (), from_fraction: float = 0.0
) -> Mapping[str, object]:
    """Watch until nothing of what is pending now is due. `since`: settled from then on (epoch seconds) counts.

    `queued`: scenes that the task queued itself, some of which may be done already. The bar moves from `from_fraction`
    to 1.
    """
    return _DrainWatch(context, since, queued, from_fraction).run()


class _DrainWatch:
    def __init__(self, context: Context, since: float, queued: Iterable[int], from_fraction: float) -> None:
        self._context = context
        self._since = since
        self._from = from_fraction
        self._overview = Overview(context.directory)
        self._link = WorkerLink(context)
        self._resilience = Resilience(context.directory, clock=context.clock, log=context.log)
        pending = self._overview.pending(context.now)
        self._drain = Drain({*pending.due_at, *queued}, entities=pending.entities)

    def run(self) -> Mapping[str, object]:
        stop = self._first_look()
        standing = self._note()
        if self._drain.found:
            self._context.log.info(
                "%s pending. The worker pushes them also when this task is stopped; to stop that, switch "
                "paused on in the settings.",
                counted(self._drain.found, "scene"),
            )
        line_at = self._context.clock.monotonic() + LINE_S
        while standing.due and stop is None:
            self._link.keep_alive()
            standing = self._note()
            stop = self._stop()
            if self._context.clock.monotonic() >= line_at:
                line_at += LINE_S
                self._context.log.info("%s", self._drain.line(standing))
        relay_worker_log(self._context.directory, self._context.log)
        return self._close(standing, stop)

    def _first_look(self) -> Stop | None:
        """Have the worker look at settings and Plex now, so that what was repaired just before counts."""
        try:
            answer = self._link.ask("look")
        except WorkerSilent:
            return None  # in the middle of something long: what it does is seen all the same
        return _stop_of(answer)

    def _note(self) -> Standing:
        """One look at queue and ledger, and a rest as long as it deserves."""
        clock = self._context.clock
        began = clock.monotonic()
        now = self._context.now
        pending = self._overview.pending(now)
        settled = self._overview.judged_since(self._since)
        standing = self._drain.note(pending.due_at, settled, entities=pending.entities, now=now)
        if standing.due:
            clock.sleep(max(LOOK_S, LOOK_SHARE * (clock.monotonic() - began)))
        if self._drain.found:
            self._context.progress(self._from + (1 - self._from) * self._drain.done / self._drain.found)
        return standing

    def _stop(self) -> Stop | None:
        now = self._context.now
        self._resilience.refresh(now)
        gate = self._resilience.gate(now)
        if gate.kind is GateKind.WAIT:
            return Stop(by=gate.stopped_by or "circuit", message=gate.message or "", until=gate.until)
        told = read_worker_status(self._context.directory)
        if (told.heartbeat_at or 0.0) < self._since:
            return None  # of a worker before
        return stop_told(told)

    def _close(self, standing: Standing, stop: Stop | None) -> Mapping[str, object]:
        context, tally = self._context, self._drain.tally
        waiting = standing.waiting + standing.due
        next_due_at = standing.next_due_at if not standing.due else (stop.until if stop else None)
        parts = [f"{tally[key]} {words}" for key, words in _SAID if tally[key] or key in ("pushed", "unchanged")]
        if waiting:
            when = f" (the next in {duration_in_words(next_due_at - context.now)})" if next_due_at else ""
            parts.append(f"{waiting} waiting{when}")
        took = duration_in_words(context.now - self._since)
        if stop is not None:
            why = f"{sentence(stop.message)} {_next(stop, context.now)}"
            context.log.warning("Draining is stopped: %s So far, in %s: %s.", why, took, ", ".join(parts))
        else:
            context.log.info("Done in %s: %s.", took, ", ".join(parts))
            context.progress(1.0)
        return {
            "pushed": tally["pushed"],
            "unchanged": tally["unchanged"],
            "waiting": waiting,
            "dead": tally["dead"],
            "next_due_at": next_due_at,
            "skipped": tally["skipped"],
            "missing": tally["missing"],
            "gone": tally["gone"],
            "stopped_by": stop.by if stop else None,
            "message": stop.message if stop else None,
        }


def stop_told(told: WorkerStatus) -> Stop | None:
    """What `worker.json` says of a stop that stands in no other file."""
    words = {"paused": _PAUSED, "stash": _STASH}
    by = told.stopped_by
    return Stop(by=by, message=words[by]) if by in words else None


def _next(stop: Stop, now: float) -> str:
    if stop.by == "busy" and stop.until:
        return f"It goes on by itself in {duration_in_words(stop.until - now)}."
    if stop.until:
        return f"The next check comes in {duration_in_words(stop.until - now)}; it goes on by itself then."
    return "It goes on by itself when that has changed."


def _stop_of(answer: Mapping[str, Any]) -> Stop | None:
    by = answer.get("stopped_by")
    if not by:
        return None
    return Stop(by=str(by), message=str(answer.get("message") or ""), until=answer.get("until"))
