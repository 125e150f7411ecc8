"""What can become of one try at a job, and everything that follows from it: one enum, one table. Pure.

A new verdict is a member of `Verdict` and a row of `ROWS`; worker/attempt.py says which error leads to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from store.judgement import ErrorClass, Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.clock import Clock
    from store.job import Job


class Verdict(str, Enum):
    """What became of one try."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    GONE = "gone"

    OUTAGE = "outage"  # a server-level failure, and the probe after it failed too
    OWN_FAILURE = "own_failure"  # a server-level failure, but the probe after it passed
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

    @property
    def row(self) -> Row:
        """All that the verdict means."""
        return ROWS[self]


class JobEnd(str, Enum):
    """What the verdict means for the job."""

    FINISH = "finish"  # it leaves the queue
    KEEP = "keep"  # untouched, nothing is charged: every job would meet the same
    RETRY = "retry"  # charged; a dead letter after the last try
    AWAIT_SCAN = "await_scan"  # Plex gets time to scan; nothing is charged


class HealthSign(str, Enum):
    """What the verdict tells the circuit breaker about Plex."""

    GOOD = "good"  # a missing or rejected item is an answer too
    GOOD_IF_ASKED = "good_if_asked"  # only if Plex was asked at all
    FAILURE = "failure"
    UNKNOWN = "unknown"


class Stop(str, Enum):
    """What stops the drain, for all jobs. The values are those of `stopped_by` in answers and files."""

    CIRCUIT = "circuit"
    BUSY = "busy"
    AUTH = "auth"
    SETUP = "setup"
    STASH = "stash"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    `tries`: before the dead letter, with RETRY; 0: as many as the setting *Attempts* allows. `judgement`: what the
    ledger notes when the job leaves the queue by FINISH; None: nothing. `error`: of the dead letter, unless the
    outcome names another one.
    """

    job: JobEnd
    tries: int = 0
    health: HealthSign = HealthSign.UNKNOWN
    stops: Stop | None = None
    judgement: Judgement | None = None
    error: ErrorClass | None = None


ROWS: Mapping[Verdict, Row] = MappingProxyType({
    Verdict.PUSHED: Row(job=JobEnd.FINISH, health=HealthSign.GOOD, judgement=Judgement.PUSHED),
    Verdict.UNCHANGED: Row(job=JobEnd.FINISH, health=HealthSign.GOOD_IF_ASKED, judgement=Judgement.UNCHANGED),
    Verdict.SKIPPED: Row(job=JobEnd.FINISH, judgement=Judgement.SKIPPED),
    Verdict.GONE: Row(job=JobEnd.FINISH),
    Verdict.OUTAGE: Row(job=JobEnd.KEEP, stops=Stop.CIRCUIT),
    Verdict.OWN_FAILURE: Row(job=JobEnd.RETRY, health=HealthSign.FAILURE, error=ErrorClass.SERVER_ERROR),
    Verdict.BUSY: Row(job=JobEnd.KEEP, stops=Stop.BUSY),
    Verdict.AUTH: Row(job=JobEnd.KEEP, stops=Stop.AUTH),
    Verdict.SETUP: Row(job=JobEnd.KEEP, stops=Stop.SETUP),
    Verdict.NOT_IN_PLEX: Row(job=JobEnd.AWAIT_SCAN, health=HealthSign.GOOD, error=ErrorClass.NOT_IN_PLEX),
    Verdict.AMBIGUOUS: Row(job=JobEnd.RETRY, tries=1, health=HealthSign.GOOD, error=ErrorClass.AMBIGUOUS),
    Verdict.REJECTED: Row(job=JobEnd.RETRY, tries=1, health=HealthSign.GOOD, error=ErrorClass.REJECTED),
    Verdict.COVER: Row(job=JobEnd.RETRY, health=HealthSign.GOOD, error=ErrorClass.REJECTED),
    Verdict.STASH_AWAY: Row(job=JobEnd.KEEP, stops=Stop.STASH),
    Verdict.STORAGE: Row(job=JobEnd.KEEP, stops=Stop.STORAGE),
    # Waiting does not heal a bug; three tries tell it from a hiccup.
    Verdict.BUG: Row(job=JobEnd.RETRY, tries=3, error=ErrorClass.BUG),
})

# What a person can do about the dead letters of each class, in one sentence.
_ADVICE: Mapping[ErrorClass, str] = MappingProxyType({
    ErrorClass.SERVER_DOWN: "Plex went away each time this scene was sent: run Recover Outage Jobs once Plex is "
    "stable.",
    ErrorClass.TIMEOUT: "Plex did not answer in time: raise read_timeout or see what keeps Plex busy, then run Recover "
    "Outage Jobs with error_types PlexTimeout or save the scene again.",
    ErrorClass.SERVER_ERROR: "Plex failed on this item: look at it in Plex and at Plex's own log, then save the scene "
    "again.",
    ErrorClass.NOT_IN_PLEX: "Plex has no item with this file: let Plex scan its folder and check path_map, then save "
    "the scene again.",
    ErrorClass.AMBIGUOUS: "several items in Plex fit: remove the duplicates or switch allow_ambiguous on, then save "
    "the scene again.",
    ErrorClass.REJECTED: "Plex refuses this edit: read its reason, correct the scene in Stash and save it again.",
    ErrorClass.BUG: "PlexSync made a mistake: please report it with the worker's log (plexsync.log); saving the scene "
    "tries again.",
})


def advice_for(error_class: str) -> str:
    """What a person can do about dead letters of this class; a class of another version counts as a bug."""
    known = error_class in {each.value for each in ErrorClass}
    return _ADVICE[ErrorClass(error_class) if known else ErrorClass.BUG]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict with its reason in words. `error`: None for the one in the verdict's row."""

    verdict: Verdict
    text: str = ""
    error: ErrorClass | None = None
    retry_after_s: float | None = None
    rating_keys: tuple[int, ...] = ()  # of the items that Plex was asked about

    @property
    def shows_health(self) -> bool:
        """Whether Plex answered sensibly on the way here."""
        health = self.verdict.row.health
        return health is HealthSign.GOOD or (health is HealthSign.GOOD_IF_ASKED and bool(self.rating_keys))

    @property
    def error_class(self) -> str:
        """The public error class; "" for a verdict that is no failure of the job."""
        error = self.error or self.verdict.row.error
        return error.value if error else ""


class Action(str, Enum):
    """What happens to the job in the queue."""

    FINISH = "finish"
    MISSING = "missing"  # finished; the ledger notes that Plex lacks the scene
    RETRY = "retry"
    KEEP = "keep"
    BURY = "bury"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action, and the job as it is to be stored."""

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
    """What happens to `job` after `outcome`. `chance` in [0, 1) spreads the retries; `outage_id`: the one under way."""
    row = outcome.verdict.row
    if row.job is JobEnd.FINISH:
        return Decision(action=Action.FINISH, job=job)
    if row.job is JobEnd.KEEP:
        return Decision(action=Action.KEEP, job=job)
    failed = replace(
        job,
        error_class=outcome.error_class,
        error_text=outcome.text,
        failed_first_at=job.failed_first_at or now,
        outage_id=outage_id or job.outage_id,
    )
    if row.job is JobEnd.AWAIT_SCAN:
        return _await_scan(failed, rules, now)
    failed = replace(failed, attempts=job.attempts + 1)
    if failed.attempts >= (row.tries or rules.max_retries):
        return Decision(action=Action.BURY, job=failed)
    wait_s = back_off_s(failed.attempts, rules, chance)
    return Decision(action=Action.RETRY, job=replace(failed, not_before=now + wait_s))


def back_off_s(attempts: int, rules: Rules, chance: float) -> float:
    """Full jitter: anything up to the doubled base, so that jobs that failed together do not come back together."""
    return chance * min(rules.back_off_cap_s, rules.back_off_base_s * 2.0 ** min(attempts - 1, 30))


def _await_scan(failed: Job, rules: Rules, now: float) -> Decision:
    """Plex may still scan, and that may take days; a dead letter only after the limit."""
    if rules.skip_missing or failed.reason.gets_one_try:
        return Decision(action=Action.MISSING, job=failed)
    since = failed.missing_since or now
    if now - since >= rules.missing_limit_s:
        return Decision(action=Action.BURY, job=failed)
    # Waiting as long again as it has been missing doubles the pause each time without a counter.
    wait_s = min(rules.missing_cap_s, rules.missing_base_s + (now - since))
    return Decision(action=Action.RETRY, job=replace(failed, missing_since=since, not_before=now + wait_s))
