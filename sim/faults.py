"""Faults between a client and a simulated server; tests switch them on and off while it runs.

A `Fault` says what happens to one request, a `FaultRule` which requests it hits and how often; the `FaultPlan` holds
the rules of one server. Nothing here knows Plex or Stash.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The page of a reverse proxy or a captive portal in front of a server: status 200, but not the server's answer.
PROXY_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1></body></html>"

# Plex Media Server's answer while it migrates its database or starts its plug-ins.
MAINTENANCE_ANSWER = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<Response code="503" title="Maintenance" '
    b'status="Plex Media Server is currently running startup maintenance tasks."/>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as the server saw it.

    `path` is percent-decoded and without the query, `query` is decoded and in the order sent, `headers` are the names
    in lower case (values may be secrets), `line_bytes` is the length of the request line as sent, `at` the arrival in
    epoch seconds, `status` is None before the answer and when the answer was lost.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: frozenset[str] = frozenset()
    line_bytes: int = 0
    body_bytes: int = 0
    at: float = 0.0
    status: int | None = None

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    @property
    def rating_keys(self) -> frozenset[int]:
        """The items that a Plex request is about, from `/library/metadata/1,2`, `id=1,2` or `key=1`."""
        in_path = re.match(r"/library/metadata/([\d,]+)", self.path)
        texts = [in_path[1] if in_path else "", self.first("id"), self.first("key")]
        return frozenset(int(part) for text in texts for part in text.split(",") if part.isascii() and part.isdigit())


def is_write(request: Request) -> bool:
    """Whether the method says that the request changes something; for faults that hit writes only."""
    return request.method in {"PUT", "POST", "DELETE"}


def is_read(request: Request) -> bool:
    """Whether the method says that the request only reads; for faults that hit reads only."""
    return not is_write(request)


class FaultKind(Enum):
    """The ways in which a request can fail."""

    REFUSED = "refused"
    HANG = "hang"
    SLOW = "slow"
    ANSWER = "answer"
    DROPPED = "dropped"
    TRUNCATED = "truncated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to a request. With `after`, the request takes effect and only its answer is lost or replaced, so the
    client cannot know that the edit was made.
    """

    kind: FaultKind
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/html"
    body: bytes = b""
    delay_s: float = 0.0
    after: bool = False
    spares: frozenset[str] = frozenset()

    @classmethod
    def refused(cls) -> Fault:
        """Nothing listens at the port and open connections are cut, as when the server is switched off."""
        return cls(kind=FaultKind.REFUSED)

    @classmethod
    def hang(cls, *, after: bool = False) -> Fault:
        """The connection is accepted and the request read; no answer comes until the fault is healed."""
        return cls(kind=FaultKind.HANG, after=after)

    @classmethod
    def slow(cls, delay_s: float, *, after: bool = False) -> Fault:
        """The right answer, `delay_s` late. Without `after` the effect is late too, even if the client has gone."""
        return cls(kind=FaultKind.SLOW, delay_s=delay_s, after=after)

    @classmethod
    def dropped(cls, *, after: bool = False) -> Fault:
        """The connection is closed instead of answered."""
        return cls(kind=FaultKind.DROPPED, after=after)

    @classmethod
    def truncated(cls) -> Fault:
        """The full length of the answer is announced and half of it sent; the request has taken effect."""
        return cls(kind=FaultKind.TRUNCATED, after=True)

    @classmethod
    def answer(cls, status: int, *, body: bytes | None = None, after: bool = False) -> Fault:
        """This HTTP status with an HTML body, as Plex and proxies send their errors."""
        page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>".encode()
        return cls(kind=FaultKind.ANSWER, status=status, body=page if body is None else body, after=after)

    @classmethod
    def starting(cls, *, identity: bool = True) -> Fault:
        """503 for everything. A starting Plex answers `/identity` long before the rest, unless `identity` is False."""
        return cls(
            kind=FaultKind.ANSWER,
            status=503,
            content_type="application/xml",
            body=MAINTENANCE_ANSWER,
            spares=frozenset({"/identity"}) if identity else frozenset(),
        )

    @classmethod
    def unauthorized(cls) -> Fault:
        """401: the token is rejected."""
        return cls.answer(401)

    @classmethod
    def forbidden(cls) -> Fault:
        """403: the token is valid but may not do this."""
        return cls.answer(403)

    @classmethod
    def busy(cls, retry_after: str | None = None) -> Fault:
        """429. `retry_after`: the value of the Retry-After header, seconds or an HTTP date."""
        headers = () if retry_after is None else (("Retry-After", retry_after),)
        return replace(cls.answer(429), headers=headers)

    @classmethod
    def html(cls, *, after: bool = False) -> Fault:
        """A proxy's HTML page with status 200 instead of the answer."""
        return cls(kind=FaultKind.ANSWER, status=200, body=PROXY_PAGE, after=after)

    @classmethod
    def redirect(cls, location: str, *, status: int = 302) -> Fault:
        """A redirect to another address; a client that follows it sends its token there."""
        return cls(kind=FaultKind.ANSWER, status=status, headers=(("Location", location),))


@dataclass(slots=True, kw_only=True, eq=False)
class FaultRule:
    """A fault, the requests that it hits, and how many more it may hit (None: no limit)."""

    fault: Fault
    when: Callable[[Request], bool]
    left: int | None
    hits: int = 0

    def matches(self, request: Request) -> bool:
        """Whether the rule applies to this request; does not count it."""
        return self.left != 0 and request.path not in self.fault.spares and self.when(request)

    def count(self) -> None:
        """Count one request as hit."""
        self.hits += 1
        if self.left is not None:
            self.left -= 1


@dataclass(slots=True, kw_only=True, eq=False)
class _Hold:
    """One request that waits."""

    rule: FaultRule | None
    over: threading.Event = field(default_factory=threading.Event)


class FaultPlan:
    """The rules in force; the first match applies. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[FaultRule] = []
        self._held: list[_Hold] = []
        self._is_cut = False

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force, after the existing ones."""
        with self._lock:
            self._rules.append(rule)

    def take(self, request: Request) -> FaultRule | None:
        """Return and count the rule that hits this request; None if no rule does."""
        with self._lock:
            rule = next((rule for rule in self._rules if rule.matches(request)), None)
            if rule is not None:
                rule.count()
            return rule

    def heal(self, rule: FaultRule | None = None) -> None:
        """End one rule, or all of them, and release the requests that hang in it."""
        with self._lock:
            healed = [each for each in self._rules if rule is None or each is rule]
            self._rules = [each for each in self._rules if each not in healed]
            for hold in self._held:
                if hold.rule in healed:
                    hold.over.set()

    def hold(self, rule: FaultRule | None, timeout_s: float | None) -> bool:
        """Wait for this long (None: without limit) or until the rule is healed. False: the server has closed its
        connections meanwhile, so nobody waits for an answer.
        """
        hold = _Hold(rule=rule)
        with self._lock:
            if self._is_cut or (rule is not None and rule not in self._rules):
                return not self._is_cut
            self._held.append(hold)
        hold.over.wait(timeout_s)
        with self._lock:
            self._held.remove(hold)
            return not self._is_cut

    def cut(self) -> None:
        """Release everything that is held and hold nothing more until `uncut`: the server closes its connections."""
        with self._lock:
            self._is_cut = True
            for hold in self._held:
                hold.over.set()

    def uncut(self) -> None:
        """Hold requests again: the server is back."""
        with self._lock:
            self._is_cut = False


class RequestLog:
    """All requests since the start or the last `clear`, in order of arrival. Safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._requests: dict[int, Request] = {}
        self._next_number = 0

    def arrived(self, request: Request) -> int:
        """Record a request; returns its number for `answered`."""
        with self._changed:
            self._next_number += 1
            self._requests[self._next_number] = request
            self._changed.notify_all()
            return self._next_number

    def answered(self, number: int, status: int) -> None:
        """Record the status of an answer, unless the log has been cleared meanwhile."""
        with self._changed:
            if number in self._requests:
                self._requests[number] = replace(self._requests[number], status=status)
                self._changed.notify_all()

    def clear(self) -> None:
        """Drop all requests recorded so far."""
        with self._changed:
            self._requests.clear()

    def wait_for(self, condition: Callable[[list[Request]], bool], timeout_s: float) -> bool:
        """Wait until the log satisfies the condition; False on timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(list(self._requests.values())), timeout_s)

    def __iter__(self) -> Iterator[Request]:
        with self._changed:
            return iter(list(self._requests.values()))
