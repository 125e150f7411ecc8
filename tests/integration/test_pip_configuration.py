"""The private installation works under any configuration of pip, or the message names what prevents it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installation import pip
from tests.support.wheels import make_wheel

NOWHERE = "/nowhere/at/all"


@pytest.fixture
def requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A requirements file; its packages lie beside it, and pip reads `pip.conf` there."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    path = tmp_path / "requirements.txt"
    path.write_text(make_wheel(wheels, "fake_plex", {"fake_plex/__init__.py": ""}))
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return path


def configure(requirements: Path, *lines: str) -> None:
    text = "\n".join(lines)
    (requirements.parent / "pip.conf").write_text(f"[global]\n{text}\n[install]\n{text}\n")


@pytest.mark.parametrize(
    "setting",
    [f"prefix = {NOWHERE}", f"root = {NOWHERE}", f"target = {NOWHERE}", "user = true", "require-virtualenv = true",
     f"constraint = {NOWHERE}", "dry-run = true", "no-binary = :all:", "no-index = true"],
)  # fmt: skip
def test_no_setting_of_pip_leads_elsewhere(requirements: Path, setting: str) -> None:
    configure(requirements, setting, f"find-links = {requirements.parent / 'wheels'}")
    folder = requirements.parent / "data" / "tag"
    pip.install(str(requirements), str(folder))
    assert (folder / "fake_plex" / "__init__.py").exists()
    assert not Path(NOWHERE).exists()


def test_settings_that_forbid_the_index_are_named_as_the_cause(requirements: Path) -> None:
    configure(requirements, "no-index = true")
    with pytest.raises(pip.InstallFailed, match="pip's settings forbid the package index") as caught:
        pip.install(str(requirements), str(requirements.parent / "data" / "tag"))
    assert "\n" not in str(caught.value)
