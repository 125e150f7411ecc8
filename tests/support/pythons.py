"""Other Pythons than the one that runs the tests: other versions, and one without packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from functools import lru_cache
from pathlib import Path

_SHOWS_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


@lru_cache
def pythons() -> dict[tuple[int, int], str]:
    """Interpreters by version, those on PATH and those installed beside ours; ours is left out."""
    found = {}
    named = [shutil.which(f"python3.{minor}") for minor in range(6, 20)]
    beside = sorted(map(str, Path(sys.base_prefix).parent.glob("*/bin/python3")))
    for path in (*beside, *filter(None, named)):
        shown = subprocess.run([path, "-c", _SHOWS_VERSION], capture_output=True, text=True, check=False)
        if shown.returncode == 0:
            major, minor = shown.stdout.split(".")
            found[int(major), int(minor)] = path
    return {version: path for version, path in found.items() if version != sys.version_info[:2]}


def externally_managed() -> str:
    """A Python into which pip installs nothing (PEP 668), as Debian's; "" if there is none."""
    path = shutil.which("python3", path=os.defpath)
    code = "import os, sysconfig; print(os.path.exists(sysconfig.get_path('stdlib') + '/EXTERNALLY-MANAGED'))"
    shown = subprocess.run([path or sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout
    return path if path and shown == "True\n" else ""


def make_venv(path: Path) -> Path:
    """Create a virtual environment without pip; return its interpreter."""
    venv.create(path, with_pip=False, symlinks=os.name != "nt")
    return path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def windows_python(folder: Path) -> str:
    """A Python in this folder that takes PlexSync's files through what they do on Windows, see as_windows.py."""
    python = folder / "python as on Windows"
    program = Path(__file__).with_name("as_windows.py")
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}" "$0" "$@"\n')
    python.chmod(0o755)
    return str(python)
