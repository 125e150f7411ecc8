"""Signs in at plex.tv by PIN, and finds the servers of an account; all requests to plex.tv are here."""

from __future__ import annotations

import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import requests
import urllib3.exceptions
from plexapi import BASE_HEADERS
from plexapi.exceptions import PlexApiException
from plexapi.myplex import MyPlexAccount, MyPlexPinLogin, MyPlexResource

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexError
from plex.transport import set_up_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The tests have a plex.tv of their own.
ADDRESS_VARIABLE = "PLEXSYNC_PLEX_TV"
PLEX_TV = "https://plex.tv"
# Where people enter the code.
ENTER_AT = "https://plex.tv/link"
# Of a PIN, as plex.tv says. It ends earlier if plex.tv no longer knows it.
LIFE_S = 900.0
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 5.0, 15.0
# An address of a server is in the same network, or behind a router. All are tried at once.
_ANSWERS_WITHIN_S = 5.0
_AT_ONCE = 8
_LOCATIONS = ("local", "remote")  # no relay, which is slow and limited


class PlexTvFailed(Exception):  # noqa: N818 - named for what happened, like all our errors
    """The message says what happened and what to do; it holds no secret."""


class PinExpired(PlexTvFailed):
    """plex.tv does not know the PIN any more."""

    def __init__(self) -> None:
        super().__init__("the code has expired; begin again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A PIN that somebody may enter. Whoever knows `id` and `client` gets the token then; only `code` may be shown."""

    id: str = field(repr=False)
    code: str
    client: str = field(repr=False)
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountServer:
    """A server that an account may use. `addresses`: the most suitable first. `token`: of the account, for it alone."""

    name: str
    machine_identifier: str
    owned: bool
    token: str = field(repr=False)
    addresses: tuple[str, ...]


class PlexTv:
    """Requests to plex.tv as one client. Raises PlexTvFailed and nothing else for what the server or network does."""

    def __init__(self, client: str) -> None:
        self._url = (os.environ.get(ADDRESS_VARIABLE) or PLEX_TV).rstrip("/")
        self._client = client
        connection = PlexConnection(url=self._url, token="")
        self._session = set_up_session(requests.Session(), connection, _raise_for_status)
        self._session.trust_env = True  # unlike Plex, plex.tv may be behind a proxy
        self._session.max_redirects = 0  # the token would go along

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def new_pin(self, now: float) -> Pin:
        """Ask for a PIN."""
        login = self._login()
        with _failures_in_words():
            code = login.pin
        if not code or not login._id:  # noqa: SLF001 - plexapi lets nobody go on with a PIN in another process
            raise PlexTvFailed("plex.tv has given no code; try again.")
        return Pin(id=login._id, code=code, client=self._client, expires_at=now + LIFE_S)  # noqa: SLF001 - as above

    def token_for(self, pin: Pin) -> str:
        """The account's token once the code was entered, else "". Raises PinExpired."""
        login = self._login()
        login._id = pin.id  # noqa: SLF001 - as above
        with _failures_in_words():
            # Not checkLogin(), which takes every failure of the network for the end of the PIN.
            return str(login.token) if login._checkLogin() else ""  # type: ignore[no-untyped-call] # noqa: SLF001

    def servers(self, token: str) -> tuple[AccountServer, ...]:
        """All servers that the account may use."""
        account = _Account(token, self._session, self._client)
        address = MyPlexResource.key.replace(PLEX_TV, self._url)
        with _failures_in_words():
            found = [MyPlexResource(account, element) for element in account.query(address)]  # type: ignore[no-untyped-call]
            return tuple(_server(each) for each in found if "server" in (each.provides or "").split(","))

    def _login(self) -> MyPlexPinLogin:
        timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)
        login = MyPlexPinLogin(  # type: ignore[no-untyped-call]
            session=self._session, requestTimeout=timeout, headers=_headers(self._client)
        )
        login.PINS = login.PINS.replace(PLEX_TV, self._url)
        return login


class _Account(MyPlexAccount):
    """plexapi's account, but it sends no request when made: that one's answer has nothing of use here."""

    def __init__(self, token: str, session: requests.Session, client: str) -> None:
        """Deliberately does not call the base class."""
        self._token, self._session, self._client = token, session, client
        self._timeout = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)

    def _headers(self, **kwargs: str) -> dict[str, str]:
        return {**BASE_HEADERS, **_headers(self._client), "X-Plex-Token": self._token, **kwargs}


def _headers(client: str) -> dict[str, str]:
    """What the account lists as the device. plexapi would name this machine."""
    return {
        "Accept": "application/xml",
        "X-Plex-Product": "PlexSync",
        "X-Plex-Device": "PlexSync",
        "X-Plex-Device-Name": "PlexSync",
        "X-Plex-Client-Identifier": client,
    }


def new_client() -> str:
    """A client identifier for one sign-in. That of the plugin could be guessed, and with it the PIN be used."""
    return str(uuid.uuid4())


def _server(resource: MyPlexResource) -> AccountServer:
    addresses = resource.preferred_connections(locations=list(_LOCATIONS))  # type: ignore[no-untyped-call]
    return AccountServer(
        name=resource.name or "",
        machine_identifier=resource.clientIdentifier or "",
        owned=bool(resource.owned),
        token=resource.accessToken or "",
        addresses=tuple(dict.fromkeys(address.rstrip("/") for address in addresses if address)),
    )


def _raise_for_status(response: requests.Response, **_: Any) -> None:
    """Before plexapi does, whose messages quote the address, and with it the PIN."""
    status = response.status_code
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return
    if status == HTTPStatus.NOT_FOUND:
        raise PinExpired
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY):
        raise PlexTvFailed(f"plex.tv does not accept this sign-in ({status}); begin again.")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise PlexTvFailed("plex.tv asks for a pause (429); try again in a few minutes.")
    raise PlexTvFailed(f"plex.tv fails ({status}); try again later.")


@contextmanager
def _failures_in_words() -> Iterator[None]:
    """Without the texts of the libraries, and without them as causes: they quote the address, and with it the PIN."""
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise PlexTvFailed("plex.tv does not answer in time; try again.") from None
    except requests.exceptions.SSLError:
        raise PlexTvFailed("the certificate of plex.tv is not trusted; is this machine's clock right?") from None
    except requests.ConnectionError:
        raise PlexTvFailed("plex.tv cannot be reached; does this machine reach the Internet?") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, PlexApiException, ParseError, OSError):
        raise PlexTvFailed("plex.tv sends an unusable answer; does a proxy answer in its place?") from None


def find_address(server: AccountServer, *, tls: str, others: Sequence[str] = ()) -> str:
    """The most suitable address at which this server answers from here, with `others` first; "" if there is none."""
    addresses = tuple(dict.fromkeys((*others, *server.addresses)))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = pool.map(lambda address: _is_at(address, server, tls), addresses)
        return next((address for address, is_there in zip(addresses, answers, strict=True) if is_there), "")


def _is_at(address: str, server: AccountServer, tls: str) -> bool:
    try:
        with _client(address, server, tls) as client:
            return client.identity().machine_identifier == server.machine_identifier
    except PlexError:
        return False


def may_edit(address: str, server: AccountServer, *, tls: str) -> bool | None:
    """Whether the token may edit; None if the server does not say."""
    with _client(address, server, tls) as client:
        return client.may_edit()


@contextmanager
def _client(address: str, server: AccountServer, tls: str) -> Iterator[PlexClient]:
    connection = PlexConnection(
        url=address, token=server.token, tls=tls, connect_timeout_s=_ANSWERS_WITHIN_S, read_timeout_s=_ANSWERS_WITHIN_S
    )
    client = PlexClient(connection)
    try:
        yield client
    finally:
        client.close()
