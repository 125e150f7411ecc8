"""Access to the simulated Stash: user name and password, API key, session cookies. Without a user name it is open."""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_SESSION_AGE_S = 3600.0
COOKIE_NAME = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`visited` counts, by plugin and hook, what has already run on the way to this request; it ends loops of hooks."""

    user: str
    visited: Mapping[str, int] = field(default_factory=dict)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The sender of a request. `is_welcome`: False for wrong or missing credentials. `by`: key, cookie or nothing."""

    is_welcome: bool
    user: str = ""
    by: str = "nothing"
    visited: Mapping[str, int] = field(default_factory=dict)


class Access:
    """The credentials, and the sessions issued under them."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.username = self.password = self.api_key = ""
        self.max_session_age_s = MAX_SESSION_AGE_S
        self._now = now
        self._key = secrets.token_bytes()
        self._sessions: dict[str, Session] = {}

    def log_in(self, username: str, password: str) -> str | None:
        """Return a new session cookie; None for wrong credentials."""
        is_right = (username, password) == (self.username, self.password)
        return self.new_session(username, {}) if is_right else None

    def new_session(self, user: str, visited: Mapping[str, int], *, second: int | None = None) -> str:
        """Return a session cookie. An open Stash also gives one to plugins, for no user.

        Stash signs the session and the second of signing: a new cookie each second, not one for each request.
        """
        now = self._now()
        value = self._signed(int(now) if second is None else second, user, sorted(visited.items()))
        self._sessions = {cookie: each for cookie, each in self._sessions.items() if each.expires_at > now}
        self._sessions[value] = Session(user=user, visited=visited, expires_at=now + self.max_session_age_s)
        return value

    def _signed(self, *content: object) -> str:
        text = repr(content).encode()
        signature = hmac.digest(self._key, text, "sha512")
        return base64.urlsafe_b64encode(text + b"|" + signature).decode()

    def expire_sessions(self) -> None:
        """Invalidate every cookie issued so far."""
        self._sessions.clear()
        self._key = secrets.token_bytes()

    def visitor(self, api_key: str, cookie: str) -> Visitor:
        """Identify the sender of a request. Even an open Stash refuses a wrong API key."""
        if api_key:
            is_right = bool(self.api_key) and secrets.compare_digest(api_key.encode(), self.api_key.encode())
            return Visitor(is_welcome=is_right, user=self.username if is_right else "", by="key")
        session = self._sessions.get(cookie)
        if session is None or session.expires_at <= self._now():
            return Visitor(is_welcome=not self.username)
        is_user = bool(self.username) and session.user == self.username
        return Visitor(
            is_welcome=is_user or not self.username, user=session.user, by="cookie", visited=session.visited
        )
