"""A disk that takes nothing more, for one process, without filling a real one."""

from __future__ import annotations

import os
import resource
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def full_disk(pid: int = 0, *, most_bytes: int = 0) -> Iterator[None]:
    """No file of this process (0: our own) grows beyond `most_bytes` or is written there.

    The size limit of files does it (EFBIG in place of ENOSPC); Python ignores the signal that goes with it.
    """
    limits = resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE)
    resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE, (most_bytes, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid or os.getpid(), resource.RLIMIT_FSIZE, limits)
