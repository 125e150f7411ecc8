"""A simulated plex.tv, as far as a device signs in there by PIN: pins, and the servers of an account.

Written from python-plexapi's `MyPlexPinLogin` and `MyPlexResource`, which run against the real one, and from Plex's
thread "Authenticating with Plex": a PIN is known only to the device that asked for it, by its client identifier, and
expires; the token is in its answer once somebody who is signed in has entered the code. Where the sources leave
something open, it is the harder case: a token that was given is not given again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from sim.faults import FaultPlan, Request, RequestLog
from sim.port import HOST, Handler, Port, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PINS, RESOURCES = "/api/v2/pins", "/api/v2/resources"
LIFE_S = 900
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_FIRST_ID = 2_400_000_001


@dataclass(slots=True, kw_only=True)
class PinEntry:
    """`token`: once somebody has entered the code, until the device has fetched it."""

    id: int
    code: str
    client: str
    expires_at: float
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedServer:
    """A server, as an account sees it. `addresses`: each with whether it is in the same network."""

    name: str
    machine_identifier: str
    token: str
    owned: bool
    addresses: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexTvAnswer:
    """An answer."""

    status: int
    root: Element | None = None


class PlexTvService:
    """What all connections share."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.log = RequestLog()
        self.faults = FaultPlan()
        self.pins: dict[int, PinEntry] = {}
        self.accounts: dict[str, list[ListedServer]] = {}
        self.entering: str = ""  # the token of an account that enters every code as soon as it is shown
        self.status: int | None = None

    def answer(self, method: str, path: str, headers: dict[str, str]) -> PlexTvAnswer:
        """Serve one request. `headers`: by their names in lower case."""
        client, token = headers.get("x-plex-client-identifier", ""), headers.get("x-plex-token", "")
        if self.status is not None:
            return PlexTvAnswer(status=self.status, root=Element("errors"))
        if path.startswith(PINS):
            return self._pin(method, path.removeprefix(PINS).strip("/"), client)
        if path == RESOURCES and method == "GET":
            root = self._resources(token) if token in self.accounts else None
            return _unauthorized() if root is None else PlexTvAnswer(status=200, root=root)
        return PlexTvAnswer(status=404)

    def _pin(self, method: str, number: str, client: str) -> PlexTvAnswer:
        if not client:
            return PlexTvAnswer(status=400, root=Element("errors"))
        if method == "POST" and not number:
            return PlexTvAnswer(status=201, root=_pin_element(self._new_pin(client), ""))
        pin = self.pins.get(int(number)) if number.isdigit() else None
        if method != "GET" or pin is None or pin.client != client or pin.expires_at <= self.clock():
            return PlexTvAnswer(status=404, root=Element("errors"))
        given, pin.token = pin.token, ""
        return PlexTvAnswer(status=200, root=_pin_element(pin, given))

    def _new_pin(self, client: str) -> PinEntry:
        number = _FIRST_ID + len(self.pins)
        code = "".join(_LETTERS[number // 31**place % 31] for place in range(4))
        self.pins[number] = PinEntry(
            id=number, code=code, client=client, expires_at=self.clock() + LIFE_S, token=self.entering
        )
        return self.pins[number]

    def _resources(self, token: str) -> Element:
        root = Element("resources")
        player = SubElement(root, "resource", name="Phone", provides="client,player", owned="1", clientIdentifier="x")
        SubElement(player, "connections")
        for server in self.accounts[token]:
            element = SubElement(
                root, "resource", name=server.name, product="Plex Media Server", provides="server",
                clientIdentifier=server.machine_identifier, accessToken=server.token, owned=str(int(server.owned)),
                httpsRequired="0", relay="0", presence="1", createdAt="2020-01-01T00:00:00Z",
                lastSeenAt="2026-01-01T00:00:00Z",
            )  # fmt: skip
            connections = SubElement(element, "connections")
            for address, is_local in server.addresses:
                parts = urlsplit(address)
                SubElement(
                    connections, "connection", protocol=parts.scheme, address=parts.hostname or "",
                    port=str(parts.port), uri=address, local=str(int(is_local)), relay="0", IPv6="0",
                )  # fmt: skip
        return root


def _pin_element(pin: PinEntry, token: str) -> Element:
    return Element(
        "pin", id=str(pin.id), code=pin.code, trusted="0", clientIdentifier=pin.client, expiresIn=str(LIFE_S),
        authToken=token,
    )  # fmt: skip


def _unauthorized() -> PlexTvAnswer:
    root = Element("errors")
    SubElement(root, "error", code="1001", message="User could not be authenticated", status="401")
    return PlexTvAnswer(status=401, root=root)


class PlexTvHandler(Handler):
    """Answers in XML."""

    server: Server
    server_version = "plex.tv"

    def do_GET(self) -> None:
        """Serve every method alike."""
        service, target = self.server.service, urlsplit(self.path)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = tuple(parse_qsl(target.query))
        request = Request(method=self.command, path=target.path, query=query, headers=frozenset(headers))
        number = service.log.arrived(request)
        reply = service.answer(self.command, target.path, headers)
        service.log.answered(number, reply.status)
        body = b"" if reply.root is None else tostring(reply.root, encoding="utf-8", xml_declaration=True)
        self.send_response(reply.status)
        self.send_header("Content-Type", "application/xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the base class's name


@dataclass(slots=True, kw_only=True)
class PlexTvSim:
    """plex.tv, and the people who enter codes there. `clock` returns epoch seconds."""

    clock: Callable[[], float] = time.time
    _port: Port = field(default_factory=lambda: Port(PlexTvHandler, daemon_threads=False))
    _service: Any = None

    def __enter__(self) -> PlexTvSim:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._service = PlexTvService(self.clock)
        self._port.open(self._service)
        return self

    def __exit__(self, *_: object) -> None:
        self._port.release()

    @property
    def url(self) -> str:
        """Its address, which stands for https://plex.tv."""
        return f"http://{HOST}:{self._port.number}"

    @property
    def requests(self) -> Sequence[Request]:
        """All of them, in the order of arrival."""
        return tuple(self._service.log)

    @property
    def pins(self) -> tuple[PinEntry, ...]:
        """All that were ever given out."""
        return tuple(self._service.pins.values())

    def add_account(self, token: str) -> None:
        """Add a person, who may sign in with this token."""
        self._service.accounts.setdefault(token, [])

    def add_server(
        self, account: str, *, name: str, machine_identifier: str, token: str, addresses: Sequence[tuple[str, bool]],
        owned: bool = True,
    ) -> None:  # fmt: skip
        """Let the account see a server; `token` is what it uses there. `addresses`: each with whether it is local."""
        self.add_account(account)
        server = ListedServer(
            name=name, machine_identifier=machine_identifier, token=token, owned=owned, addresses=tuple(addresses)
        )
        self._service.accounts[account].append(server)

    def enter(self, code: str, account: str) -> None:
        """The person enters a code at plex.tv/link."""
        (pin,) = (pin for pin in self.pins if pin.code == code)
        pin.token = account

    def enter_every_code(self, account: str) -> None:
        """The person enters each code as soon as it is shown."""
        self._service.entering = account

    def fail(self, status: int | None) -> None:
        """Answer everything with this status; None: no more."""
        self._service.status = status

    def stop(self) -> None:
        """Refuse connections."""
        self._port.close()
