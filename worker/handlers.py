"""Maps each command to its handler, and handles the two that need the loop: report what stops it, push one scene."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

from outages.transitions import GateKind
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
    """What commands need from the worker's loop."""

    def check_gate(self) -> Gate:
        """Read the settings again and return what stops the drain now."""

    def process_one(self, *, is_trial: bool = False, scene_id: int | None = None) -> Outcome | None:
        """Try the next due job, or that of `scene_id`; None if there is none. `is_trial`: the circuit is half-open."""


def make_commands(parts: Parts, loop: Loop, requested: Mapping[str, Handler]) -> Commands:
    """All commands that this version knows. `requested`: those of the work that tasks can request."""
    store = CommandStore(parts.ledger)
    clearing = Clearing(
        directory=parts.directory, queue=parts.queue, ledger=parts.ledger, store=store, clock=parts.clock
    )
    recovery = OutageRecovery(
        queue=parts.queue, ledger=parts.ledger, stash=parts.stash, resilience=parts.resilience,
        probe=parts.probe, clock=parts.clock,
    )  # fmt: skip
    loop_commands = LoopCommands(parts, loop)
    handlers = {
        "clear_queue": clearing.clear_queue,
        "clear_dlq": clearing.clear_dlq,
        "purge_dlq": clearing.purge_dlq,
        "restore_cleared": clearing.restore_cleared,
        "ignore": clearing.ignore,
        "stop_ignoring": clearing.stop_ignoring,
        "recover_outage_jobs": recovery.recover_outage_jobs,
        "look": loop_commands.look,
        "sync_scene": loop_commands.sync_scene,
        **requested,
    }
    return Commands(
        directory=parts.directory, store=store, handlers=handlers, clock=parts.clock, log=parts.log
    )


class LoopCommands:
    """Commands about the current state, which need the loop."""

    def __init__(self, parts: Parts, loop: Loop) -> None:
        self._parts = parts
        self._loop = loop

    def look(self, _command: Command) -> Mapping[str, object]:
        """Answer what stops the drain now, after reading the settings again."""
        gate = self._loop.check_gate()
        is_stopped = gate.kind is GateKind.WAIT
        return {
            "pid": os.getpid(),
            "stopped_by": gate.stopped_by if is_stopped else None,
            "message": gate.message if is_stopped else None,
            "until": gate.until if is_stopped else None,
        }

    def sync_scene(self, command: Command) -> Mapping[str, object]:
        """Push one scene ahead of all others. While draining is stopped it waits like any other."""
        scene_id = command.arguments.get("scene_id")
        if not isinstance(scene_id, int):
            raise CommandRefused(f"scene_id is {scene_id!r}; it must be the number of a scene")
        self._parts.queue.add(new_job(scene_id, Reason.NOW, command.at))
        gate = self._loop.check_gate()
        if gate.kind is GateKind.WAIT:
            return _scene_answer(scene_id, WAITING, message=gate.message or "")
        clock = self._parts.clock
        while (wait_s := self._parts.resilience.take_token(clock.now())) > 0:
            clock.sleep(wait_s)
        outcome = self._loop.process_one(is_trial=gate.kind is GateKind.TRIAL, scene_id=scene_id)
        if outcome is None or not outcome.verdict.is_final:
            return _scene_answer(scene_id, WAITING, message=outcome.text if outcome else "")
        verdict = outcome.error_class or outcome.verdict.value
        return _scene_answer(scene_id, verdict, items=outcome.rating_keys, message=outcome.text)


def _scene_answer(
    scene_id: int, verdict: str, *, items: tuple[int, ...] = (), message: str = ""
) -> Mapping[str, object]:
    return {"scene_id": scene_id, "verdict": verdict, "items": list(items), "message": message or None}
