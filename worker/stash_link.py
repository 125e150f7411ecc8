"""The worker's way to Stash: the newest connection that a hook or task brought, and the settings behind it.

The connection is kept in `stash_connection.json`: a worker that takes over from a killed one, or from one of an older
version, is started by no event that says where Stash is.
"""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

from local import data_directory
from local.files import write_atomically
from local.hide_paths import PathHider
from stash.client import StashClient
from stash.connection import parse_connection
from stash.errors import StashUnavailable
from stash.settings import parse_settings

if TYPE_CHECKING:
    from local.redact import Redactor
    from stash.connection import StashConnection
    from stash.settings import Settings

class StashLink:
    """Holds one client of Stash at a time; knows what the user set."""

    def __init__(self, *, directory: str, log: logging.Logger, redactor: Redactor) -> None:
        self._path = os.path.join(directory, data_directory.STASH_CONNECTION)
        self._log = log
        self._redactor = redactor
        self._connection: StashConnection | None = None
        self._client: StashClient | None = None
        self._problems: tuple[str, ...] = ()
        self.settings: Settings | None = None  # as last read
        self._take(_read(self._path))

    def offer(self, content: bytes) -> bool:
        """Take and keep the connection of an inbox entry; whether it was one."""
        before = self._connection
        if not self._take(content):
            return False
        if self._connection != before:
            self._keep(content)
        return True

    def _take(self, content: bytes) -> bool:
        try:
            data = json.loads(content)
            connection = parse_connection(data.get("server_connection") if isinstance(data, dict) else None)
        except (ValueError, RecursionError):
            return False
        self._redactor.add("cookie", connection.cookie_value)
        if connection != self._connection:
            self._close_client()
            self._connection = connection
        return True

    def _keep(self, content: bytes) -> None:
        try:
            write_atomically(self._path, content, sync=False)
        except OSError:
            pass  # this worker knows it; the next event tells the next one

    @property
    def is_known(self) -> bool:
        """Whether an event has said yet where Stash is."""
        return self._connection is not None

    def client(self) -> StashClient:
        """The client of the newest connection. Raises StashUnavailable before any was offered."""
        if self._connection is None:
            raise StashUnavailable("no event has said yet where Stash is")
        if self._client is None:
            self._client = StashClient(self._connection)
        return self._client

    def read_settings(self) -> Settings:
        """Ask Stash for the settings; what is wrong with them is said once. Raises StashUnavailable, StashRefused."""
        configuration = self.client().fetch_configuration()
        self._redactor.add("api key", configuration.api_key)
        settings, problems = parse_settings(configuration.plugin, os.environ)
        self._redactor.add("token", settings.plex_token)
        for problem in problems:
            if problem not in self._problems:
                self._log.warning("%s", problem)
        self._problems = problems
        self.settings = settings
        return settings

    def last_settings(self) -> Settings:
        """The settings as last read; read now when they never were. Raises as `read_settings`."""
        return self.settings or self.read_settings()

    def close(self) -> None:
        """Close the connection."""
        self._close_client()

    def _close_client(self) -> None:
        if self._client:
            self._client.close()
        self._client = None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def obey_log_settings(log: logging.Logger, settings: Settings) -> None:
    """From the next line on, in every log of this process."""
    log.setLevel(logging.DEBUG if settings.debug_logging else logging.INFO)
    for handler in logging.getLogger().handlers:
        for each in handler.filters:
            if isinstance(each, PathHider):
                each.is_on = settings.hide_paths
