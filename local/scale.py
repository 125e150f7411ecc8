"""The scale that shortens PlexSync's own intervals, for demonstration and tests. Loaded by fast operations."""

import os


def scale_from_environment() -> float:
    """Read PLEXSYNC_TIME_SCALE; 1 if that is not a positive number."""
    try:
        scale = float(os.environ.get("PLEXSYNC_TIME_SCALE", "1"))
    except ValueError:
        return 1.0
    return scale if 0 < scale < float("inf") else 1.0
