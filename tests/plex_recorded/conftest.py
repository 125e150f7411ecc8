"""Tests against recorded answers of real Plex servers; skipped unless `PLEXSYNC_TEST_RECORDED` names their folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.recorded_plex import NO_RECORDINGS, RecordedPlex, recorded_servers

if TYPE_CHECKING:
    from collections.abc import Iterator


SERVERS = [pytest.param(name) for name in recorded_servers()] or [pytest.param("", marks=NO_RECORDINGS)]


@pytest.fixture(params=SERVERS)
def recorded(request: pytest.FixtureRequest) -> Iterator[RecordedPlex]:
    """Each recorded server in turn. It refuses edits unless a test sets `takes_edits`."""
    with RecordedPlex(request.param, recorded_servers()[request.param]) as server:
        yield server
