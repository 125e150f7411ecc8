"""Each command is carried out once, whichever of its steps is interrupted by a kill."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from local import inbox
from local.clock import Clock
from store import backups
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from store.ledger import Ledger
from store.queue import JobQueue
from store.requests import CommandStore, answer_path, command_content, command_entry
from worker import commands
from worker.clearing import Clearing
from worker.commands import CommandRefused, Commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

LOG = logging.getLogger("test")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program catches it."""


class CommandWorker:
    """A worker that does nothing but serve commands."""

    def __init__(self, directory: Path, more: Mapping[str, Callable[..., Mapping[str, object]]] | None = None) -> None:
        self.directory = str(directory)
        inbox.prepare(self.directory)
        self.clock = Clock()
        self.ledger = Ledger(self.directory)
        self.queue = JobQueue(os.path.join(self.directory, "queue"), clock=Clock())
        self.store = CommandStore(self.ledger)
        clearing = Clearing(
            directory=self.directory, queue=self.queue, ledger=self.ledger, store=self.store, clock=self.clock
        )
        handlers: dict[str, Any] = {
            "clear_queue": clearing.clear_queue, "clear_dlq": clearing.clear_dlq,
            "restore_cleared": clearing.restore_cleared, **(more or {}),
        }  # fmt: skip
        self.commands = Commands(
            directory=self.directory, store=self.store, handlers=handlers, clock=self.clock, log=LOG
        )

    def ask(self, command_id: str, what: str, *, at: float | None = None) -> None:
        """`at`: sets the order of commands that are asked within one tick of the file system's clock."""
        inbox.publish(self.directory, command_entry(command_id), command_content(command_id, what, {}, 0.0))
        if at is not None:
            os.utime(os.path.join(inbox.folder(self.directory), command_entry(command_id)), (at, at))

    def serve(self) -> int:
        entries = inbox.list_entries(self.directory, self.clock.now())[0]
        return self.commands.serve([entry for entry in entries if entry.kind == inbox.COMMAND])

    def answer(self, command_id: str) -> Any:
        with open(answer_path(self.directory, command_id), encoding="utf-8") as file:
            return json.load(file)

    def close(self) -> None:
        self.ledger.close()
        self.queue.close()


@contextmanager
def command_worker(directory: Path, **more: Any) -> Iterator[CommandWorker]:
    worker = CommandWorker(directory, **more)
    try:
        yield worker
    finally:
        worker.close()


def a_job(scene_id: int) -> Job:
    return Job(
        scene_id=scene_id, reason=Reason.HOOK, first_event_at=5.0, last_event_at=5.0, attempts=2, not_before=1e10,
        error_class="PlexTimeout",
    )  # fmt: skip


def stop_at_step(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], bool]:
    """Kill before the `number`-th change on disk. The result tells whether that many changes were tried."""
    steps = Counter[str]()

    def killing(original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            steps["all"] += 1
            if steps["all"] == number:
                raise Killed
            return original(*args, **kwargs)

        return step

    for owner, name in (
        (Ledger, "transaction"), (JobQueue, "finish_all"), (JobQueue, "add_all"), (commands, "write_atomically"),
        (backups, "write_atomically"), (os, "replace"), (commands, "_unlink"), (os, "unlink"),
    ):  # fmt: skip
        monkeypatch.setattr(owner, name, killing(getattr(owner, name)))
    return lambda: steps["all"] >= number


@pytest.mark.parametrize("step", range(1, 25))
def test_clear_and_restore_lose_no_job_whichever_step_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    jobs = [a_job(scene_id) for scene_id in (1, 2, 3)]
    with command_worker(tmp_path) as before:
        before.queue.add_all(jobs[:2])
        before.ask("c1", "clear_queue")
        before.serve()
        before.queue.add(jobs[2])
        before.ask("c2", "clear_queue", at=1000.0)
        before.ask("r1", "restore_cleared", at=2000.0)
    with command_worker(tmp_path) as killed, monkeypatch.context() as patch:
        was_hit = stop_at_step(patch, step)
        try:
            killed.serve()
        except Killed:
            assert was_hit()
    with command_worker(tmp_path) as after:
        after.serve()
        assert after.answer("c1")["output"]["cleared"] == 2
        assert after.answer("c2")["output"]["cleared"] == 1
        assert after.answer("r1")["output"]["restored"] == 1
        assert list(after.queue.jobs()) == jobs[2:]
        after.ask("r2", "restore_cleared")
        after.serve()
        assert after.answer("r2")["output"]["restored"] == 2
        assert sorted(after.queue.jobs(), key=lambda job: job.scene_id) == jobs
        assert not os.listdir(inbox.folder(after.directory))


def test_dead_letters_are_restored_unchanged(tmp_path: Path) -> None:
    with command_worker(tmp_path) as worker:
        DeadLetters(worker.ledger).bury(a_job(1), None, now=6.0)
        before = DeadLetters(worker.ledger).all()
        worker.ask("c1", "clear_dlq")
        worker.serve()
        assert not DeadLetters(worker.ledger).all()
        worker.ask("r1", "restore_cleared")
        worker.serve()
        assert DeadLetters(worker.ledger).all() == before


def test_clear_keeps_edits_made_after_the_command(tmp_path: Path) -> None:
    with command_worker(tmp_path) as worker:
        worker.queue.add(a_job(1))
        worker.ask("c1", "clear_queue")
        later = Job(scene_id=1, reason=Reason.HOOK, first_event_at=1e11, last_event_at=1e11)
        worker.queue.add(later)
        worker.serve()
        assert worker.answer("c1") == {"output": {"cleared": 0, "backup": None}}
        assert len(worker.queue) == 1


def test_refused_and_unknown_commands_are_answered_with_an_error(tmp_path: Path) -> None:
    def refuse(_: object) -> Mapping[str, object]:
        raise CommandRefused("not like this")

    with command_worker(tmp_path, more={"refused": refuse}) as worker:
        worker.ask("a", "refused")
        worker.ask("b", "nonsense")
        worker.serve()
        assert worker.answer("a") == {"error": "not like this"}
        assert "nonsense" in worker.answer("b")["error"]


def test_a_command_that_crashes_every_worker_is_given_up(tmp_path: Path) -> None:
    def fail(_: object) -> Mapping[str, object]:
        raise ZeroDivisionError

    with command_worker(tmp_path) as worker:
        worker.ask("a", "fails")
    for _ in range(commands.MAX_TRIES):
        with command_worker(tmp_path, more={"fails": fail}) as worker, pytest.raises(ZeroDivisionError):
            worker.serve()
    with command_worker(tmp_path, more={"fails": fail}) as worker:
        worker.serve()
        assert "3 times" in worker.answer("a")["error"]


def test_a_withdrawn_or_damaged_command_does_nothing(tmp_path: Path) -> None:
    with command_worker(tmp_path) as worker:
        worker.queue.add(a_job(1))
        inbox.publish(worker.directory, command_entry("bad"), b"{ half a com")
        worker.ask("gone", "clear_queue")
        entries = inbox.list_entries(worker.directory, worker.clock.now())[0]
        os.unlink(os.path.join(inbox.folder(worker.directory), command_entry("gone")))
        worker.commands.serve(entries)
        assert len(worker.queue) == 1
        assert os.listdir(os.path.join(worker.directory, "queue", "malformed")) == [".claimed-command-bad"]


def test_an_answered_command_is_never_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[object] = []

    def once(command: object) -> Mapping[str, object]:
        done.append(command)
        return {"times": len(done)}

    def kill(_: str) -> None:
        raise Killed

    with command_worker(tmp_path, more={"once": once}) as worker, monkeypatch.context() as patch:
        worker.ask("a", "once")
        patch.setattr(commands, "_unlink", kill)
        with pytest.raises(Killed):
            worker.serve()
        os.unlink(answer_path(worker.directory, "a"))  # the task fetched it
    with command_worker(tmp_path, more={"once": once}) as worker:
        assert worker.serve() == 1
        assert worker.answer("a") == {"output": {"times": 1}}
    assert len(done) == 1
