"""Requests to the simulated Plex, and its answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from sim.plex.accounts import OWNER, Account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.faults import Request

INVALID_TOKEN = 498  # for plex.tv's short-lived tokens; not one of HTTP's statuses
PAGE_START, PAGE_SIZE = "X-Plex-Container-Start", "X-Plex-Container-Size"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexCall:
    """A request with what the log does not keep: the values of headers (names in lower case), the body, the sender."""

    request: Request
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    account: Account = OWNER

    def header_or_query(self, name: str) -> str:
        """An X-Plex-… parameter: Plex accepts these in the query, which takes precedence, and as headers."""
        return self.request.first(name) or self.headers.get(name.lower(), "")

    @property
    def has_page(self) -> bool:
        """Whether the request says which page it wants."""
        return all(self.header_or_query(name).isdigit() for name in (PAGE_START, PAGE_SIZE))

    def page(self, total: int, most: int | None) -> slice:
        """The requested part of `total` items, at most `most` of them."""
        start, size = (self.header_or_query(name) for name in (PAGE_START, PAGE_SIZE))
        first = int(start) if start.isdigit() else 0
        count = int(size) if size.isdigit() else total
        return slice(first, first + (count if most is None else min(count, most)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexAnswer:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml;charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: int) -> PlexAnswer:
    """An error in Plex's form: a page of HTML, even for clients that asked for XML."""
    title = "Invalid Token" if status == INVALID_TOKEN else HTTPStatus(status).phrase
    page = f"<html><head><title>{title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return PlexAnswer(status=status, body=page.encode(), content_type="text/html")


NOT_FOUND = refusal(HTTPStatus.NOT_FOUND)
BAD_REQUEST = refusal(HTTPStatus.BAD_REQUEST)
INTERNAL_ERROR = refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
