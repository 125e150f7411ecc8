"""What a run stores in the state file."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from local.clock import Clock
from local.data_directory import RECONCILIATION_STATE
from reconciliation.gaps import GapType
from reconciliation.state import GapCounts, ReconciliationState, Result, RunProgress, RunRequest, state_file

if TYPE_CHECKING:
    from pathlib import Path

ALL = RunRequest(id="a", scope="all", started_at=5)
PREVIEW = RunRequest(id="b", scope="all", is_preview=True, started_at=5)
SCHEDULED = RunRequest(id="c", scope="24h", is_scheduled=True, started_at=5)
FOUND = Result(
    checked=7, gaps=GapCounts(stale=2, missing=1), queued=GapCounts(stale=2), skipped=1, unclaimed=3, took_s=1.5
)


def test_successful_run_stores_its_result_and_the_time_of_its_scope() -> None:
    state = ReconciliationState().started(ALL).succeeded(ALL, FOUND, 10)
    assert (state.running, state.last_run_at, state.scope, state.checked) == (None, 10, "all", 7)
    assert (state.gaps, state.queued, state.skipped, state.unclaimed) == (FOUND.gaps, FOUND.queued, 1, 3)
    state = state.started(SCHEDULED).succeeded(SCHEDULED, Result(), 20).succeeded(ALL, FOUND, 30)
    assert [(run.scope, run.at) for run in state.runs] == [("all", 30), ("24h", 20)]


def test_preview_keeps_the_schedule_and_the_last_result() -> None:
    before = ReconciliationState().succeeded(ALL, FOUND, 10)
    after = before.started(PREVIEW).succeeded(PREVIEW, Result(), 20)
    assert (after.last_run_at, after.checked, after.runs) == (10, 7, before.runs)
    assert after.finished
    assert after.finished.request == PREVIEW


def test_only_a_failed_scheduled_run_delays_the_schedule() -> None:
    assert ReconciliationState().started(ALL).failed(ALL, "refused", 10).failed_at is None
    failed = ReconciliationState().started(SCHEDULED).failed(SCHEDULED, "refused", 10)
    assert (failed.failed_at, failed.last_run_at, failed.running) == (10, None, None)
    assert failed.succeeded(ALL, FOUND, 20).failed_at is None


def test_requests_are_equivalent_whoever_makes_them() -> None:
    assert SCHEDULED.is_equivalent(RunRequest(id="x", scope="24h", started_at=99))
    for other in (PREVIEW, RunRequest(id="a", scope="all", library="Movies"), SCHEDULED):
        assert not ALL.is_equivalent(other)


def test_counts_add_up_by_type() -> None:
    counts = GapCounts().incremented(GapType.EMPTY).incremented(GapType.MISSING, 2) + GapCounts(empty=1, stale=4)
    assert counts.as_mapping() == {"empty": 2, "stale": 4, "missing": 2}


def test_state_survives_the_file(tmp_path: Path) -> None:
    file = state_file(str(tmp_path), clock=Clock(), log=logging.getLogger("test"))
    state = ReconciliationState().succeeded(ALL, FOUND, 10).failed(SCHEDULED, "no", 11).started(PREVIEW)
    state = state.progressed(RunProgress(request=PREVIEW, checked=3, total=9))
    file.update(lambda _: state)
    assert file.read() == state
    data = json.loads((tmp_path / RECONCILIATION_STATE).read_text())
    assert (data["version"], data["checked"], data["gaps"]) == (1, 7, {"empty": 0, "stale": 2, "missing": 1})
