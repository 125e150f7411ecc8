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

NOW = 1_700_000_000.0
OK, DOWN = ProbeResult(kind=ProbeKind.OK), ProbeResult(kind=ProbeKind.DOWN, text="connection refused")


def live(directory: str) -> None:
    """Two outages: one closed by the trial, one opened by five scenes and closed by the second probe."""
    resilience = Resilience(directory, clock=Clock(), log=logging.getLogger("story"))
    resilience.start(NOW)
    resilience.record_own_failure(resilience.ticket(), 7, "PlexTimeout", "30 s", NOW + 1)
    resilience.record_outage(resilience.ticket(), "connection refused", NOW + 2)
    resilience.record_probe(resilience.ticket(), DOWN, NOW + 7, jobs_waiting=3)
    resilience.record_probe(resilience.ticket(), OK, NOW + 17, jobs_waiting=4)
    resilience.record_success(resilience.ticket(), NOW + 18)
    resilience.record_success(resilience.ticket(), NOW + 19)
    resilience.store_counts(NOW + 20)
    for scene_id in range(1, 6):
        resilience.record_own_failure(resilience.ticket(), scene_id, "PlexTimeout", "30 s", NOW + 30 + scene_id)
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
