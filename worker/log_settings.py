"""Which settings the worker's log obeys: `debug_logging` and `hide_paths`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from local.hide_paths import PathHider

if TYPE_CHECKING:
    from stash.settings import Settings


def obey_log_settings(log: logging.Logger, settings: Settings) -> None:
    """From the next line on, in every log of this process."""
    log.setLevel(logging.DEBUG if settings.debug_logging else logging.INFO)
    for handler in logging.getLogger().handlers:
        for each in handler.filters:
            if isinstance(each, PathHider):
                each.is_on = settings.hide_paths
