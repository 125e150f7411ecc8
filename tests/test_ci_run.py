"""`.ci/run` with a `python3` that only shows what it was given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent.parent / ".ci" / "run"
SHOWS_WHAT_IT_WAS_GIVEN = (
    '#!/bin/sh\necho "python3 $* with ${PLEXSYNC_TEST_STASH-no Stash}${PLEXSYNC_TEST_PAGE:+ and a browser}"\n'
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell script")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("python3", "ffmpeg", "node", "npm", "chromium"):
        make_executable(tmp_path / "bin" / name)
    return tmp_path


def make_executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SHOWS_WHAT_IT_WAS_GIVEN)
    path.chmod(0o755)
    return path


def run(home: Path, **variables: str) -> list[str]:
    kept = {name: text for name, text in os.environ.items() if name != "PLEXSYNC_TEST_STASH"}
    env = {**kept, "HOME": str(home), "PATH": f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}", **variables}
    return subprocess.run([RUN], env=env, capture_output=True, text=True, check=True).stdout.splitlines()


def test_without_a_real_stash_the_tests_run_and_one_line_says_so(home: Path) -> None:
    missing = home / ".cache/realstash/stash"
    assert run(home) == [
        f"tests/stash is skipped: there is no Stash at {missing}", "python3 tests with no Stash and a browser",
    ]  # fmt: skip


def test_stash_in_the_cache_folder_is_used(home: Path) -> None:
    stash = make_executable(home / ".cache/realstash/stash")
    assert run(home) == [f"tests/stash runs against {stash}", f"python3 tests with {stash} and a browser"]


def test_stash_that_the_variable_names_comes_first(home: Path) -> None:
    make_executable(home / ".cache/realstash/stash")
    named = make_executable(home / "built here/stash")
    assert run(home, PLEXSYNC_TEST_STASH=str(named)) == [
        f"tests/stash runs against {named}", f"python3 tests with {named} and a browser",
    ]  # fmt: skip


def test_only_what_the_page_lacks_is_installed(home: Path) -> None:
    tools = home / "bin"
    (tools / "chromium").unlink()
    for name in ("bash", "dirname", "cp"):
        (tools / name).symlink_to(shutil.which(name) or name)
    installing = f'#!/bin/sh\necho "$*" >>"{home}/asked"\n[ "$1" = update ] || cp "{tools}/npm" "{tools}/chromium"\n'
    make_executable(tools / "apt-get").write_text(installing)
    assert run(home, PATH=str(tools))[-1] == "python3 tests with no Stash and a browser"
    assert (home / "asked").read_text().splitlines() == ["update -q", "install -y -q chromium"]
