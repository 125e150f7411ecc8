"""Runs through two outages, killed before the n-th replacement of a file.

`python -m tests.support.outage_story <directory> <n>`. The SIGKILL comes from an audit hook, before the system call.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import sys

from local.clock import Clock
from outages.resilience import Resilience
from outages.transitions import ProbeKind, ProbeResult
from tests.support.evidence import OF_A_PUSH, a_suspect

NOW = 1_700_000_000.0
OK, DOWN = ProbeResult(kind=ProbeKind.OK), ProbeResult(kind=ProbeKind.DOWN, text="connection refused")


def live(directory: str) -> None:
    """Two outages: one closed by the trial, one opened by five scenes and closed by the second probe."""
    resilience = Resilience(directory, clock=Clock(), log=logging.getLogger("story"))
    resilience.start(NOW)
    resilience.record_failure(resilience.ticket(), a_suspect(7, NOW + 1), "PlexTimeout: 30 s", NOW + 1)
    resilience.record_outage(resilience.ticket(), "connection refused", NOW + 2)
    resilience.record_probe(resilience.ticket(), DOWN, NOW + 7, jobs_waiting=3)
    resilience.record_probe(resilience.ticket(), OK, NOW + 17, jobs_waiting=4)
    resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + 18, pushed=True)
    resilience.record_success(resilience.ticket(), OF_A_PUSH, NOW + 19, pushed=True)
    resilience.store_counts(NOW + 20)
    for scene_id in range(1, 6):
        suspect = a_suspect(scene_id, NOW + 30 + scene_id)
        resilience.record_failure(resilience.ticket(), suspect, "PlexTimeout: 30 s", NOW + 30 + scene_id)
    resilience.record_probe(resilience.ticket(), OK, NOW + 40, jobs_waiting=9)
    resilience.record_probe(resilience.ticket(), OK, NOW + 41, jobs_waiting=9)


def kill_before_replacing(number: int) -> None:
    """Arm the kill; 0 never kills."""
    seen = itertools.count(1)

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and next(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    kill_before_replacing(int(sys.argv[2]))
    live(sys.argv[1])
