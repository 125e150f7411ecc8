"""How an attempt at a job can end, and everything that follows from it, in one table. Pure.

A new verdict needs a member of `Verdict` and a row of `ROWS`; worker/attempt.py maps errors to verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from store.evidence import Evidence
from store.judgement import ErrorClass, Judgement
from store.reader import LONGEST_WAIT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.clock import Clock
    from store.job import Job


class Verdict(str, Enum):
    """How one attempt at a job ended."""

    PUSHED = "pushed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    GONE = "gone"

    OUTAGE = "outage"  # a server-level failure, confirmed by a failed probe
    OWN_FAILURE = "own_failure"  # a server-level failure of this job alone: the probe passed
    BUSY = "busy"
    AUTH = "auth"
    SETUP = "setup"
    LEFT_OFF = "left_off"  # it goes on after other work
    NOT_IN_PLEX = "NotInPlex"
    AMBIGUOUS = "Ambiguous"
    REJECTED = "Rejected"
    COVER = "cover"  # the fields are in Plex, the cover is not
    COVER_WAITS = "cover_waits"  # nor is that of any other scene
    STASH_AWAY = "stash"
    STORAGE = "storage"
    SCENE_TOO_LARGE = "SceneTooLarge"
    BUG = "Bug"

    @property
    def row(self) -> Row:
        """What the verdict means for the job, the circuit breaker and the ledger."""
        return ROWS[self]

    @property
    def is_final(self) -> bool:
        """Whether the attempt came to an end that is the job's own; if not, the job simply waits for another try."""
        return self.row.job not in (JobEnd.KEEP, JobEnd.GIVE_WAY)


class JobEnd(str, Enum):
    """What the verdict means for the job."""

    FINISH = "finish"  # it leaves the queue
    KEEP = "keep"  # it stays in the queue unchanged, since every job would fail the same way now
    GIVE_WAY = "give_way"  # it has only begun, and goes on after the jobs that have come meanwhile
    RETRY = "retry"  # it uses up an attempt; a dead letter after the last one
    AWAIT_SCAN = "await_scan"  # Plex gets time to scan; no attempt is used up
    AWAIT_COVERS = "await_covers"  # it is retried when another scene's cover has arrived; no attempt is used up


class HealthSignal(str, Enum):
    """What the verdict tells the circuit breaker about Plex."""

    GOOD = "good"  # also for a missing or rejected item: Plex answered
    GOOD_IF_ASKED = "good_if_asked"  # good if Plex was asked, else unknown
    FAILURE = "failure"
    UNKNOWN = "unknown"


class StopReason(str, Enum):
    """What stops the drain for all jobs. The values appear as `stopped_by` in answers and files."""

    CIRCUIT = "circuit"
    BUSY = "busy"
    AUTH = "auth"
    SETUP = "setup"
    STASH = "stash"
    STORAGE = "storage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one verdict means.

    `max_attempts`: with RETRY, after how many the job is a dead letter; 0: as many as the setting *Attempts* allows.
    `judgement`: what the ledger records with FINISH; None: nothing. `error`: the error class of the dead letter, unless
    the outcome names another one.
    """

    job: JobEnd
    max_attempts: int = 0
    health: HealthSignal = HealthSignal.UNKNOWN
    stops: StopReason | None = None
    judgement: Judgement | None = None
    error: ErrorClass | None = None


ROWS: Mapping[Verdict, Row] = MappingProxyType({
    Verdict.PUSHED: Row(job=JobEnd.FINISH, health=HealthSignal.GOOD, judgement=Judgement.PUSHED),
    Verdict.UNCHANGED: Row(job=JobEnd.FINISH, health=HealthSignal.GOOD_IF_ASKED, judgement=Judgement.UNCHANGED),
    Verdict.SKIPPED: Row(job=JobEnd.FINISH, judgement=Judgement.SKIPPED),
    Verdict.GONE: Row(job=JobEnd.FINISH),
    Verdict.OUTAGE: Row(job=JobEnd.KEEP, stops=StopReason.CIRCUIT),
    Verdict.OWN_FAILURE: Row(job=JobEnd.RETRY, health=HealthSignal.FAILURE, error=ErrorClass.SERVER_ERROR),
    Verdict.BUSY: Row(job=JobEnd.KEEP, stops=StopReason.BUSY),
    Verdict.AUTH: Row(job=JobEnd.KEEP, stops=StopReason.AUTH),
    Verdict.SETUP: Row(job=JobEnd.KEEP, stops=StopReason.SETUP),
    Verdict.LEFT_OFF: Row(job=JobEnd.GIVE_WAY, health=HealthSignal.GOOD),
    Verdict.NOT_IN_PLEX: Row(job=JobEnd.AWAIT_SCAN, health=HealthSignal.GOOD, error=ErrorClass.NOT_IN_PLEX),
    Verdict.AMBIGUOUS: Row(job=JobEnd.RETRY, max_attempts=1, health=HealthSignal.GOOD, error=ErrorClass.AMBIGUOUS),
    Verdict.REJECTED: Row(job=JobEnd.RETRY, max_attempts=1, health=HealthSignal.GOOD, error=ErrorClass.REJECTED),
    Verdict.COVER: Row(job=JobEnd.RETRY, health=HealthSignal.GOOD, error=ErrorClass.REJECTED),
    Verdict.COVER_WAITS: Row(job=JobEnd.AWAIT_COVERS, health=HealthSignal.GOOD),
    Verdict.STASH_AWAY: Row(job=JobEnd.KEEP, stops=StopReason.STASH),
    Verdict.STORAGE: Row(job=JobEnd.KEEP, stops=StopReason.STORAGE),
    Verdict.SCENE_TOO_LARGE: Row(job=JobEnd.RETRY, max_attempts=1, error=ErrorClass.SCENE_TOO_LARGE),
    # Waiting does not fix a bug; three attempts rule out a one-time glitch.
    Verdict.BUG: Row(job=JobEnd.RETRY, max_attempts=3, error=ErrorClass.BUG),
})

@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A verdict with the details of one attempt.

    `text`: the reason, in words. `error`: None for the error class of the verdict's row. `failed`: the kind of request
    that failed although the server answers otherwise; None if none did. `is_about_token`: it was answered with 401 or
    403. `has_read`, `has_written`, `has_uploaded`: whether items were read, and changed, and got a new picture.
    `is_cover_left`: the fields were judged, and the cover is still to be pushed. `retry_after_s`: with BUSY and
    COVER_WAITS.
    """

    verdict: Verdict
    text: str = ""
    error: ErrorClass | None = None
    retry_after_s: float | None = None
    rating_keys: tuple[int, ...] = ()  # the items that Plex was asked about
    failed: Evidence | None = None
    is_about_token: bool = False
    has_read: bool = False
    has_written: bool = False
    has_uploaded: bool = False
    is_cover_left: bool = False

    @property
    def shows_health(self) -> bool:
        """Whether the attempt proved that Plex works."""
        health = self.verdict.row.health
        return health is HealthSignal.GOOD or (health is HealthSignal.GOOD_IF_ASKED and bool(self.rating_keys))

    @property
    def proven(self) -> frozenset[Evidence]:
        """The kinds of request to Plex that the attempt showed to work."""
        shown = {
            Evidence.PROBE: self.shows_health,
            Evidence.READ: self.has_read,
            Evidence.WRITE: self.has_written,
            Evidence.COVER: self.has_uploaded,
        }
        return frozenset(kind for kind, is_shown in shown.items() if is_shown)

    @property
    def error_class(self) -> str:
        """The name of the error class, as users see it; "" if the verdict is not a failure of this job."""
        error = self.error or self.verdict.row.error
        return error.value if error else ""


class Action(str, Enum):
    """What happens to the job in the queue."""

    FINISH = "finish"
    MISSING = "missing"  # finish it; the ledger records that Plex lacks the scene
    COVER_NEXT = "cover_next"  # its fields are done; it goes on with the cover when it is due again
    RETRY = "retry"
    KEEP = "keep"
    BURY = "bury"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An action, and the job to store."""

    action: Action
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRules:
    """How often and how long a job is retried. Times are real seconds, already scaled."""

    max_retries: int
    skip_missing: bool
    back_off_base_s: float
    back_off_cap_s: float
    missing_base_s: float
    missing_cap_s: float
    missing_limit_s: float


def retry_rules(clock: Clock, *, max_retries: int, skip_missing: bool) -> RetryRules:
    """Back-off of up to 5 s, doubling to 80 s; for a file that Plex lacks, waits of 30 s to 30 min over 48 h."""
    return RetryRules(
        max_retries=max_retries,
        skip_missing=skip_missing,
        back_off_base_s=clock.interval(5),
        back_off_cap_s=clock.interval(80),
        missing_base_s=clock.interval(30),
        missing_cap_s=clock.interval(LONGEST_WAIT_S),
        missing_limit_s=clock.interval(48 * 3600),
    )


def decide(
    outcome: Outcome, job: Job, rules: RetryRules, *, now: float, jitter: float, outage_id: int = 0
) -> Decision:
    """Decide what happens to `job` after `outcome`.

    `jitter`: a random number in [0, 1) that spreads the retries. `outage_id`: the current outage, 0 for none.
    """
    row = outcome.verdict.row
    job = job.with_cover_left() if outcome.is_cover_left else job
    if row.job is JobEnd.FINISH:
        return Decision(action=Action.COVER_NEXT if outcome.is_cover_left else Action.FINISH, job=job)
    if not outcome.verdict.is_final:
        goes_behind = row.job is JobEnd.GIVE_WAY
        return Decision(action=Action.KEEP, job=replace(job, not_before=now) if goes_behind else job)
    failed = replace(
        job,
        error_class=outcome.error_class,
        error_text=outcome.text,
        failed_first_at=job.failed_first_at or now,
        failed_at=now,
        missing_s=_waited_for_scan_s(job, rules, now),
        outage_id=outage_id or job.outage_id,
        awaits_covers=row.job is JobEnd.AWAIT_COVERS,
    )
    if row.job is JobEnd.AWAIT_COVERS:
        return Decision(action=Action.RETRY, job=replace(failed, not_before=now + (outcome.retry_after_s or 0.0)))
    if row.job is JobEnd.AWAIT_SCAN:
        return _await_scan(failed, rules, now)
    failed = replace(failed, attempts=job.attempts + 1)
    if failed.attempts >= (row.max_attempts or rules.max_retries):
        return Decision(action=Action.BURY, job=failed)
    wait_s = back_off_s(failed.attempts, rules, jitter)
    return Decision(action=Action.RETRY, job=replace(failed, not_before=now + wait_s))


def back_off_s(attempts: int, rules: RetryRules, jitter: float) -> float:
    """Exponential back-off with full jitter, so that jobs that failed together are not retried together."""
    return jitter * min(rules.back_off_cap_s, rules.back_off_base_s * 2.0 ** min(attempts - 1, 30))


def _await_scan(failed: Job, rules: RetryRules, now: float) -> Decision:
    """Retry until the limit, since Plex may take days to scan; then the job is a dead letter."""
    if rules.skip_missing or failed.reason.gets_one_try:
        return Decision(action=Action.MISSING, job=failed)
    if failed.missing_s >= rules.missing_limit_s:
        return Decision(action=Action.BURY, job=failed)
    # Waiting as long as the file has been missing doubles the wait each time, without a counter.
    wait_s = min(rules.missing_cap_s, rules.missing_base_s + failed.missing_s)
    since = failed.missing_since or now
    return Decision(action=Action.RETRY, job=replace(failed, missing_since=since, not_before=now + wait_s))


def _waited_for_scan_s(job: Job, rules: RetryRules, now: float) -> float:
    """For how long Plex has been given time to scan for the job's file.

    Since the last try that is at most as long as the longest wait: neither a clock that was set meanwhile nor a machine
    that was off has given Plex any time.
    """
    if not job.missing_since:
        return 0.0
    if not job.failed_at:  # stored by a version that did not count
        return max(0.0, now - job.missing_since)
    return job.missing_s + min(max(0.0, now - job.failed_at), rules.missing_cap_s)
