from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from local.storage import LocalStorage
from outages.breaker import Circuit
from outages.figures import OutageFigures
from outages.resilience import Resilience
from outages.scheduler import PauseReason
from outages.transitions import GateKind, ProbeKind, ProbeResult
from status.files import read_history
from tests.support import outage_story
from tests.support.clocks import SetClock
from tests.support.evidence import OF_A_PUSH, a_suspect

ROOT = Path(__file__).resolve().parents[2]
NOW = 1_700_000_000.0
OK = ProbeResult(kind=ProbeKind.OK)
DOWN = ProbeResult(kind=ProbeKind.DOWN, text="connection refused")


def opened(folder: Path, *, scale: float = 1.0) -> Resilience:
    """A new instance, as in a new process."""
    resilience = Resilience(str(folder), clock=SetClock(scale=scale), log=logging.getLogger("worker"))
    resilience.refresh(NOW)
    return resilience


def probe(resilience: Resilience, result: ProbeResult, now: float, *, jobs_waiting: int | None = None) -> None:
    resilience.record_probe(resilience.ticket(), result, now, jobs_waiting=jobs_waiting)


def stored(folder: Path, name: str = "circuit_breaker.json") -> dict[str, object]:
    content: dict[str, object] = json.loads((folder / name).read_bytes())
    return content


def down_since(folder: Path, now: float) -> Resilience:
    resilience = opened(folder)
    resilience.record_outage(resilience.ticket(), "connection refused", now)
    return resilience


def recovered_at(folder: Path, now: float) -> Resilience:
    """A worker whose circuit closed at `now` after a successful trial."""
    resilience = down_since(folder, now - 6)
    probe(resilience, OK, now - 1, jobs_waiting=40)
    assert resilience.take_token(now - 0.5) == 0
    resilience.record_success(resilience.ticket(), OF_A_PUSH, now, pushed=True)
    return resilience


def test_undisturbed_worker_drains_without_writing_files(tmp_path: Path) -> None:
    resilience = opened(tmp_path)
    resilience.start(NOW)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    for second in range(1, 100):
        resilience.refresh(NOW + second)
        assert resilience.gate(NOW + second).kind is GateKind.DRAIN
        assert resilience.take_token(NOW + second) == 0
        assert not resilience.is_probe_due(NOW + second)
        resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + second, pushed=True)
    resilience.store_counts(NOW + 100)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_files_contain_what_others_rely_on(tmp_path: Path) -> None:
    down_since(tmp_path, NOW)
    circuit = stored(tmp_path)
    assert (circuit["version"], circuit["state"], circuit["failure_count"]) == (1, "open", 1)
    assert (circuit["opened_at"], circuit["last_error"]) == (NOW, "connection refused")
    names = "version last_check_at next_check_at consecutive_successes consecutive_failures recovery_count"
    assert set(f"{names} last_recovery_at".split()) <= set(stored(tmp_path, "recovery_state.json"))


def test_restart_finds_the_circuit_open_and_the_probe_not_yet_due(tmp_path: Path) -> None:
    first = down_since(tmp_path, NOW)
    for at in (5, 15, 35, 75):
        probe(first, DOWN, NOW + at)
    second = opened(tmp_path)
    second.start(NOW + 76)
    assert second.gate(NOW + 76).stopped_by == "circuit"
    assert not second.is_probe_due(NOW + 134.9)
    assert second.next_check_at() == NOW + 135


def test_change_by_another_process_is_seen_after_a_second(tmp_path: Path) -> None:
    worker, other = opened(tmp_path), opened(tmp_path)
    other.record_outage(other.ticket(), "refused", NOW)
    worker.refresh(NOW + 0.9)
    assert worker.gate(NOW + 0.9).kind is GateKind.DRAIN
    worker.refresh(NOW + 1)
    assert worker.gate(NOW + 1).kind is GateKind.WAIT


def test_late_failure_cannot_reopen_what_another_process_has_closed(tmp_path: Path) -> None:
    worker = down_since(tmp_path, NOW)
    ticket = worker.ticket()
    by_hand = opened(tmp_path)
    probe(by_hand, OK, NOW + 5)
    probe(by_hand, OK, NOW + 6)
    worker.record_probe(ticket, DOWN, NOW + 7)
    worker.record_outage(ticket, "timeout", NOW + 7)
    assert not worker.record_failure(ticket, a_suspect(1, NOW + 7), "PlexTimeout: 30 s", NOW + 7).is_excused
    assert stored(tmp_path)["state"] == "closed"
    assert worker.breaker == by_hand.breaker


def test_late_success_cannot_close_what_another_process_has_opened(tmp_path: Path) -> None:
    worker, by_hand = opened(tmp_path), opened(tmp_path)
    probe(by_hand, DOWN, NOW)
    probe(by_hand, OK, NOW + 5)
    worker.record_success(worker.ticket(), OF_A_PUSH, NOW + 6, pushed=True)
    assert stored(tmp_path)["state"] == "half_open"


def test_health_check_alone_ends_an_outage(tmp_path: Path) -> None:
    down_since(tmp_path, NOW)
    by_hand = opened(tmp_path)
    probe(by_hand, OK, NOW + 100, jobs_waiting=7)
    probe(by_hand, OK, NOW + 101, jobs_waiting=7)
    (outage,) = by_hand.outages()
    assert (outage.duration_s, outage.jobs_affected, outage.ended_at) == (101, 7, NOW + 101)


def ok(*, asks_owner: bool = False) -> ProbeResult:
    assert not asks_owner
    return OK


def down(*, asks_owner: bool = False) -> ProbeResult:
    assert not asks_owner
    return DOWN


def test_due_probe_is_made_once(tmp_path: Path) -> None:
    clock = SetClock()
    resilience = Resilience(str(tmp_path), clock=clock, log=logging.getLogger("worker"))
    resilience.refresh(NOW)
    assert resilience.probe_if_due(ok, 0, may_try=False) is None
    resilience.record_outage(resilience.ticket(), "refused", NOW)
    assert resilience.probe_if_due(ok, 0, may_try=False) is None
    clock.set(NOW + 5)
    assert resilience.probe_if_due(down, 3, may_try=False) == DOWN
    assert resilience.probe_if_due(ok, 3, may_try=False) is None
    assert resilience.next_check_at() == NOW + 15


def test_intervals_run_faster_on_a_scaled_clock(tmp_path: Path) -> None:
    resilience = opened(tmp_path, scale=60)
    resilience.record_outage(resilience.ticket(), "refused", NOW)
    assert resilience.next_check_at() == pytest.approx(NOW + 5 / 60)


def test_refund_names_five_scenes_once(tmp_path: Path) -> None:
    resilience = opened(tmp_path)
    refunds = [
        resilience.record_failure(resilience.ticket(), a_suspect(scene_id, NOW), "PlexTimeout: 30 s", NOW).refunded
        for scene_id in (1, 2, 3, 4, 5)
    ]
    assert refunds == [(), (), (), (), (1, 2, 3, 4, 5)]


def test_rate_after_an_outage_starts_low_and_ends_unlimited(tmp_path: Path) -> None:
    resilience = recovered_at(tmp_path, NOW)
    assert resilience.rate_per_s(NOW) == 5
    assert resilience.recovery_until(NOW) == NOW + 300
    now, taken = NOW, 0
    while now < NOW + 10:
        wait_s = resilience.take_token(now)
        taken += wait_s == 0
        now += wait_s
    assert 49 <= taken <= 51
    assert resilience.rate_per_s(NOW + 101) == 10
    assert resilience.rate_per_s(NOW + 201) == 20
    assert (resilience.take_token(NOW + 301), resilience.take_token(NOW + 301)) == (0, 0)
    assert resilience.recovery_until(NOW + 301) is None


def test_settings_set_the_pace(tmp_path: Path) -> None:
    resilience = recovered_at(tmp_path, NOW)
    resilience.set_pace(rate_per_s=2, minutes=30)
    assert resilience.rate_per_s(NOW) == 2
    assert resilience.recovery_until(NOW) == NOW + 1800


def test_restart_during_recovery_keeps_the_rate_and_gains_no_token(tmp_path: Path) -> None:
    first = recovered_at(tmp_path, NOW)
    for _ in range(5):
        first.record_failure(first.ticket(), a_suspect(9, NOW + 1), "PlexTimeout: 30 s", NOW + 1)
    first.refresh(NOW + 2.5)
    second = opened(tmp_path)
    second.start(NOW + 3)
    assert second.rate_per_s(NOW + 3) == 2.5
    assert second.take_token(NOW + 3) == pytest.approx(0.4)


def test_pushed_jobs_are_counted_for_their_outage_with_few_writes(tmp_path: Path) -> None:
    resilience = recovered_at(tmp_path, NOW)
    versions = set()
    for tick in range(1, 200):
        resilience.refresh(NOW + tick / 10)
        resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + tick / 10, pushed=tick % 2 == 0)
        versions.add((tmp_path / "outage_history.json").stat().st_mtime_ns)
    resilience.store_counts(NOW + 20)
    (outage,) = resilience.outages()
    assert outage.jobs_pushed == 1 + 99
    assert len(versions) <= 6


def test_jobs_after_the_recovery_are_not_counted(tmp_path: Path) -> None:
    resilience = recovered_at(tmp_path, NOW)
    resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + 301, pushed=True)
    resilience.store_counts(NOW + 302)
    assert resilience.outages()[0].jobs_pushed == 1


def test_transitions_are_logged_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    resilience = down_since(tmp_path, NOW)
    probe(resilience, OK, NOW + 200, jobs_waiting=120)
    resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + 201, pushed=True)
    opened_text, half_opened, closed = caplog.messages
    assert opened_text == "an outage begins: connection refused. Changes wait. Next check in 5 s."
    assert half_opened.startswith("Plex answers again, 3 min 20 s after the outage began. One scene")
    assert closed.startswith("the outage is over: Plex is back. Outage 1 lasted 3 min 21 s (connection refused).")
    assert closed.endswith("120 jobs pending; at first at most 5 a second are pushed.")


def test_pauses_and_their_ends_are_logged_in_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    resilience = opened(tmp_path)
    resilience.record_pause(PauseReason.AUTH, "Plex rejects the token: set plex_token", NOW)
    resilience.record_pause(PauseReason.AUTH, "Plex rejects the token: set plex_token", NOW + 1)
    probe(resilience, OK, NOW + 5)
    resilience.record_busy(45, "Plex is busy.", NOW + 6)
    assert caplog.messages == [
        "pushing is stopped: Plex rejects the token: set plex_token. Next check in 5 s.",
        "pushing continues: the token is tried again.",
        "pushing is stopped: Plex is busy. It continues in 45 s.",
    ]


def test_worker_start_during_an_outage_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    down_since(tmp_path, NOW)
    caplog.clear()
    opened(tmp_path).start(NOW + 2)
    assert caplog.messages == ["the outage goes on: Plex is down: connection refused. Next check in 3 s."]


def test_each_step_of_the_rate_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    resilience = recovered_at(tmp_path, NOW)
    caplog.clear()
    caplog.set_level(logging.INFO)
    for after_s in (1, 2, 101, 102, 201, 301, 302):
        resilience.take_token(NOW + after_s)
    assert [message.split(":")[0] for message in caplog.messages] == [
        "recovery period",
        "recovery period",
        "recovery period",
        "the recovery period is over",
    ]


def test_new_token_is_tried_at_once(tmp_path: Path) -> None:
    resilience = opened(tmp_path)
    resilience.record_pause(PauseReason.AUTH, "token rejected", NOW)
    assert opened(tmp_path).gate(NOW).stopped_by == "auth"
    resilience.settings_changed(NOW + 1)
    assert resilience.gate(NOW + 1).kind is GateKind.DRAIN
    assert opened(tmp_path).gate(NOW + 1).kind is GateKind.DRAIN


def test_setup_error_pauses_until_a_probe_finds_it_fixed(tmp_path: Path) -> None:
    resilience = opened(tmp_path)
    resilience.record_pause(PauseReason.SETUP, "library not found", NOW)
    assert resilience.gate(NOW).stopped_by == "setup"
    assert resilience.is_probe_due(NOW + 5)
    probe(resilience, OK, NOW + 5)
    assert resilience.gate(NOW + 5).kind is GateKind.DRAIN


def test_full_disk_pauses_until_it_takes_writes_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder in place of a state file simulates the full disk."""
    resilience, blocked = opened(tmp_path), tmp_path / "recovery_state.json"
    blocked.mkdir()
    resilience.record_outage(resilience.ticket(), "refused", NOW)
    resilience.record_pause(PauseReason.STORAGE, "the ledger cannot be written", NOW + 0.1)
    resilience.refresh(NOW + 3)
    assert resilience.gate(NOW + 3).stopped_by == "storage"
    assert resilience.next_check_at() == NOW + 5
    probe(resilience, OK, NOW + 5)
    assert resilience.gate(NOW + 5).stopped_by == "storage"
    assert resilience.next_check_at() == NOW + 15
    assert len(caplog.records) == 1
    blocked.rmdir()
    probe(resilience, OK, NOW + 15)
    assert resilience.gate(NOW + 15).kind is GateKind.DRAIN
    resilience.refresh(NOW + 17)
    assert resilience.gate(NOW + 17).kind is GateKind.DRAIN


def test_pause_that_cannot_be_stored_is_kept_in_memory(tmp_path: Path) -> None:
    """With a folder in place of a lock file, files can be read but not written."""
    resilience, blocked = opened(tmp_path), tmp_path / "recovery_state.json.lock"
    blocked.mkdir()
    resilience.record_pause(PauseReason.STORAGE, "the ledger cannot be written", NOW)
    for second in range(1, 5):
        resilience.refresh(NOW + second)
        assert resilience.gate(NOW + second).stopped_by == "storage"
        assert not resilience.is_probe_due(NOW + second)
    probe(resilience, OK, NOW + 5)
    blocked.rmdir()
    resilience.refresh(NOW + 10)
    assert resilience.next_check_at() == NOW + 15
    probe(resilience, OK, NOW + 15)
    assert resilience.gate(NOW + 15).kind is GateKind.DRAIN


def test_reports_say_when_the_history_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "outage_history.json").mkdir()
    with pytest.raises(LocalStorage, match="cannot read"):
        opened(tmp_path).outages()


@pytest.mark.parametrize("name", ["circuit_breaker.json", "recovery_state.json", "outage_history.json"])
def test_corrupt_file_during_an_outage_blocks_nothing_forever(tmp_path: Path, name: str) -> None:
    probe(down_since(tmp_path, NOW), DOWN, NOW + 5)
    (tmp_path / name).write_bytes(b'{"version": 99}')
    resilience = opened(tmp_path)
    resilience.start(NOW + 20)
    for at in (80, 81):
        if resilience.is_probe_due(NOW + at):
            probe(resilience, OK, NOW + at)
    assert resilience.gate(NOW + 82).kind is GateKind.DRAIN
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1


def run_story(folder: Path, killed_before: int) -> int:
    command = [sys.executable, "-m", "tests.support.outage_story", str(folder), str(killed_before)]
    return subprocess.run(command, cwd=ROOT, check=False, timeout=60).returncode


# The number of file replacements in the whole story; the next test checks it.
REPLACEMENTS = 26


def test_kills_cover_the_whole_story(tmp_path: Path) -> None:
    assert run_story(tmp_path, REPLACEMENTS + 1) == 0
    (tmp_path / "again").mkdir()
    assert run_story(tmp_path / "again", REPLACEMENTS) == -9


@pytest.mark.parametrize("number", range(1, REPLACEMENTS + 1))
def test_kill_between_any_two_writes_leaves_outages_that_end_once(tmp_path: Path, number: int) -> None:
    assert run_story(tmp_path, number) == -9
    resilience = opened(tmp_path)
    was_closed = resilience.breaker.state is Circuit.CLOSED
    resilience.start(NOW + 1000)
    for at in (1000, 1001, 1060, 1061):
        if resilience.is_probe_due(NOW + at):
            probe(resilience, OK, NOW + at)
    assert resilience.gate(NOW + 1062).kind is GateKind.DRAIN
    listed = resilience.outages()
    assert [outage.id for outage in listed] == list(range(1, len(listed) + 1))
    assert all(outage.ended_at is not None for outage in listed)
    assert resilience.scheduler.recovery_count == len(listed)
    assert was_closed or listed[-1].ended_at == NOW + 1001
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_story_without_a_kill_records_both_outages(tmp_path: Path) -> None:
    assert run_story(tmp_path, 0) == 0
    first, second = opened(tmp_path).outages()
    assert (first.started_at, first.ended_at, first.jobs_affected, first.jobs_pushed) == (NOW + 2, NOW + 18, 4, 2)
    assert (second.started_at, second.ended_at) == (outage_story.NOW + 31, NOW + 41)
    figures = OutageFigures(read_history(str(tmp_path), []), (first, second), NOW + 100)
    assert (figures.count, figures.total_s, figures.mttr_s) == (2, 26, 13)
    assert figures.availability == pytest.approx(0.74)


def test_worker_and_health_checks_at_the_same_time_agree_in_the_end(tmp_path: Path) -> None:
    """Three processes go through the same outages in the same files; tickets and locks keep the files consistent."""
    command = [sys.executable, "-m", "tests.support.outage_story", str(tmp_path), "0"]
    processes = [subprocess.Popen(command, cwd=ROOT) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    resilience = opened(tmp_path)
    for at in (1000, 1001):
        probe(resilience, OK, NOW + at)
    listed = resilience.outages()
    assert resilience.breaker.state is Circuit.CLOSED
    assert len({outage.id for outage in listed}) == len(listed)
    assert all(outage.ended_at is not None for outage in listed)
    assert resilience.scheduler.recovery_count == resilience.breaker.last_outage_id == len(listed)
