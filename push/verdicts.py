"""From what became of a job to what happens with it: the one table. Pure; no clock, no chance, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.clock import Clock
    from store.job import Job

# A bug is not healed by waiting; three tries tell it from a hiccup.
BUG_TRIES = 3


class Verdict(str, Enum):
    """What became of one try. The values of the first group and of the error classes are public names."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    GONE = "gone"

    OUTAGE = "outage"  # a server-level failure whose probe failed too
    OWN_FAILURE = "own_failure"  # a server-level failure whose probe passed
    BUSY = "busy"
    AUTH = "auth"
    SETUP = "setup"
    NOT_IN_PLEX = "NotInPlex"
    AMBIGUOUS = "Ambiguous"
    REJECTED = "Rejected"
    COVER = "cover"  # the fields are in Plex, the cover is not
    STASH_AWAY = "stash"
    STORAGE = "storage"
    BUG = "Bug"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict with its reason in words. `error_class` is one of the public error classes, or ""."""

    verdict: Verdict
    text: str = ""
    error_class: str = ""
    retry_after_s: float | None = None
    rating_keys: tuple[int, ...] = ()  # of the items that were looked at

    @property
    def shows_health(self) -> bool:
        """Whether Plex answered sensibly on the way here: an item that is missing or refused is a sign of health."""
        healthy = (Verdict.PUSHED, Verdict.COVER, Verdict.NOT_IN_PLEX, Verdict.AMBIGUOUS, Verdict.REJECTED)
        return self.verdict in healthy or (self.verdict is Verdict.UNCHANGED and bool(self.rating_keys))


class Action(str, Enum):
    """What happens with the job in the queue."""

    FINISH = "finish"
    MISSING = "missing"  # finished; the ledger notes that Plex lacks it
    RETRY = "retry"
    KEEP = "keep"
    BURY = "bury"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action and the job as it is to be stored."""

    action: Action
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The numbers of the table, in real seconds (scaled already)."""

    max_retries: int
    skip_missing: bool
    back_off_base_s: float
    back_off_cap_s: float
    missing_base_s: float
    missing_cap_s: float
    missing_limit_s: float


def rules(clock: Clock, *, max_retries: int, skip_missing: bool) -> Rules:
    """Back-off of 5 to 80 s; for a file that Plex lacks 30 s to 30 min, through 48 h of scanning."""
    return Rules(
        max_retries=max_retries,
        skip_missing=skip_missing,
        back_off_base_s=clock.interval(5),
        back_off_cap_s=clock.interval(80),
        missing_base_s=clock.interval(30),
        missing_cap_s=clock.interval(30 * 60),
        missing_limit_s=clock.interval(48 * 3600),
    )


def decide(
    outcome: Outcome, job: Job, rules: Rules, *, now: float, chance: float, outage_id: int = 0
) -> Decision:
    """What happens with `job` after `outcome`; `chance` in [0, 1) spreads the retries. `outage_id`: that of now."""
    verdict = outcome.verdict
    if verdict in (Verdict.PUSHED, Verdict.UNCHANGED, Verdict.SKIPPED, Verdict.GONE):
        return Decision(action=Action.FINISH, job=job)
    if verdict in (Verdict.OUTAGE, Verdict.BUSY, Verdict.AUTH, Verdict.SETUP, Verdict.STASH_AWAY, Verdict.STORAGE):
        return Decision(action=Action.KEEP, job=job)
    failed = replace(
        job,
        error_class=outcome.error_class or verdict.value,
        error_text=outcome.text,
        failed_first_at=job.failed_first_at or now,
        outage_id=outage_id or job.outage_id,
    )
    if verdict is Verdict.NOT_IN_PLEX:
        return _decide_missing(failed, rules, now)
    failed = replace(failed, attempts=job.attempts + 1)
    tries_of = {Verdict.OWN_FAILURE: rules.max_retries, Verdict.COVER: rules.max_retries, Verdict.BUG: BUG_TRIES}
    tries = tries_of.get(verdict, 1)
    if failed.attempts >= tries:
        return Decision(action=Action.BURY, job=failed)
    wait_s = back_off_s(failed.attempts, rules, chance)
    return Decision(action=Action.RETRY, job=replace(failed, not_before=now + wait_s))


def back_off_s(attempts: int, rules: Rules, chance: float) -> float:
    """Full jitter: anything up to the doubled-up base, so that failures of one moment do not meet again."""
    return chance * min(rules.back_off_cap_s, rules.back_off_base_s * 2.0 ** min(attempts - 1, 30))


def _decide_missing(failed: Job, rules: Rules, now: float) -> Decision:
    """Plex may still scan, and may take days; a dead letter comes of it only after the limit."""
    if rules.skip_missing or failed.reason.gets_one_try:
        return Decision(action=Action.MISSING, job=failed)
    since = failed.missing_since or now
    if now - since >= rules.missing_limit_s:
        return Decision(action=Action.BURY, job=failed)
    # Waiting as long again as it has been missing doubles the pause each time without a counter.
    wait_s = min(rules.missing_cap_s, rules.missing_base_s + (now - since))
    return Decision(action=Action.RETRY, job=replace(failed, missing_since=since, not_before=now + wait_s))
