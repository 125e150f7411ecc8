"""Which command is carried out by what, and the two that need the loop itself: see what stops it, push one scene."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from outages.transitions import GateKind
from push.verdicts import JobEnd
from store.job import Reason, new_job
from store.requests import CommandStore
from worker.clearing import Clearing
from worker.commands import CommandRefused, Commands
from worker.recover_outage import OutageRecovery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outages.transitions import Gate
    from push.verdicts import Outcome
    from store.requests import Command
    from worker.commands import Handler
    from worker.parts import Parts

WAITING = "waiting"


class Loop(Protocol):
    """What commands need of the worker's loop."""

    def look(self) -> Gate:
        """What stops the drain now, after a fresh look at the settings."""

    def process_one(self, *, is_trial: bool = False, scene_id: int | None = None) -> Outcome | None:
        """Take a job through one try."""


def commands_of(parts: Parts, loop: Loop, more: Mapping[str, Handler]) -> Commands:
    """All commands that this version knows. `more`: those of what the door has handed the worker."""
    store = CommandStore(parts.ledger)
    clearing = Clearing(
        directory=parts.directory, queue=parts.queue, ledger=parts.ledger, store=store, clock=parts.clock
    )
    recovering = OutageRecovery(
        queue=parts.queue, ledger=parts.ledger, stash=parts.stash, resilience=parts.resilience,
        probe=parts.probe, clock=parts.clock,
    )  # fmt: skip
    live = LiveCommands(parts, loop)
    handlers = {
        "clear_queue": clearing.clear_queue,
        "clear_dlq": clearing.clear_dlq,
        "purge_dlq": clearing.purge_dlq,
        "restore_cleared": clearing.restore_cleared,
        "recover_outage_jobs": recovering.recover_outage_jobs,
        "look": live.look,
        "sync_scene": live.sync_scene,
        **more,
    }
    return Commands(
        directory=parts.directory, store=store, handlers=handlers, clock=parts.clock, log=parts.log
    )


class LiveCommands:
    """Commands that are about this very moment and need the loop."""

    def __init__(self, parts: Parts, loop: Loop) -> None:
        self._parts = parts
        self._loop = loop

    def look(self, _command: Command) -> Mapping[str, object]:
        """What stops the drain; the settings are read for it."""
        gate = self._loop.look()
        is_stopped = gate.kind is GateKind.WAIT
        return {
            "pid": os.getpid(),
            "stopped_by": gate.stopped_by if is_stopped else None,
            "message": gate.message if is_stopped else None,
            "until": gate.until if is_stopped else None,
        }

    def sync_scene(self, command: Command) -> Mapping[str, object]:
        """Push a scene before all others; it waits like any other while draining is stopped."""
        scene_id = command.arguments.get("scene_id")
        if not isinstance(scene_id, int):
            raise CommandRefused(f"scene_id is {scene_id!r}; allowed is the number of a scene")
        self._parts.queue.add(new_job(scene_id, Reason.NOW, command.at))
        gate = self._loop.look()
        if gate.kind is GateKind.WAIT:
            return _scene_report(scene_id, WAITING, message=gate.message or "")
        clock = self._parts.clock
        while (wait_s := self._parts.resilience.take_token(clock.now())) > 0:
            clock.sleep(wait_s)
        outcome = self._loop.process_one(is_trial=gate.kind is GateKind.TRIAL, scene_id=scene_id)
        if outcome is None or outcome.verdict.row.job is JobEnd.KEEP:
            return _scene_report(scene_id, WAITING, message=outcome.text if outcome else "")
        verdict = outcome.error_class or outcome.verdict.value
        return _scene_report(scene_id, verdict, items=outcome.rating_keys, message=outcome.text)


def _scene_report(
    scene_id: int, verdict: str, *, items: tuple[int, ...] = (), message: str = ""
) -> Mapping[str, object]:
    return {"scene_id": scene_id, "verdict": verdict, "items": list(items), "message": message or None}
