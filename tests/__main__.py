"""`python3 tests`: makes its own environment, then runs ruff, mypy and pytest in it.

Needs Python 3.10 or newer and its venv module, nothing else; without npm, the page of ui/ is not checked. Arguments go
to pytest, and then only pytest runs, with fewer examples per property: `python3 tests tests/unit -k breaker`.
`--hypothesis-profile full` restores their number.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
# Pinned by hash, as for users; pip wants hashes for all requirements of a call or for none.
PINNED = ("requirements.txt", "sim/requirements.txt")
CHECKS = "tests/requirements.txt"


# What checks the page; node finds it beside the tests.
PAGE = ROOT / "tests" / "page"


def python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def wanted_environment() -> str:
    """Changes whenever the environment has to be recreated."""
    contents = b"".join((ROOT / name).read_bytes() for name in (*PINNED, CHECKS))
    return f"{sys.version} {hashlib.sha256(contents).hexdigest()}"


def make_environment() -> Path:
    python, stamp = python_of(ENVIRONMENT), ENVIRONMENT / "made-for"
    if stamp.exists() and stamp.read_text() == wanted_environment() and python.exists():
        return python
    print("making the test environment in .venv ...", flush=True)
    venv.create(ENVIRONMENT, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*install, "--require-hashes", *(f"-r{ROOT / name}" for name in PINNED)], check=True)
    subprocess.run([*install, f"-r{ROOT / CHECKS}"], check=True)
    stamp.write_text(wanted_environment())
    return python


def make_page_checks() -> None:
    """Install what checks the page. Where that is not possible, its tests are skipped and say why."""
    npm, lock, stamp = shutil.which("npm"), PAGE / "package-lock.json", PAGE / "node_modules" / "made-for"
    if npm is None:
        print("npm is not installed: the page of ui/ is not checked.", flush=True)
        return
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print("installing what checks the page in tests/page/node_modules ...", flush=True)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    if subprocess.run(install, cwd=PAGE, check=False).returncode == 0:
        stamp.write_text(wanted)
    else:
        print("npm could not install it: the page of ui/ is not checked.", flush=True)


def pytest_arguments(arguments: list[str]) -> list[str]:
    """Those given come last, so that they win over ours."""
    # Several processes pay off for a folder or more, even on two cores, since many tests mostly wait for a worker; a
    # debugger needs the terminal to itself. The tests of a file may share a world. In the order of the folders, those
    # that start PlexSync come first, and the many quick ones of `unit` keep all processes busy to the end.
    runs_much = any((ROOT / each).is_dir() for each in arguments) and not {"--pdb", "--trace"} & set(arguments)
    processes = ["-n", "4", "--dist", "loadfile", "--no-loadscope-reorder"] if runs_much or not arguments else []
    profile = ["--hypothesis-profile", "quick"] if arguments else []
    return [*processes, *profile, *arguments]


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 10):  # noqa: UP036 - said in words to whoever starts it with an old Python
        print(f"PlexSync's tests need Python 3.10 or newer; this is {sys.version.split()[0]}.")
        return 2
    try:
        python = str(make_environment())
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"could not make the test environment: {error}")
        print("It needs Python's venv module (Debian: python3-venv) and PyPI.")
        return 2
    make_page_checks()
    pytest = [python, "-m", "pytest", *pytest_arguments(arguments)]
    checks = [pytest] if arguments else [[python, "-m", "ruff", "check", "."], [python, "-m", "mypy", "."], pytest]
    failed = [check[2] for check in checks if subprocess.run(check, cwd=ROOT, check=False).returncode != 0]
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
