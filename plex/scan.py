"""Asks Plex to scan the folder of a file that it does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from local.clock import is_plausible
from local.hide_paths import as_path
from plex.errors import PlexError
from plex.paths import ancestor, is_inside, normal_form

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

    from local.clock import Clock
    from plex.index import Index
    from plex.model import Section

# One scan finds every file in the folder; a large folder takes Plex minutes.
SCAN_AGAIN_S = 600.0
# Requests are remembered as long as a job may wait for its file, so that each file gets one scan after its event.
_REMEMBER_S = 48 * 3600.0


class ScanClient(Protocol):
    """The methods of PlexClient that are used here."""

    def sections(self) -> tuple[Section, ...]: ...  # noqa: D102 - see PlexClient

    def scan(self, section: Section, folder: str) -> None: ...  # noqa: D102


class Scans:
    """Requests scans of single folders, each at most every SCAN_AGAIN_S. The index remembers the requests."""

    def __init__(self, client: ScanClient, index: Index, *, clock: Clock, log: logging.Logger) -> None:
        self._client = client
        self._index = index
        self._clock = clock
        self._log = log
        self._scan_again_s = clock.interval(SCAN_AGAIN_S)
        self._remember_s = clock.interval(_REMEMBER_S)

    def request(self, paths: Sequence[str], *, since: float) -> None:
        """Have the folders of these files (paths as Plex sees them) scanned by the libraries that contain them.

        A folder whose scan was requested after `since` (epoch seconds), when the files existed already, is not scanned
        again, unless that time lies in the future: the clock was wrong then, or is now. A PlexError is only logged: the
        files are looked up later in any case.
        """
        for folder in dict.fromkeys(ancestor(path, 1) for path in paths):
            sections = [section for section in self._client.sections() if _belongs(folder, section)]
            if not sections:
                text = "no Plex library has the folder %s, so Plex cannot scan it for new files"
                self._log.info(text, as_path(folder))
            for section in sections:
                self._request(section, folder, since)

    def _request(self, section: Section, folder: str, since: float) -> None:
        now, name = self._clock.now(), f"{section.key}:{normal_form(folder)}"
        requested_at = self._index.scan_requested_at(name)
        is_believed = is_plausible(requested_at, now)
        if is_believed and (requested_at > since or now - requested_at < self._scan_again_s):
            return
        self._index.record_scan(name, now, forget_before=now - self._remember_s)
        try:
            self._client.scan(section, folder)
        except PlexError as error:
            self._log.warning("Plex could not be asked to scan %s: %s", as_path(folder), error)
            return
        self._log.info("asked Plex to scan %s in %s", as_path(folder), section.title)


def _belongs(folder: str, section: Section) -> bool:
    return any(is_inside(folder, location) for location in section.locations)
