"""The worker's way to Stash: the newest connection that a hook or task brought, and the settings behind it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from local import inbox
from stash.client import StashClient
from stash.connection import parse_connection
from stash.errors import StashUnavailable
from stash.settings import parse_settings

if TYPE_CHECKING:
    import logging

    from local.redact import Redactor
    from stash.connection import StashConnection
    from stash.settings import Settings


class StashLink:
    """Holds one client of Stash at a time; knows what the user set."""

    def __init__(self, *, log: logging.Logger, redactor: Redactor) -> None:
        self._log = log
        self._redactor = redactor
        self._connection: StashConnection | None = None
        self._content = b""
        self._client: StashClient | None = None
        self._problems: tuple[str, ...] = ()
        self.settings: Settings | None = None  # as last read

    def offer(self, content: bytes) -> bool:
        """Take the connection of an inbox entry; whether it was one."""
        try:
            data = json.loads(content)
            connection = parse_connection(data.get("server_connection") if isinstance(data, dict) else None)
        except (ValueError, RecursionError):
            return False
        self._redactor.add(connection.cookie_value)
        if connection != self._connection:
            self._close_client()
            self._connection, self._content = connection, content
        return True

    @property
    def is_known(self) -> bool:
        """Whether an event has said yet where Stash is."""
        return self._connection is not None

    def leave_connection(self, directory: str) -> None:
        """Put the connection back into the inbox, for a worker that no event starts. Raises OSError."""
        if self._content:
            inbox.publish(directory, inbox.CONNECTION, self._content)

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
        self._redactor.add(configuration.api_key)
        settings, problems = parse_settings(configuration.plugin, os.environ)
        self._redactor.add(settings.plex_token)
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
