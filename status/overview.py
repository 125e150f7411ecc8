"""The operation `overview`: all that the page's first sentence, its progress and the sign in the main bar need."""

from __future__ import annotations

from status.look import Look

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from status.answers import OngoingOutage, OverviewAnswer
    from status.look import Asked


def overview(asked: Asked) -> OverviewAnswer:
    """Look once. It writes nothing to the log, and waits for nobody."""
    look = Look(asked)
    worker = look.worker()
    judged = look.reader.scenes_by_verdict()
    return {
        "now": asked.now,
        "queue": look.queue(),
        "in_progress": look.reader.scenes_in_progress(),
        "scenes_in_plex": sum(judged.get(verdict, (0, None))[0] for verdict in ("pushed", "unchanged")),
        "missing": judged.get("missing", (0, None))[0],
        "ignored": judged.get("ignored", (0, None))[0],
        "last_push_at": judged.get("pushed", (0, None))[1],
        "sync": look.reader.statistics(asked.now),
        "circuit": look.circuit_status(),
        "outage": _ongoing(look),
        "recovery": look.recovery(),
        "draining": look.draining(worker),
        "worker": worker,
        "problems": look.problems,
    }


def _ongoing(look: Look) -> OngoingOutage | None:
    outage = look.circuit.outage
    if outage is None:
        return None
    return {
        "id": outage.id,
        "started_at": outage.started_at,
        "cause": outage.cause,
        "probes": outage.probes,
        "jobs_affected": outage.jobs_affected,
    }
