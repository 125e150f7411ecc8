from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from local.files import replace_patiently, write_atomically

ROOT = Path(__file__).resolve().parents[3]
posix_only = pytest.mark.skipif(os.name == "nt", reason="modes and resource limits of POSIX")


def run_limited(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `code` with a limit of 4,096 bytes per file, like a disk with one free block."""
    limit = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    )
    return subprocess.run(
        [sys.executable, "-S", "-c", limit + code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_bytes_are_written_unchanged(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5_000 + b"\r\n\n"
    write_atomically(str(tmp_path / "entry"), data)
    assert (tmp_path / "entry").read_bytes() == data
    assert os.listdir(tmp_path) == ["entry"]


@pytest.mark.parametrize("sync", [True, False])
def test_existing_file_is_replaced(tmp_path: Path, sync: bool) -> None:
    path = str(tmp_path / "entry")
    write_atomically(path, b"old and long", sync=sync)
    write_atomically(path, b"", sync=sync)
    assert Path(path).read_bytes() == b""
    assert os.listdir(tmp_path) == ["entry"]


def test_relative_path_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("entry", b"x")
    assert (tmp_path / "entry").read_bytes() == b"x"


@posix_only
def test_only_the_owner_may_read_the_file_even_if_everyone_could_read_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_atomically(str(path), b"secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@posix_only
def test_disk_that_fills_up_during_a_write_leaves_the_old_content_and_no_temporary_file(
    tmp_path: Path,
) -> None:
    path = tmp_path / "entry"
    path.write_bytes(b"old")
    code = "from local.files import write_atomically; write_atomically(sys.argv[1], b'x' * 6000)"
    result = run_limited(code, str(path))
    assert "OSError: [Errno 27]" in result.stderr
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["entry"]


@posix_only
def test_limit_used_above_allows_a_first_short_write() -> None:
    """Otherwise that test would not prove that the loop continues after a short write."""
    code = (
        "import os, tempfile; file = tempfile.TemporaryFile(buffering=0); "
        "print(os.write(file.fileno(), b'x' * 6000))"
    )
    assert run_limited(code).stdout == "4096\n"


def test_missing_folder_raises_the_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(str(tmp_path / "missing" / "entry"), b"x")


def test_failed_rename_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry" / "inside").touch()
    with pytest.raises(OSError, match="entry"):
        write_atomically(str(tmp_path / "entry"), b"x")
    assert os.listdir(tmp_path) == ["entry"]


def refuse_replace(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Make `os.replace` fail `times` times, as on Windows while a reader has the target open."""
    real, refusals = os.replace, iter(range(times))

    def replace(source: str, target: str) -> None:
        if next(refusals, None) is not None:
            raise PermissionError(13, "Access is denied", target)
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)


def test_replace_waits_for_a_reader_on_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").write_bytes(b"new")
    refuse_replace(monkeypatch, times=2)
    replace_patiently(str(tmp_path / "new"), str(tmp_path / "entry"), tries=3, pause_s=0)
    assert (tmp_path / "entry").read_bytes() == b"new"


def test_replace_fails_if_the_reader_never_closes_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").write_bytes(b"new")
    refuse_replace(monkeypatch, times=3)
    with pytest.raises(PermissionError):
        replace_patiently(str(tmp_path / "new"), str(tmp_path / "entry"), tries=3, pause_s=0)


@posix_only
def test_replace_fails_immediately_on_posix_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_replace(monkeypatch, times=1)
    with pytest.raises(PermissionError):
        write_atomically(str(tmp_path / "entry"), b"x")
    assert os.listdir(tmp_path) == []


def test_kill_before_the_rename_leaves_a_file_named_after_its_entry_and_its_writer(tmp_path: Path) -> None:
    code = (
        "import os, sys; from local.files import write_atomically; "
        "os.replace = lambda *_: os._exit(9); write_atomically(sys.argv[1], b'x')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "scene-12")], cwd=ROOT)
    assert process.wait(60) == 9
    (left,) = os.listdir(tmp_path)
    assert left.startswith(f".tmp-scene-12-{process.pid}-")
    assert left.rpartition("-")[2].isdigit()


def test_import_loads_no_other_module() -> None:
    code = (
        "import os, sys, time; before = set(sys.modules); import local.files; "
        "print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "local local.files\n"
