"""Worlds for tests that start the real script."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest

from sim.plex_tv.simulator import PlexTvSim
from tests.support.plugin_world import PluginWorld

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


class MakeWorld(Protocol):
    """Makes another world; it ends with the test."""

    def __call__(
        self,
        *,
        time_scale: float = ...,
        plugin: Path = ...,
        python: str = ...,
        env: Mapping[str, str] | None = ...,
        directory: Path | None = ...,
    ) -> PluginWorld: ...


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    if not os.path.exists("/proc/locks"):
        pytest.skip("needs Linux's /proc to see who the worker is")
    with ExitStack() as worlds:

        def make(**how: object) -> PluginWorld:
            folder = tmp_path / f"world {len(os.listdir(tmp_path))}"
            folder.mkdir()
            return worlds.enter_context(PluginWorld(folder, **how))  # type: ignore[arg-type] # see MakeWorld

        yield make


@pytest.fixture
def world(make_world: MakeWorld) -> PluginWorld:
    return make_world()


@pytest.fixture
def plex_tv() -> Iterator[PlexTvSim]:
    with PlexTvSim() as sim:
        yield sim
