"""HTTP to Plex: requests sends, plexapi parses; this module handles status, time-outs, TLS and redirects."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlsplit

import requests
from plexapi.server import PlexServer
from plexapi.utils import parseXMLString
from requests.hooks import dispatch_hook
from requests.structures import CaseInsensitiveDict
from requests.utils import check_header_validity
from urllib3.exceptions import InsecureRequestWarning

from local.clock import Clock, Stopwatch
from network.bounded import ACCEPTED_ENCODINGS, BoundedAdapter
from plex.answer import read_answer
from plex.connection import INSECURE, VERIFY, display_address, validate
from plex.errors import NOT_PLEX, PlexServerError, describe_request, error_for_status, is_refusal
from plex.translate import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from xml.etree.ElementTree import Element

    from plex.connection import PlexConnection

SessionT = TypeVar("SessionT", bound=requests.Session)
Page = tuple[int, int]  # the number of the first item, and how many items at most

# Plex has announced that it will return no more items than this at once, and refuse a listing without a page.
PAGE_ITEMS = 1000
FIRST_PAGE: Page = (0, PAGE_ITEMS)

_REJECTION_CHARACTERS = 200
# A connection that was closed in the meantime fails at once.
_CLOSED_WITHIN_S = 2.0
_SUCCESSES = (200, 201, 204)  # the only ones that plexapi accepts
_MARK_UP = re.compile(r"<[^>]*>")
_WEB_PAGE = re.compile(r"\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)  # it need not be well-formed
_WEB_PAGE_ANSWERED = f"a web page answered: {NOT_PLEX}."


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedWrite:
    """A request that changes something, token included.

    `name`: of the request, for messages. `answers_text`: Plex may answer with a line that is not XML.
    """

    request: requests.PreparedRequest = field(repr=False)
    name: str
    answers_text: bool


class Transport:
    """Requests to one server over one session. `address`: scheme, host and port, for messages.

    Making a transport sends nothing, but raises PlexSetup for an unusable connection. A request raises a PlexError and
    nothing else for what the server or the network does.
    """

    def __init__(self, connection: PlexConnection) -> None:
        self._connection = validate(connection)
        self.address = display_address(self._connection.url)
        self._session = set_up_session(_Session(self._connection.url), self._connection, self._raise_for_status)
        self._server = _Server(self._connection, self._session)
        self._answered = ""  # the date in the last answer

    @property
    def answered_at(self) -> int | None:
        """Plex's own time (epoch seconds) at its last answer, None if the answer gave none."""
        return _epoch_of(self._answered)

    def close(self) -> None:
        """Close the kept-alive connections; the next request opens new ones."""
        self._session.close()

    def read(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        page: Page | None = FIRST_PAGE,
        silence_s: float = float("inf"),
    ) -> Element:
        """GET a MediaContainer. `page`: None only for what has no pages. `silence_s`: less than *Read timeout*."""
        names = ("X-Plex-Container-Start", "X-Plex-Container-Size")
        headers = {} if page is None else dict(zip(names, map(str, page), strict=True))
        answer = self.ask(path, parameters, headers=headers, silence_s=silence_s)
        if answer is None or answer.tag != "MediaContainer":
            raise PlexServerError(
                f"GET {self.address}{path}: the answer is not Plex's: {NOT_PLEX}."
            )
        return answer

    def ask(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        headers: Mapping[str, str] | None = None,
        silence_s: float = float("inf"),
    ) -> Element | None:
        """GET an answer that is XML or empty; return its root, None if it is empty. `silence_s`: as in `read`."""
        query = query_string(parameters)
        request = describe_request("get", self.address, path)
        with translated(request):
            answer: Element | None = self._server.query(  # type: ignore[no-untyped-call]
                f"{path}?{query}" if query else path,
                method=self._session.get,
                headers=headers,
                timeout=(self._connection.connect_timeout_s, min(self._connection.read_timeout_s, silence_s)),
                allow_redirects=False,
            )
            _refuse_web_page(answer, request)
        return answer

    def prepare(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        method: Literal["put", "post"],
        content: bytes = b"",
        answers_text: bool = False,
    ) -> PreparedWrite:
        """A request that changes something, for any transport of the same connection to send."""
        query, name = query_string(parameters), describe_request(method, self.address, path)
        with translated(name, of_write=True):
            request = self._session.prepare_own(
                method,
                f"{path}?{query}" if query else path,
                headers=self._server._headers(),  # noqa: SLF001 - of this module
                content=content,
            )
        return PreparedWrite(request=request, name=name, answers_text=answers_text)

    def send(self, write: PreparedWrite) -> None:
        """Send it. Of the answer, only whether it is Plex's matters."""
        timeout = (self._connection.connect_timeout_s, self._connection.read_timeout_s)
        with translated(write.name, of_write=True):
            text = self._session.send_own(write.request, timeout=timeout).text
            if _WEB_PAGE.match(text):
                raise PlexServerError(f"{write.name}: {_WEB_PAGE_ANSWERED}")
            if not write.answers_text:
                _refuse_web_page(parseXMLString(text), write.name)

    def _raise_for_status(self, response: requests.Response, **_: Any) -> None:
        """Check the status, of reads before plexapi does: it tells three kinds apart and fails on an unknown status."""
        response.encoding = "utf-8"  # requests assumes Latin-1 for text/xml without a charset
        status = response.status_code
        self._answered = response.headers.get("Date", "")
        if status in _SUCCESSES:
            return
        text = _start_of(response, self._connection.token) if is_refusal(status) else ""
        raise error_for_status(
            status,
            describe_request(str(response.request.method), self.address, urlsplit(response.url).path),
            is_read=response.request.method == "GET",
            text=text,
            retry_after=response.headers.get("Retry-After"),
            date=response.headers.get("Date"),
        )


class _Server(PlexServer):
    """plexapi's server, but it sends no request when made and ignores plexapi's configuration file and environment."""

    def __init__(self, connection: PlexConnection, session: requests.Session) -> None:
        """Deliberately does not call the base class, which sends a request and reads plexapi's configuration."""
        self._baseurl = connection.url
        self._token = connection.token
        self._showSecrets = False  # plexapi would put the token into URLs
        self._session = session
        self._timeout = (connection.connect_timeout_s, connection.read_timeout_s)
        self._identifier = connection.client_identifier

    def _headers(self, **kwargs: str) -> dict[str, str]:
        return {
            "Accept": "application/xml",
            "X-Plex-Token": self._token,
            "X-Plex-Product": "PlexSync",
            "X-Plex-Device-Name": "PlexSync",
            "X-Plex-Client-Identifier": self._identifier,
            **kwargs,
        }


class _Session(requests.Session):
    """For one server. What all requests have in common is prepared once: requests takes longer for that than to send.

    It follows no redirect and keeps no cookie.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._common: requests.PreparedRequest | None = None

    def request(self, method: str, url: str, **how: Any) -> requests.Response:  # type: ignore[override]
        """Send a request without content, for plexapi."""
        target, headers, timeout = url.removeprefix(self._url), how["headers"], how["timeout"]
        return self.send_own(self.prepare_own(method, target, headers=headers), timeout=timeout)

    def prepare_own(
        self, method: str, target: str, *, headers: Mapping[str, str], content: bytes = b""
    ) -> requests.PreparedRequest:
        """`target`: a path of the server and its query, which is escaped already."""
        if self._common is None:  # not before the first request, lest an address that is none goes unnoticed
            self._common = self.prepare_request(requests.Request("GET", self._url))
        common, request = self._common, requests.PreparedRequest()
        request.method, request.body = method.upper(), content or None
        request.url = f"{str(common.url).rstrip('/')}{target}"
        request.headers = CaseInsensitiveDict({**common.headers, **headers})
        if request.method != "GET":
            request.headers["Content-Length"] = str(len(content))
        for header in request.headers.items():
            check_header_validity(header)
        return request

    def send_own(self, request: requests.PreparedRequest, *, timeout: tuple[float, float]) -> requests.Response:
        """Send what this session prepared, or another one of the same connection."""
        response = self.get_adapter(str(request.url)).send(request, timeout=timeout, verify=self.verify, proxies={})
        looked_at: requests.Response = dispatch_hook("response", self.hooks, response)
        return looked_at


class _OnceMore(BoundedAdapter):
    """Reads each answer, and repeats a GET once if the server had closed its kept-alive connection in the meantime.

    Such a failure says nothing about Plex's health, yet the first edit after a quiet time, which begins with a read,
    would have to wait for a back-off. A failure on a new connection, as in an outage, is not repeated, nor is a request
    that changes Plex.
    """

    def send(self, request: requests.PreparedRequest, *rest: Any, **how: Any) -> requests.Response:
        response = self._send(request, *rest, **{**how, "stream": True})
        read_answer(response)
        return response

    def _send(self, request: requests.PreparedRequest, *rest: Any, **how: Any) -> requests.Response:
        if request.method != "GET":
            return super().send(request, *rest, **how)
        pool = self.get_connection_with_tls_context(request, how["verify"], how["proxies"], how.get("cert"))
        opened, took = pool.num_connections, Stopwatch(Clock())
        took.start()
        try:
            return super().send(request, *rest, **how)
        except requests.ConnectionError:
            was_kept = 0 < opened == pool.num_connections and took.passed_s < _CLOSED_WITHIN_S
            if not was_kept:
                raise
        return super().send(request, *rest, **how)


def set_up_session(session: SessionT, connection: PlexConnection, look_at: Callable[..., None]) -> SessionT:
    """Set the session up for this server alone, and return it. `look_at` sees each answer first, and may raise."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, _OnceMore())
    session.trust_env = False  # no proxy may see the token, no ~/.netrc may replace it
    session.headers["User-Agent"] = "PlexSync"
    session.headers["Accept-Encoding"] = ACCEPTED_ENCODINGS
    session.hooks["response"].append(look_at)
    if connection.tls == INSECURE:
        session.verify = False
        warnings.simplefilter("ignore", InsecureRequestWarning)  # the user chose it, and stderr is Stash's log
    elif connection.tls != VERIFY:
        session.verify = connection.tls
    return session


def _refuse_web_page(root: Element | None, request: str) -> None:
    if root is not None and root.tag.rpartition("}")[2].lower() == "html":
        raise PlexServerError(f"{request}: {_WEB_PAGE_ANSWERED}")


def query_string(parameters: Iterable[tuple[str, str]]) -> str:
    """Formatted as by python-plexapi (utils.joinArgs): names unchanged, in values every reserved character escaped."""
    return "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in parameters)


def _start_of(response: requests.Response, secret: str) -> str:
    """The beginning of an error page as plain text. It may quote the request, so the token is masked."""
    try:
        text = _MARK_UP.sub(" ", response.text.replace(secret, "***"))
    except requests.RequestException:
        return ""  # the status says enough
    return " ".join(text.split())[:_REJECTION_CHARACTERS]


def _epoch_of(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError, OverflowError):  # no valid date: Python 3.10 raises TypeError
        return None
