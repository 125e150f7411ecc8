from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from plex.find import Finder
from plex.index import Index
from tests.support.clocks import SetClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.plex_library import Library

    MakeFinder = Callable[..., Finder]

LOG = logging.getLogger("test")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def make(tmp_path: Path, clock: SetClock) -> Iterator[MakeFinder]:
    indexes: list[Index] = []

    def made(library: Library, *rules: tuple[str, str], **options: Any) -> Finder:
        indexes.append(Index(str(tmp_path), "one server"))
        return Finder(library, indexes[-1], clock=clock, log=LOG, rules=rules, **options)

    yield made
    for index in indexes:
        index.close()
