"""Whatever a server answers, the client ends soon, with an error of its own, and its memory stays small.

With PLEXSYNC_TEST_LONG the clients have the timeouts of a user's installation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.hostile import OF_ANY_SERVER, OF_PLEX, OF_STASH
from tests.support.raw_server import RawServer
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hostile import Hostile

IS_LONG = bool(os.environ.get("PLEXSYNC_TEST_LONG"))
SILENCE_S = 30.0 if IS_LONG else 0.3
MAX_MB, MAX_S = 150, 60 if IS_LONG else 20
pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="measures memory through /proc")


class Client:
    """A process that asks; another one, if the last was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def ask(self, **given: Any) -> dict[str, Any]:
        """The outcome of each operation; none if the process did not end them."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, "-m", "tests.support.hostile_client"]
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        process = self._process
        assert process.stdin
        assert process.stdout
        print(json.dumps({"silence_s": SILENCE_S, "only": None, **given}), file=process.stdin, flush=True)
        watch = threading.Timer(MAX_S * len(given), process.kill)
        watch.start()
        outcomes: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
        watch.cancel()
        return outcomes

    def close(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    one = Client()
    yield one
    one.close()


def outcomes_of(hostile: Hostile, client: Client, **given: Any) -> dict[str, Any]:
    hostile.prepare()
    with RawServer(lambda _, connection: hostile.respond(connection, server)) as server:
        found = client.ask(url=server.url, **given)
    assert found, "the client ended"
    for name, outcome in found.items():
        assert outcome["peak_mb"] < MAX_MB, (name, outcome)
        assert outcome["took_s"] < MAX_S, (name, outcome)
        assert len(outcome["error"]) < 1000, (name, outcome)
    return found


@pytest.mark.parametrize("hostile", OF_ANY_SERVER, ids=lambda hostile: hostile.name)
def test_a_plex_that_never_ends_is_no_answer(hostile: Hostile, client: Client) -> None:
    outcomes_of(hostile, client, kind="plex", only=["identity", "probe", "edit"])


@pytest.mark.parametrize("hostile", OF_PLEX, ids=lambda hostile: hostile.name)
def test_a_container_that_swells_is_no_answer(hostile: Hostile, client: Client) -> None:
    outcomes_of(hostile, client, kind="plex")


@pytest.mark.parametrize("hostile", OF_ANY_SERVER, ids=lambda hostile: hostile.name)
def test_a_stash_that_never_ends_is_no_answer(hostile: Hostile, client: Client) -> None:
    outcomes_of(hostile, client, kind="stash", only=["settings", "picture"])


@pytest.mark.parametrize("hostile", OF_STASH, ids=lambda hostile: hostile.name)
def test_data_that_swells_is_no_answer(hostile: Hostile, client: Client) -> None:
    outcomes_of(hostile, client, kind="stash")
