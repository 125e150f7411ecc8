"""Takes `stash_url_for_plex` out of the settings where Plex would get a login page instead of a performer's picture.

Plex fetches these pictures without a key, since it keeps their addresses and shows them to every user. If Stash has a
password, the address is tried once a day, in the same way; another address is tried anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stash.picture_access import find_obstacle

if TYPE_CHECKING:
    import logging

    from local.clock import Clock
    from stash.client import StashClient
    from stash.settings import Settings
    from store.ledger import Ledger

# When to try an address again that could not be reached, or whose server failed; and when any other, since what stands
# in front of Stash may be changed at any time.
RETRY_S, CHECK_AGAIN_S = 3600.0, 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """The last trial of an address. `obstacle`: "" if a picture came; `checked_at`: epoch seconds."""

    url: str
    obstacle: str
    is_certain: bool
    checked_at: float


class PictureAddress:
    """Remembers the trial of the last address in the ledger. Raises LocalStorage."""

    def __init__(self, *, ledger: Ledger, clock: Clock, log: logging.Logger) -> None:
        self._ledger = ledger
        self._clock = clock
        self._log = log

    def without_useless(self, settings: Settings, client: StashClient) -> Settings:
        """The settings of a Stash with a password, without an address that gives Plex no picture.

        Raises StashUnavailable and StashRefused.
        """
        url, known = settings.stash_url_for_plex, self._last_trial()
        if known and known.url != url:
            self._forget()
            known = None
        if not url or "performers" in settings.skip:
            return settings
        if known is None or self._is_stale(known):
            known = self._try(url, client, known)
        return replace(settings, stash_url_for_plex="") if known is None or known.obstacle else settings

    def _is_stale(self, known: _Trial) -> bool:
        kept_s = self._clock.interval(CHECK_AGAIN_S if known.is_certain else RETRY_S)
        return abs(self._clock.now() - known.checked_at) >= kept_s

    def _try(self, url: str, client: StashClient, before: _Trial | None) -> _Trial | None:
        """None if there is no performer yet."""
        performer_id = client.any_performer_id()
        if performer_id is None:
            return None
        found = find_obstacle(url, performer_id)
        trial = _Trial(
            url=url,
            obstacle=found.text if found else "",
            is_certain=found is None or found.is_certain,
            checked_at=self._clock.now(),
        )
        self._store(trial)
        if trial.obstacle and (before is None or before.obstacle != trial.obstacle):
            self._log.warning(
                "pictures of performers are not sent, since Stash has a password and Plex would get no picture from "
                '"Stash address for Plex", %s: %s. Enter an address that serves /performer/1/image without a login, or '
                "none.%s",
                url, trial.obstacle, "" if trial.is_certain else " It is tried again in an hour.",
            )  # fmt: skip
        return trial

    def _last_trial(self) -> _Trial | None:
        with self._ledger.reading() as database:
            row = database.execute("SELECT url, obstacle, is_certain, checked_at FROM picture_address").fetchone()
        return _Trial(url=row[0], obstacle=row[1], is_certain=bool(row[2]), checked_at=row[3]) if row else None

    def _store(self, trial: _Trial) -> None:
        row = (trial.url, trial.obstacle, trial.is_certain, trial.checked_at)
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM picture_address")
            database.execute("INSERT INTO picture_address VALUES (?, ?, ?, ?)", row)

    def _forget(self) -> None:
        with self._ledger.transaction() as database:
            database.execute("DELETE FROM picture_address")
