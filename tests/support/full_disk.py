"""A full disk for one process, without filling a real one."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def full_disk(pid: int = 0, *, most_bytes: int = 0) -> Iterator[None]:
    """Keep this process (0: our own) from writing to files beyond `most_bytes`.

    Uses the limit on file sizes (EFBIG instead of ENOSPC); Python ignores the signal that comes with it.
    """
    limits = resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE)
    resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE, (most_bytes, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE, limits)
