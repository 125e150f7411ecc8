"""A finder for tasks that ask Plex themselves, beside the worker: what it sees goes into an index of its own."""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from plex.find import Finder
from plex.index import Index
from store.overview import Overview

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plex.client import PlexClient
    from stash.settings import Settings
    from tasks.context import Context


@contextmanager
def temporary_finder(context: Context, plex: PlexClient, settings: Settings) -> Iterator[Finder]:
    """It begins with the path rules that are in use. The index is removed with it."""
    with TemporaryDirectory(prefix="plexsync-look-") as folder:
        index = Index(folder, "")
        try:
            index.store_rules(Overview(context.directory).inferred_rules())
            rules = [(rule.stash, rule.plex) for rule in settings.path_map]
            yield Finder(
                plex, index, clock=context.clock, log=context.log, rules=rules, allow_ambiguous=settings.allow_ambiguous
            )
        finally:
            index.close()
