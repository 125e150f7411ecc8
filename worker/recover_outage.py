"""Recover Outage Jobs: turns the dead letters of an outage into jobs again, each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outages.transitions import ProbeKind
from push.read_ahead import read_single
from stash.errors import StashRefused, StashUnavailable
from store.dead_letters import DeadLetters
from store.job import Job, Reason
from worker.commands import CommandRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from local.clock import Clock
    from outages.history import Outage
    from outages.resilience import Resilience
    from outages.transitions import ProbeResult
    from store.dead_letters import DeadLetter
    from store.ledger import Ledger
    from store.queue import JobQueue
    from store.requests import Command
    from worker.stash_link import StashLink

_SCENES_PER_READ = 50


class OutageRecovery:
    """The handler of the command. Raises LocalStorage, StashUnavailable and CommandRefused."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        ledger: Ledger,
        stash: StashLink,
        resilience: Resilience,
        probe: Callable[[], ProbeResult],
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._ledger = ledger
        self._dead_letters = DeadLetters(ledger)
        self._stash = stash
        self._resilience = resilience
        self._probe = probe
        self._clock = clock

    def recover_outage_jobs(self, command: Command) -> Mapping[str, object]:
        """Arguments: `error_types` (a list of error classes), `outage` (an id, or null for the last one).

        The answer holds the counts, the `outage`, and the number of its dead letters that are of `other_types`.
        """
        classes = command.arguments.get("error_types")
        outage = chosen_outage(self._resilience.outages(), command.arguments.get("outage"))
        if outage is None:
            return {**_answer(), "outage": None, "other_types": 0}
        open_letters = [
            letter for letter in self._dead_letters.all()
            if belongs_to(letter, outage) and (letter.recovered_at is None or letter.recovered_by == command.id)
        ]  # fmt: skip
        wanted = [letter for letter in open_letters if isinstance(classes, list) and letter.error_class in classes]
        return {
            **self._recover_if_healthy(command, wanted),
            "outage": outage.id,
            "other_types": len(open_letters) - len(wanted),
        }

    def _recover_if_healthy(self, command: Command, wanted: Sequence[DeadLetter]) -> Mapping[str, object]:
        if not wanted:
            return _answer()
        ticket = self._resilience.ticket()
        result = self._probe()
        self._resilience.record_probe(ticket, result, self._clock.now(), jobs_waiting=len(self._queue))
        if result.kind is not ProbeKind.OK:
            return _answer(skipped_plex_down=len(wanted), message=result.text)
        return self._recover(command, wanted)

    def _recover(self, command: Command, wanted: Sequence[DeadLetter]) -> Mapping[str, object]:
        existing, unread = self._look_for([letter.scene_id for letter in wanted])
        recovered, queued, missing = [], 0, 0
        for letter in wanted:
            job = self._queue.job(letter.scene_id)
            if letter.scene_id in unread:
                continue
            if letter.scene_id not in existing:
                missing += 1
            elif job is not None and not _was_queued_by(command, job):
                queued += 1
            else:
                recovered.append(letter.scene_id)
        self._queue.add_all([_job(scene_id, command) for scene_id in recovered])
        self._dead_letters.mark_recovered(recovered, command_id=command.id, now=self._clock.now())
        return _answer(
            recovered, skipped_already_queued=queued, skipped_scene_missing=missing, failed=len(unread)
        )

    def _look_for(self, scene_ids: Sequence[int]) -> tuple[set[int], set[int]]:
        """The scenes that exist, and those on which Stash fails."""
        client, found, unread = self._stash.client(), set[int](), set[int]()
        for start in range(0, len(scene_ids), _SCENES_PER_READ):
            batch = scene_ids[start : start + _SCENES_PER_READ]
            try:
                found |= client.read_scenes(batch).keys()
            except (StashRefused, StashUnavailable):
                for scene_id in batch:
                    try:
                        found |= read_single(scene_id, client).keys()
                    except StashRefused:  # noqa: PERF203 - one try each is the point
                        unread.add(scene_id)
        return found, unread


def chosen_outage(outages: Sequence[Outage], wanted: object) -> Outage | None:
    """The outage with this id, or the last one if `wanted` is None; None if there is none. Raises CommandRefused."""
    if wanted is None:
        return outages[-1] if outages else None
    found = next((outage for outage in outages if outage.id == wanted), None)
    if found is None:
        known = ", ".join(str(outage.id) for outage in outages) or "none"
        raise CommandRefused(f"there is no outage {wanted} on record; there are: {known}")
    return found


def belongs_to(letter: DeadLetter, outage: Outage) -> bool:
    """Whether the outage may have caused this dead letter, from the first failure that led to it until it ended.

    A job stores the outage during which it failed. Those that failed just before the circuit opened are recognized by
    the time of their failure.
    """
    end = outage.ended_at if outage.ended_at is not None else float("inf")
    return letter.outage_id == outage.id or letter.failed_within(outage.started_at, end)


def _was_queued_by(command: Command, job: Job) -> bool:
    """Whether this command queued the job, before a kill."""
    return job.reason is Reason.RECOVERY and job.last_event_at == command.at


def _job(scene_id: int, command: Command) -> Job:
    return Job(scene_id=scene_id, reason=Reason.RECOVERY, first_event_at=command.at, last_event_at=command.at)


def _answer(recovered: Sequence[int] = (), *, message: str = "", **counts: int) -> Mapping[str, object]:
    zero = {"skipped_already_queued": 0, "skipped_scene_missing": 0, "skipped_plex_down": 0, "failed": 0}
    return {
        "recovered": len(recovered),
        **zero,
        **counts,
        "scene_ids": list(recovered),
        **({"message": message} if message else {}),
    }
