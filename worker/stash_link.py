"""The worker's link to Stash: the newest connection that a hook or task passed on, and the settings.

The connection is kept in `stash_connection.json`: a worker that replaces a killed one, or one of an older version, may
start without an event that says where Stash is.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

from installation.copies import copies_in_the_way
from local import data_directory
from local.files import write_atomically
from local.hide_paths import PathHider
from local.log_marks import SAID_OTHERWISE
from stash.client import StashClient
from stash.connection import parse_connection
from stash.errors import PluginDisabled, StashUnavailable
from stash.settings import parse_settings
from store.worker_file import read_worker_report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from local.redact import Redactor
    from outages.notices import Notice
    from push.picture_address import PictureAddress
    from stash.changes import Newest
    from stash.connection import StashConnection
    from stash.settings import Settings


class StashLink:
    """Keeps one client of Stash, for the newest connection, and the settings last read."""

    def __init__(
        self, *, directory: str, picture_address: PictureAddress, log: logging.Logger, redactor: Redactor
    ) -> None:
        self._directory = directory
        self._path = os.path.join(directory, data_directory.STASH_CONNECTION)
        self._picture_address = picture_address
        self._log = log
        self._redactor = redactor
        self._connection: StashConnection | None = None
        self._client: StashClient | None = None
        self.settings_problems: tuple[str, ...] | None = None  # as last read; None: never
        self._copies: tuple[str, ...] | None = None  # looked for once: it takes a look into every plugin's folder
        self.settings: Settings | None = None  # as last read; None: never
        self.newest: Newest | None = None  # what changed last in Stash, as last asked
        self.is_plugin_disabled = False  # as last read
        self._use(_read(self._path))

    def offer(self, content: bytes) -> bool:
        """Use and store the connection in an inbox entry. False if the entry holds none."""
        before = self._connection
        if not self._use(content):
            return False
        if self._connection != before:
            self._store(content)
        return True

    def _use(self, content: bytes) -> bool:
        try:
            data = json.loads(content)
            connection = parse_connection(data.get("server_connection") if isinstance(data, dict) else None)
        except (ValueError, RecursionError):
            return False
        self._redactor.add("cookie", connection.cookie_value)
        if connection != self._connection:
            self.close()
            self._connection, self._client = connection, None
        return True

    def _store(self, content: bytes) -> None:
        try:
            write_atomically(self._path, content, sync=False)
        except OSError:
            pass  # this worker has it in memory, and the next event brings it to the next worker

    @property
    def is_known(self) -> bool:
        """Whether an event has told where Stash is."""
        return self._connection is not None

    def client(self) -> StashClient:
        """The client for the newest connection. Raises StashUnavailable if there is none yet."""
        if self._connection is None:
            raise StashUnavailable("no event has said yet where Stash is")
        if self._client is None:
            self._client = StashClient(self._connection)
        return self._client

    def read_settings(
        self, *, newest_at: float | None = None, before_change: Callable[[], object] = lambda: None
    ) -> Settings:
        """Read the settings from Stash and log each problem once. `newest_at`: the time now, to read `newest` as well.

        `before_change` is called if the settings are new, while the old ones still apply. Disabled is off: there are no
        settings to work with then. Raises StashUnavailable, PluginDisabled among it, StashRefused, and LocalStorage.
        """
        configuration = self.client().fetch_configuration(newest_at=newest_at)
        self.newest = configuration.newest or self.newest
        self.is_plugin_disabled = not configuration.is_enabled
        if self.is_plugin_disabled:
            raise PluginDisabled
        self._redactor.add("api key", configuration.api_key)
        settings, problems = parse_settings(configuration.plugin, os.environ, stash_url=self.client().connection.url)
        self._redactor.add("token", settings.plex_token)
        if self._copies is None:
            plugin_dir = self._connection.plugin_dir if self._connection else ""
            self._copies = copies_in_the_way(plugin_dir, configuration.plugins_path)
        problems = (*problems, *self._copies)
        for problem in problems:
            if problem not in (self.settings_problems or ()):
                self._log.warning("%s", problem, extra=SAID_OTHERWISE)
        self.settings_problems = problems
        if configuration.needs_login:
            settings = self._picture_address.without_useless(settings, self.client())
        if settings != self.settings:
            before_change()
        self.settings = settings
        return settings

    def say(self, notices: Sequence[Notice]) -> None:
        """Have Stash write these to its log, without secrets and hidden paths. Raises what its client raises."""
        hides_paths = self.settings.hide_paths if self.settings else read_worker_report(self._directory).hide_paths
        paths = PathHider(self._directory, is_on=hides_paths)
        self.client().say([(each.level, paths.show(self._redactor.clean(each.text))) for each in notices])

    def last_settings(self) -> Settings:
        """The settings last read, or read now for the first time. Raises what `read_settings` raises."""
        return self.settings or self.read_settings()

    def close(self) -> None:
        """Close the open connections. The client stays: it has the cookie that Stash renewed last."""
        if self._client:
            self._client.close()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def apply_log_settings(log: logging.Logger, settings: Settings) -> None:
    """Set the level and the hiding of paths from the next line on, in every log of this process."""
    log.setLevel(logging.DEBUG if settings.debug_logging else logging.INFO)
    for handler in logging.getLogger().handlers:
        for each in handler.filters:
            if isinstance(each, PathHider):
                each.is_on = settings.hide_paths
