from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.container import is_in_container

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("name", [".dockerenv", "run/.containerenv"])
def test_a_marker_of_docker_or_podman_tells_a_container(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert is_in_container(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0::/docker/3f2a\n", True), ("1:cpu:/kubepods/burst\n", True), ("0::/init.scope\n", False), ("", False)],
)
def test_the_control_group_tells_a_container(tmp_path: Path, text: str, expected: bool) -> None:
    (tmp_path / "proc" / "1").mkdir(parents=True)
    (tmp_path / "proc" / "1" / "cgroup").write_text(text)
    assert is_in_container(str(tmp_path)) is expected


def test_a_system_without_any_of_these_is_no_container(tmp_path: Path) -> None:
    assert not is_in_container(str(tmp_path))
