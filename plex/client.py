"""Talk to one Plex server. plexapi sends and parses; status, time-outs, TLS and what may follow a redirect are ours.

Every method raises a PlexError and nothing else for what the server or the network does.
"""

from __future__ import annotations

import re
import unicodedata
from email.utils import parsedate_to_datetime
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import requests
from plexapi.server import PlexServer

from plex.connection import checked, shown_address
from plex.errors import PlexServerError, PlexSetup, Rejected, error_for_status, is_refusal, named_request
from plex.model import (
    Identity,
    LeanItem,
    Pictures,
    PlexItem,
    Section,
    parse_items,
    parse_lean_items,
    parse_pictures,
    parse_sections,
)
from plex.paths import base_name
from plex.sections import choose_sections, words_for_missing
from plex.translate import translated
from plex.transport import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from xml.etree.ElementTree import Element

    from plex.connection import PlexConnection
    from plex.model import PictureKind

_MOVIE_TYPE = ("type", "1")
# Keys of 7 digits: 100 of them stay far below any limit of a request line, and a whole item is some 10 to 50 kB.
_KEYS_PER_READ = 100
# More candidates than this for one file name: the filter was not applied, or the name tells nothing.
_MOST_CANDIDATES = 200
# nginx and Apache refuse request lines over 8 KiB unless told otherwise; Plex itself takes more.
_REQUEST_LINE_BYTES = 8_000
_REJECTION_CHARACTERS = 200
_SUCCESSES = (200, 201, 204)  # those that plexapi knows
_OPERATORS = "=<>! "  # with blanks between them
_MARK_UP = re.compile(r"<[^>]*>")
_WEB_PAGE = re.compile(r"\s*<(?:!doctype\s+)?html\b", re.IGNORECASE)
_FIELD_END = re.compile(r"[.\[]")
_updated_at, _added_at = attrgetter("updated_at"), attrgetter("added_at")
# python-plexapi's names for what a listing may leave out (base.py, PlexPartialObject._EXCLUDES).
_LEAN = (
    _MOVIE_TYPE,
    (
        "excludeElements",
        "Genre,Country,Guid,Rating,Collection,Director,Writer,Role,Producer,Similar,Style,Mood,Format,Image",
    ),
    ("excludeFields", "summary,tagline"),
)


class _Server(PlexServer):
    """plexapi's server without its first query, and without what its configuration file or environment says."""

    def __init__(self, connection: PlexConnection, session: requests.Session) -> None:
        """Deliberately not calling the base class: it asks the server, and plexapi's own configuration."""
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


class PlexClient:
    """One server, one session, one thread at a time.

    Making it asks nothing; it raises PlexSetup when the connection cannot be one.
    """

    def __init__(self, connection: PlexConnection) -> None:
        self._connection = checked(connection)
        self._address = shown_address(self._connection.url)
        self._session = open_session(self._connection, self._raise_for_status)
        self._server = _Server(self._connection, self._session)
        self._sections: tuple[Section, ...] | None = None
        self.answered_at: int | None = None  # Plex's own time (epoch seconds) at its last answer, when it tells it

    def identity(self) -> Identity:
        """Who answers. Needs neither token nor database: a server that is still starting answers too."""
        container = self._read("/identity")
        return Identity(
            version=container.get("version", ""), machine_identifier=container.get("machineIdentifier", "")
        )

    def all_sections(self) -> tuple[Section, ...]:
        """All libraries of all types, asked anew."""
        return parse_sections(self._read("/library/sections"))

    def sections(self) -> tuple[Section, ...]:
        """The configured movie libraries, asked once. Raises PlexSetup when one does not exist."""
        if self._sections is None:
            found = self.all_sections()
            chosen, missing = choose_sections(found, self._connection.libraries)
            if missing or not chosen:
                raise PlexSetup(words_for_missing(found, missing))
            self._sections = chosen
        return self._sections

    def probe_database(self, section: Section) -> None:
        """A listing of nothing: it fails while the database is not open or the token not accepted."""
        self._read(f"/library/sections/{section.key}/all", (_MOVIE_TYPE,), page=(0, 0))

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None:
        """Candidates whose file may be called so: compare their parts.

        None when the server's filter does not narrow the section down, or refuses: sweep instead.
        """
        return self._filtered(section, filter_text(file_name))

    def find_by_path(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        """As `find_by_name`, for a name that many files share: candidates with this text in their path, as spelled."""
        *_, last = stretches = [stretch.lstrip(_OPERATORS).rstrip() for stretch in text.split(",")]
        return self._filtered(section, last if "/" in last or "\\" in last else max(stretches, key=len))

    def _filtered(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        if not text:
            return None
        try:
            container = self._list(section, (("file", text),), (0, _MOST_CANDIDATES))
        except (Rejected, PlexServerError):
            return None  # some servers and library types answer 400 or 500; if it is the server, the sweep will tell
        items = parse_lean_items(container, section.key)
        return items if max(_total(container) or 0, len(items)) <= _MOST_CANDIDATES else None

    def sweep(self, section: Section, *, page_size: int = 1000, since: int | None = None) -> Iterator[LeanItem]:
        """All items of a section, page by page; with `since` (epoch seconds) those updated or added then or later.

        An item may be missed when others are deleted meanwhile: absence from a sweep proves nothing.
        """
        if since is None:
            for page in self._pages(section, "addedAt:asc", page_size):
                yield from page
            return
        seen = set[int]()
        # Sorted, not filtered: the filters' operators differ between servers. What was never refreshed has no
        # updatedAt, hence the second order.
        for order, changed_at in (("updatedAt:desc", _updated_at), ("addedAt:desc", _added_at)):
            times, is_sorted = list[int](), True
            for page in self._pages(section, order, page_size):
                new = [item for item in page if changed_at(item) >= since and item.rating_key not in seen]
                seen.update(item.rating_key for item in new)
                yield from new
                times = [*times[-1:], *(changed_at(item) for item in page)]
                is_sorted = is_sorted and times == sorted(times, reverse=True)
                if is_sorted and times[-1:] < [since]:
                    break  # the order was understood, so all that follows is older

    def _pages(self, section: Section, order: str, page_size: int) -> Iterator[tuple[LeanItem, ...]]:
        start, first_total = 0, None
        while True:
            container = self._list(section, (("sort", order),), (start, page_size))
            yield parse_lean_items(container, section.key)
            start += len(container)
            total = _total(container)
            first_total = total if first_total is None else first_total
            announced = total if total is not None else first_total or 0
            if not len(container) and (start < announced or announced < (first_total or 0) // 2):
                # Not even a person deletes so much meanwhile; what is not listed must not count as missing.
                raise PlexServerError(
                    f"{self._address}: the listing of {section.title} ends after {start} of {first_total} items"
                )
            # Without a total, a page that is not exactly full was the last, or the server knows no pages.
            if not len(container) or (start >= total if total is not None else len(container) != page_size):
                return

    def _list(self, section: Section, parameters: tuple[tuple[str, str], ...], page: tuple[int, int]) -> Element:
        return self._read(f"/library/sections/{section.key}/all", (*_LEAN, *parameters), page=page)

    def read_items(self, rating_keys: Sequence[int], *, at_once: int = _KEYS_PER_READ) -> dict[int, PlexItem]:
        """Whole items by rating key, `at_once` of them a request; those that Plex no longer has are absent."""
        items: dict[int, PlexItem] = {}
        for first in range(0, len(rating_keys), at_once):
            items |= self._read_some(rating_keys[first : first + at_once])
        return items

    def scan(self, section: Section, folder: str) -> None:
        """Start a scan of one folder of the section; Plex answers before it has looked."""
        self._ask(f"/library/sections/{section.key}/refresh", (("path", folder),), method=self._session.get)

    def edit(self, item: PlexItem, parameters: Sequence[tuple[str, str]]) -> None:
        """Send the parameters of a plan in one PUT, or as few as a proxy's limit of the request line allows.

        A field is never divided, so each PUT leaves the item as the plan wants it, as far as it goes.
        """
        head = (_MOVIE_TYPE, ("id", str(item.rating_key)))
        path = f"/library/sections/{item.section_key}/all"
        room = _REQUEST_LINE_BYTES - len(f"PUT {path}?{_query((*head, ('', '')))} HTTP/1.1")
        for part in divide(parameters, room):
            self._ask(path, (*head, *part), method=self._session.put)

    def rate(self, rating_key: int, rating: str) -> None:
        """Set the rating of the token's user, 0 to 10; "" removes it."""
        parameters = (
            ("key", str(rating_key)),
            ("identifier", "com.plexapp.plugins.library"),
            ("rating", rating or "-1"),
        )
        self._ask("/:/rate", parameters, method=self._session.put)

    def list_pictures(self, rating_key: int, kind: PictureKind) -> Pictures:
        """What there is to choose from. Raises Rejected (404) for an item that is gone."""
        return parse_pictures(self._read(f"/library/metadata/{rating_key}/{kind}"))

    def upload_picture(self, rating_key: int, kind: PictureKind, content: bytes) -> None:
        """Add a picture, show it and lock it. Plex compares no bytes and deletes no upload, so list them first."""
        self._send(f"/library/metadata/{rating_key}/{kind}", method=self._session.post, content=content)

    def select_picture(self, rating_key: int, kind: PictureKind, key: str) -> None:
        """Show one of the item's pictures, and lock it."""
        name = kind.removesuffix("s")  # as python-plexapi selects: BaseResource.select
        self._send(f"/library/metadata/{rating_key}/{name}", (("url", key),), method=self._session.put)

    def close(self) -> None:
        """Close the kept connections; the client may be used again."""
        self._session.close()

    def _read_some(self, rating_keys: Sequence[int]) -> dict[int, PlexItem]:
        path = f"/library/metadata/{','.join(map(str, rating_keys))}"
        try:
            container = self._read(path)
        except Rejected as error:
            if error.status != requests.codes.not_found:
                raise
            if len(rating_keys) == 1:
                return {}
            # One is gone, or all of them: only single answers say which.
            return dict(found for key in rating_keys for found in self._read_some([key]).items())
        return {item.rating_key: item for item in parse_items(container)}

    def _read(
        self, path: str, parameters: Iterable[tuple[str, str]] = (), *, page: tuple[int, int] | None = None
    ) -> Element:
        """A MediaContainer. `page`: (start, size), None for all."""
        names = ("X-Plex-Container-Start", "X-Plex-Container-Size")
        headers = {} if page is None else dict(zip(names, map(str, page), strict=True))
        answer = self._ask(path, parameters, method=self._session.get, headers=headers)
        if answer is None or answer.tag != "MediaContainer":
            raise PlexServerError(
                f"GET {self._address}{path}: the answer is not Plex's; is plex_url that of a Plex server?"
            )
        return answer

    def _ask(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        method: Callable[..., requests.Response],
        headers: Mapping[str, str] | None = None,
    ) -> Element | None:
        query = _query(parameters)
        asked = named_request(method.__name__, self._address, path)
        with translated(asked):
            answer: Element | None = self._server.query(  # type: ignore[no-untyped-call]
                f"{path}?{query}" if query else path, method=method, headers=headers, allow_redirects=False
            )
        if answer is not None and answer.tag.lower() == "html":
            raise PlexServerError(f"{asked}: a web page answered; is plex_url that of a Plex server?")
        return answer

    def _send(
        self,
        path: str,
        parameters: Iterable[tuple[str, str]] = (),
        *,
        method: Callable[..., requests.Response],
        content: bytes = b"",
    ) -> None:
        """Where Plex may answer with nothing or a line of text, which plexapi would take for broken XML."""
        query, asked = _query(parameters), named_request(method.__name__, self._address, path)
        with translated(asked):
            response = method(
                f"{self._connection.url}{path}{'?' if query else ''}{query}",
                data=content,
                headers=self._server._headers(),  # noqa: SLF001 - of this module
                timeout=(self._connection.connect_timeout_s, self._connection.read_timeout_s),
                allow_redirects=False,
            )
        if _WEB_PAGE.match(response.text):
            raise PlexServerError(f"{asked}: a web page answered; is plex_url that of a Plex server?")

    def _raise_for_status(self, response: requests.Response, **_: Any) -> None:
        """Look at the status before plexapi does, which knows three kinds and fails at those it has no name for."""
        response.encoding = "utf-8"  # for text/xml without a charset, requests takes Latin-1
        status = response.status_code
        self.answered_at = _epoch_of(response.headers.get("Date", ""))
        if status in _SUCCESSES:
            return
        text = _start_of(response, self._connection.token) if is_refusal(status) else ""
        raise error_for_status(
            status,
            named_request(str(response.request.method), self._address, urlsplit(response.url).path),
            text=text,
            retry_after=response.headers.get("Retry-After"),
            date=response.headers.get("Date"),
        )


def filter_text(file_name: str) -> str:
    """The part of a file's name to send as `file=`: the server is to find it, whatever the spelling.

    A comma may mean "or"; letters with accents may be stored in another Unicode form; `=` at the start may be taken
    for an operator. So the longest stretch without them.
    """
    return max(_stretches(base_name(file_name)), key=len)


def _stretches(text: str) -> list[str]:
    plain = "".join(
        "," if unicodedata.normalize("NFD", letter) != letter or not letter.isprintable() else letter
        for letter in unicodedata.normalize("NFC", text)
    )
    return [stretch.lstrip(_OPERATORS).rstrip() for stretch in plain.split(",")]


def divide(parameters: Sequence[tuple[str, str]], room: int) -> Iterator[tuple[tuple[str, str], ...]]:
    """The parameters in as few parts as fit into `room` bytes of a query each, a field never in two of them."""
    part: tuple[tuple[str, str], ...] = ()
    for _, group in groupby(parameters, key=lambda parameter: _FIELD_END.split(parameter[0])[0]):
        of_field = tuple(group)
        if part and len(_query((*part, *of_field))) > room:
            yield part
            part = ()
        part += of_field
    if part:
        yield part


def _query(parameters: Iterable[tuple[str, str]]) -> str:
    """As python-plexapi writes it (utils.joinArgs): names as they are, values escaped to the last character."""
    return "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in parameters)


def _start_of(response: requests.Response, secret: str) -> str:
    """The first words of an error page, which may quote what it was asked."""
    try:
        text = _MARK_UP.sub(" ", response.text.replace(secret, "***"))
    except requests.RequestException:
        return ""  # the status says enough
    return " ".join(text.split())[:_REJECTION_CHARACTERS]


def _epoch_of(date: str) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, TypeError):  # Python 3.10 does not know how to say that it is none
        return None


def _total(container: Element) -> int | None:
    total = container.get("totalSize", "")
    return int(total) if total.isascii() and total.isdigit() else None
