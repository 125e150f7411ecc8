from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import pytest
from filelock import FileLock

from local.storage import LocalStorage
from store import state_file
from store.state_file import StateFile, from_json, to_json
from tests.support.clocks import SetClock

ROOT = Path(__file__).resolve().parents[2]


class Colour(str, Enum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    number: int
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    count: int = 0
    at: float | None = None
    colour: Colour = Colour.RED
    flag: bool = False
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()


FULL = Counted(count=3, at=1.5, flag=True, inner=Inner(number=1, words=("a", "b")), many=(Inner(number=2),))

# Increments a counter in a state file. Arguments: the file, how many times.
COUNT_UP = """
import logging, sys
from dataclasses import replace
from local.clock import Clock
from outages.scheduler import RecoveryScheduler
from store.state_file import StateFile
file = StateFile(sys.argv[1], RecoveryScheduler(), clock=Clock(), log=logging.getLogger("count"))
for _ in range(int(sys.argv[2])):
    file.update(lambda state: replace(state, recovery_count=state.recovery_count + 1))
    print("counted", flush=True)
"""


def make_state_file(folder: Path, default: Counted | None = None) -> StateFile[Counted]:
    return StateFile(
        str(folder / "state.json"), default or Counted(), clock=SetClock(), log=logging.getLogger("state")
    )


def start_counting(path: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COUNT_UP, str(path), str(times)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_missing_file_reads_as_the_default_and_is_not_created(tmp_path: Path) -> None:
    assert make_state_file(tmp_path).read() == Counted()
    assert list(tmp_path.iterdir()) == []


def test_update_stores_what_the_next_process_reads(tmp_path: Path) -> None:
    assert make_state_file(tmp_path).update(lambda _: FULL) == FULL
    assert make_state_file(tmp_path).read() == FULL
    stored = json.loads((tmp_path / "state.json").read_bytes())
    assert (stored["version"], stored["count"], stored["colour"]) == (1, 3, "red")


def test_files_are_readable_only_by_their_owner(tmp_path: Path) -> None:
    make_state_file(tmp_path).update(lambda _: FULL)
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "state.json": 0o600,
        "state.json.lock": 0o600,
    }


def test_unchanged_state_is_not_written(tmp_path: Path) -> None:
    file = make_state_file(tmp_path)
    file.update(lambda _: FULL)
    before = (tmp_path / "state.json").stat()
    file.update(lambda state: replace(state, count=3))
    assert (tmp_path / "state.json").stat() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"count": 1}',
        b'{"version": 2, "count": 1}',
        b'{"version": "1"}',
        b'{"version": 1, "count": "1"}',
        b'{"version": 1, "count": true}',
        b'{"version": 1, "count": 1.0}',
        b'{"version": 1, "count": null}',
        b'{"version": 1, "at": NaN}',
        b'{"version": 1, "at": -Infinity}',
        b'{"version": 1, "at": 1' + b"0" * 400 + b"}",
        b'{"version": 1, "flag": 1}',
        b'{"version": 1, "colour": "blue"}',
        b'{"version": 1, "colour": []}',
        b'{"version": 1, "inner": {}}',
        b'{"version": 1, "inner": {"number": 1, "words": "ab"}}',
        b'{"version": 1, "many": {"number": 1}}',
        b'{"version": 1, "many": [3]}',
        b"[" * 100_000,
    ],
)
def test_unusable_file_is_set_aside_and_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    (tmp_path / "state.json").write_bytes(content)
    file = make_state_file(tmp_path)
    assert file.read() == Counted()
    assert file.read() == Counted()
    assert (tmp_path / "state.json.corrupt-1700000000").read_bytes() == content
    assert not (tmp_path / "state.json").exists()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "state.json.corrupt-1700000000" in record.getMessage()


def test_update_of_an_unusable_file_starts_from_the_default(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(b"{")
    assert make_state_file(tmp_path).update(lambda state: replace(state, count=state.count + 1)).count == 1
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1


def test_fields_that_contradict_each_other_make_a_file_unusable(tmp_path: Path) -> None:
    def refuse_thirteen(state: Counted) -> Counted:
        if state.count == 13:
            raise ValueError("unlucky")
        return state

    (tmp_path / "state.json").write_bytes(b'{"version": 1, "count": 13}')
    file = StateFile(
        str(tmp_path / "state.json"),
        Counted(),
        clock=SetClock(),
        log=logging.getLogger("state"),
        validate=refuse_thirteen,
    )
    assert file.read() == Counted()


def test_missing_field_gets_its_default_and_an_unknown_one_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(b'{"version": 1, "at": 5, "added_later": {}}')
    assert make_state_file(tmp_path).read() == Counted(at=5.0)


def test_json_round_trip_preserves_every_field() -> None:
    assert from_json(Counted, json.loads(json.dumps(to_json(FULL)))) == FULL


def test_disk_error_says_which_file_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(LocalStorage, match=r"cannot read .*state\.json: Is a directory\. Make room"):
        make_state_file(tmp_path).update(lambda _: FULL)


def test_full_disk_keeps_the_old_content(tmp_path: Path) -> None:
    """A file size limit on the process simulates a full disk."""
    script = f"""
import resource, runpy, sys
import tests.integration.test_state_file as here
from pathlib import Path
file = here.make_state_file(Path({str(tmp_path)!r}))
file.update(lambda _: here.FULL)
resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
try:
    file.update(lambda _: here.Counted(count=9))
except here.LocalStorage as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"cannot write {tmp_path / 'state.json'}: File too large" in done.stdout
    assert make_state_file(tmp_path).read() == FULL
    assert not list(tmp_path.glob(".tmp-*"))


def test_lock_held_too_long_raises_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_file, "LOCK_TIMEOUT_S", 0.05)
    with FileLock(tmp_path / "state.json.lock"), pytest.raises(LocalStorage, match="locked by another process"):
        make_state_file(tmp_path).update(lambda _: FULL)


def test_two_processes_lose_no_change(tmp_path: Path) -> None:
    path = tmp_path / "recovery_state.json"
    with start_counting(path, 150) as first, start_counting(path, 150) as second:
        assert [process.wait(timeout=60) for process in (first, second)] == [0, 0]
    assert json.loads(path.read_bytes())["recovery_count"] == 300


def test_kill_at_any_moment_leaves_a_complete_file_and_a_free_lock(tmp_path: Path) -> None:
    path, counts = tmp_path / "recovery_state.json", [0]
    for updates in (1, 2, 3, 5, 8, 13):
        process = start_counting(path, 1_000_000)
        assert process.stdout is not None
        for _ in range(updates):
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        process.stdout.close()
        counts.append(json.loads(path.read_bytes())["recovery_count"])
        assert counts[-1] >= counts[-2] + updates
    with start_counting(path, 1) as last:
        assert last.wait(timeout=60) == 0
    assert json.loads(path.read_bytes())["recovery_count"] == counts[-1] + 1
    assert not list(tmp_path.glob("*.corrupt-*"))
