"""Gives back to Plex what PlexSync changed there: in the worker, on request, batch by batch, whatever interrupts it.

The run is kept in the ledger. What is given back is forgotten, so what the ledger knows is what is left to do: a worker
that takes over from a killed one goes on, and an outage is waited out.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from local.clock import Countdown
from local.files import write_atomically
from local.log_marks import NEWS, SAID_OTHERWISE
from local.words import counted, sentence
from outages.transitions import GateKind
from store.requests import result_path
from store.undo import ItemState, UndoneItem, UndoRun, UndoStore, entry_to_json
from undo.items import ItemUndo
from worker.commands import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from push.pusher import Pusher
    from store.requests import Command
    from worker.commands import Handler
    from worker.parts import Parts

COMMAND = "undo_all"
BATCH = 25
# Before the same items are tried again, and while something stops the drain.
RETRY_S, BLOCKED_RETRY_S = 5.0, 10.0
# How often an item may fail while Plex is well otherwise. After so many items in a row that failed, each is tried once:
# then it is Plex that refuses all of them.
MAX_TRIES, PATIENT_WITH = 3, 3


class Undoing:
    """Background work of the worker that tasks can request (see worker/parts.py)."""

    asks_plex = True
    changes_fields = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._store = UndoStore(parts.ledger)
        self._run = self._store.run()  # left by a worker that was killed, or replaced in an update of the plugin
        self._items: ItemUndo | None = None
        self._pusher: Pusher | None = None
        self._until_retry = Countdown(parts.clock)
        self._start_over()

    def _start_over(self) -> None:
        self._after = 0  # the last item that was done, or given up
        self._batch: list[int] = []  # in progress
        self._suspects: list[int] = []  # items of a batch that failed, to be tried one by one
        self._tries = 0
        self._failed_in_a_row = 0
        self._is_watched = True  # by a task, which shows the end
        self._until_retry.stop()

    # Called by the worker's loop

    @property
    def is_running(self) -> bool:
        """Whether an undo is under way, even if it waits. Always False until Stash's address is known."""
        return self._run is not None and self._parts.stash.is_known

    def due_at(self, now: float) -> float | None:
        """At once while an undo is under way, unless it waits."""
        return now + self._until_retry.left_s if self.is_running else None

    def step(self, now: float, obstacle: str | None) -> None:
        """Give the next batch back. An obstacle ends a preview; an undo waits until it has passed."""
        run = self._run
        if run is None:
            return
        if obstacle:
            self._tries = 0  # the failure was not the item's
            self._until_retry.start(self._clock.interval(BLOCKED_RETRY_S))
            if run.is_preview:
                self._fail(run, f"{sentence(obstacle)} Run it again once that is over.")
            self._is_watched = False  # the task does not wait
            return
        settings = self._parts.stash.last_settings()
        if not (run.is_preview or settings.paused):
            self._fail(run, '"Pause" was switched off, so PlexSync pushes again. Run Undo again to continue.')
            return
        pusher = self._parts.plex.pusher(settings)
        self._batch = self._next_batch(pusher.server)
        if not self._batch:
            self._finish(run)
            return
        items = self._items_of(pusher)
        (items.preview if run.is_preview else items.undo)(self._batch)
        self._pass()
        done = self._store.count_entries()
        self._parts.worker_file.report(f"{_name(run)}: {done} of {counted(run.total, 'item')}", now)

    def abort(self, reason: str, *, is_transient: bool = False) -> None:  # noqa: ARG002 - the next step shows it
        """Try the items of the batch again, one by one; give up one that fails although Plex is well otherwise."""
        if self._run is None:
            return
        self._until_retry.start(self._clock.interval(RETRY_S))
        if self._parts.resilience.gate(self._clock.now()).kind is not GateKind.DRAIN:
            self._is_watched = False  # the task ends at once, even if the obstacle is gone before the next step
        if len(self._batch) > 1:
            self._suspects = self._batch
        elif self._batch:
            self._tries += 1
            if self._tries >= (MAX_TRIES if self._failed_in_a_row < PATIENT_WITH else 1):
                self._give_up(self._batch[0], reason)

    def commands(self) -> Mapping[str, Handler]:
        """The only command: begin an undo or a preview, or join it."""
        return {COMMAND: self.start_or_join}

    # Called by tasks

    def start_or_join(self, command: Command) -> Mapping[str, object]:
        """Begin a run, or join one that does the same; answer with its id. An undo replaces a preview under way.

        An undo switches *Pause* on first: what it gives back would be pushed again. Raises CommandRefused.
        """
        is_preview = command.arguments.get("preview") is True
        if self._run and self._run.is_preview == is_preview:
            self._is_watched = True
            return {"run": self._run.id}
        if self._run and is_preview:
            done = self._store.count_entries()
            raise CommandRefused(f"An undo is under way ({done} of {counted(self._run.total, 'item')} are done).")
        if not is_preview:
            self._pause()
        total = self._store.count_items(self._parts.ledger.server_in_use())
        self._begin(UndoRun(id=command.id, is_preview=is_preview, total=total))
        return {"run": command.id}

    def _pause(self) -> None:
        stash = self._parts.stash
        if not stash.read_settings().paused:
            stash.client().switch_pause_on()
        if not stash.read_settings().paused:
            raise CommandRefused(
                '"Pause" could not be switched on in PlexSync\'s settings. Switch it on and run this again; otherwise '
                "what is restored would be pushed again."
            )

    # A run's life

    def _begin(self, run: UndoRun) -> None:
        self._store.begin(run)
        self._run = run
        self._start_over()
        self._parts.log.info("%s begins: PlexSync has changed %s", _name(run), counted(run.total, "item"))

    def _next_batch(self, server: str) -> list[int]:
        if self._suspects:
            return self._suspects[:1]
        return self._store.next_items(server, after=self._after, count=BATCH)

    def _items_of(self, pusher: Pusher) -> ItemUndo:
        if self._items is None or self._pusher is not pusher:
            self._pusher = pusher
            self._items = ItemUndo(
                plex=pusher.plex, ledger=self._parts.ledger, server=pusher.server, locks=self._parts.plex.picture_locks
            )
        return self._items

    def _pass(self) -> None:
        self._after, self._batch = self._batch[-1], []
        self._suspects = self._suspects[1:]
        self._tries = self._failed_in_a_row = 0

    def _give_up(self, rating_key: int, reason: str) -> None:
        self._store.record([UndoneItem(rating_key=rating_key, state=ItemState.FAILED, problem=reason)])
        failed_in_a_row = self._failed_in_a_row + 1
        self._pass()
        self._failed_in_a_row = failed_in_a_row
        self._until_retry.stop()

    def _finish(self, run: UndoRun) -> None:
        entries = self._store.entries()
        self._answer(run, {"output": {"entries": [entry_to_json(each) for each in entries]}})
        failed = sum(each.state is ItemState.FAILED for each in entries)
        text = f"The {_name(run)} has ended: {counted(len(entries), 'item')}, {failed} of them failed"
        self._log_end(logging.WARNING if failed else logging.INFO, text)
        self._end()

    def _fail(self, run: UndoRun, why: str) -> None:
        done = self._store.count_entries()
        error = f"The {_name(run)} stopped after {done} of {counted(run.total, 'item')}: {why}"
        self._answer(run, {"error": error})
        self._log_end(logging.WARNING, error)
        self._end()

    def _log_end(self, level: int, text: str) -> None:
        self._parts.log.log(level, "%s", text, extra=SAID_OTHERWISE if self._is_watched else NEWS)

    def _answer(self, run: UndoRun, answer: Mapping[str, object]) -> None:
        """Write the result before the run is forgotten: a kill in between only repeats the end."""
        write_atomically(result_path(self._parts.directory, run.id), json.dumps(answer).encode())

    def _end(self) -> None:
        self._store.end()
        self._run = self._items = self._pusher = None
        self._start_over()


def _name(run: UndoRun) -> str:
    return "preview of the undo" if run.is_preview else "undo"
