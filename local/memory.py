"""Gives memory that is free within this process back to the system."""

from __future__ import annotations

import sys


def give_back_memory() -> None:
    """Give back what the C library keeps for later; only glibc knows how, and elsewhere nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes  # noqa: PLC0415 - Python may have been built without it

        ctypes.CDLL(None).malloc_trim(0)
    except (ImportError, OSError, AttributeError):
        pass  # another C library
