"""Which packages count as installed, and where Python looks for them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from installation.packages import RUNTIME, activate_site, missing_packages
from tests.support.pythons import make_venv

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("options", [["-S"], []], ids=["without site", "with site"])
def test_activate_site_makes_the_packages_of_a_virtual_environment_importable(
    tmp_path: Path, options: list[str]
) -> None:
    python = make_venv(tmp_path / "venv")
    site_packages = next((tmp_path / "venv").glob("**/site-packages"))
    (site_packages / "fake_module.py").write_text("")
    (site_packages / "counts.pth").write_text("import sys; sys.site_ran = getattr(sys, 'site_ran', 0) + 1\n")
    code = (
        "import sys; before = 'site-packages' in str(sys.path); import site; "
        "from installation.packages import activate_site; activate_site(); first = sys.site_ran; activate_site(); "
        "import fake_module; print(before, sys.site_ran - first)"
    )
    result = subprocess.run([python, *options, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == f"{not options} 0\n"


def test_activate_site_does_nothing_if_site_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = list(sys.path)
    activate_site()
    assert sys.path == path


def test_check_finds_the_real_packages_without_importing_them() -> None:
    code = (
        "import sys; from installation.packages import activate_site, missing_packages; activate_site(); "
        "print(missing_packages(), [name for name in sys.modules if name.split('.')[0] in "
        "('plexapi', 'stashapi', 'filelock', 'requests', 'persistqueue', 'certifi', 'idna', 'urllib3')])"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "() []\n"


def test_each_real_package_is_pinned_and_has_the_checked_module() -> None:
    pinned = (ROOT / "requirements.txt").read_text()
    for needed in RUNTIME:
        assert f"\n{needed.package}==" in pinned
        importlib.import_module(needed.module)
    symbols = {
        "plexapi.server": "PlexServer",
        "stashapi.classes": "GQLWrapper",
        "filelock": "FileLock",
        "requests": "Session",
        "persistqueue": "SQLiteAckQueue",
    }
    for module, symbol in symbols.items():
        assert hasattr(importlib.import_module(module), symbol)


@pytest.mark.parametrize(
    ("package", "module", "old", "new"),
    [
        ("requests", "requests/adapters.py", "class HTTPAdapter: ...", "def get_connection_with_tls_context(): ..."),
        ("urllib3", "urllib3/exceptions.py", "class HTTPError: ...", "class NameResolutionError: ..."),
        ("persist-queue", "persistqueue/sqlackqueue.py", "class SQLiteAckQueue: ...", "def update(): ..."),
    ],
)
def test_version_that_is_too_old_counts_as_missing(
    tmp_path: Path, package: str, module: str, old: str, new: str
) -> None:
    """Debian 12 has such versions."""
    needed = [each for each in RUNTIME if each.package == package]
    file = tmp_path / module
    file.parent.mkdir()
    (file.parent / "__init__.py").touch()
    file.write_text(old)
    assert missing_packages(needed, str(tmp_path)) == (package,)
    file.write_text(new)
    assert missing_packages(needed, str(tmp_path)) == ()
