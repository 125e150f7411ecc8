"""Tells whether this process runs in a container, where `localhost` is not the machine that people mean."""

from __future__ import annotations

import os
import re

_MARKERS = (".dockerenv", os.path.join("run", ".containerenv"))  # of Docker and Podman
_CONTROL_GROUP = re.compile(r"docker|kubepods|containerd|libpod|lxc")


def is_in_container(root: str = os.sep) -> bool:
    """False if nothing says so."""
    if any(os.path.exists(os.path.join(root, name)) for name in _MARKERS):
        return True
    try:
        with open(os.path.join(root, "proc", "1", "cgroup"), encoding="ascii", errors="replace") as file:
            return bool(_CONTROL_GROUP.search(file.read(65_536)))
    except OSError:
        return False
