"""Asks Plex to look into the folder of a file that it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plex.errors import PlexError
from plex.paths import is_inside, normal_form, without_tail

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from plex.index import Index
    from plex.model import Section

# One scan finds all that is in the folder; Plex needs minutes for a large one.
SCAN_AGAIN_S = 600.0
# When a scene's own scan was asked for is remembered as long as a job may wait for its file.
_REMEMBER_S = 48 * 3600.0


class ScansFolders(Protocol):
    """What is asked of a PlexClient."""

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102 - see PlexClient

    def scan(self, section: Section, folder: str) -> None: ...  # noqa: D102


class Scans:
    """Scans of single folders, each at most every SCAN_AGAIN_S; remembered in the index."""

    def __init__(self, client: ScansFolders, index: Index, *, clock: Clock, log: logging.Logger) -> None:
        self._client = client
        self._index = index
        self._clock = clock
        self._log = log
        self._scan_again_s = clock.interval(SCAN_AGAIN_S)
        self._remember_s = clock.interval(_REMEMBER_S)

    def ask(self, paths: Sequence[str], *, since: float) -> None:
        """Have the folders of these files scanned, as Plex sees them, by the libraries that they belong to.

        Not where Plex was asked to after `since` (epoch seconds), when the files were there already. What Plex answers
        changes nothing for the files, so an error is only logged.
        """
        for folder in dict.fromkeys(without_tail(path, 1) for path in paths):
            sections = [section for section in self._client.sections() if _belongs(folder, section)]
            if not sections:
                self._log.info("no library of Plex has the folder %s: it cannot be scanned for new files", folder)
            for section in sections:
                self._ask(section, folder, since)

    def _ask(self, section: Section, folder: str, since: float) -> None:
        now, name = self._clock.now(), f"{section.key}:{normal_form(folder)}"
        asked_at = self._index.scan_asked_at(name)
        if asked_at > since or now - asked_at < self._scan_again_s:
            return
        self._index.note_scan(name, now, forget_before=now - self._remember_s)
        try:
            self._client.scan(section, folder)
        except PlexError as error:
            self._log.warning("Plex could not be asked to scan %s: %s", folder, error)
            return
        self._log.info("asked Plex to scan %s in %s", folder, section.title)


def _belongs(folder: str, section: Section) -> bool:
    return any(is_inside(folder, location) for location in section.locations)
