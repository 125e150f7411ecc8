"""A broken server, network or setting raises a PlexError, never another exception, and the token is never shown."""

from __future__ import annotations

import socket
import ssl
import struct
import subprocess
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.edit import SetText
from plex.errors import (
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
    RequestTooLong,
)
from plex.fields import Field
from tests.support.plex_items import an_item
from tests.support.raw_server import RawServer, answer

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "sEcReT-t0k3n"
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<MediaContainer size="0" version="1.2" machineIdentifier="m"/>'


def client_for(url: str, **options: Any) -> PlexClient:
    settings: dict[str, Any] = {"token": TOKEN, "connect_timeout_s": 2.0, "read_timeout_s": 2.0, **options}
    return PlexClient(PlexConnection(url=url, **settings))


def errors_of(url: str, **options: Any) -> tuple[PlexError, PlexError]:
    """The errors of a read and of an edit. Neither may show the token."""
    client = client_for(url, **options)
    raised: list[PlexError] = []
    for ask in (client.identity, lambda: client.edit(an_item(), [SetText(field=Field.TITLE, value="A")])):
        with pytest.raises(PlexError) as caught:
            ask()
        raised.append(caught.value)
    client.close()
    assert TOKEN not in "".join("".join(traceback.format_exception(type(e), e, e.__traceback__)) for e in raised)
    return raised[0], raised[1]


def error_of(url: str, **options: Any) -> PlexError:
    """The error of a read. An edit must raise the same class."""
    of_read, of_edit = errors_of(url, **options)
    assert type(of_read) is type(of_edit)
    return of_read


def error_from(respond: Any, **options: Any) -> PlexError:
    with RawServer(respond) as server:
        return error_of(server.url, **options)


def test_a_good_answer_is_read() -> None:
    with RawServer(answer("200 OK", XML)) as server:
        identity = client_for(server.url).identity()
    assert (identity.version, identity.machine_identifier) == ("1.2", "m")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("401 Unauthorized", PlexAuthError),
        ("403 Forbidden", PlexAuthError),
        ("404 Not Found", Rejected),
        ("498 Invalid Token", PlexAuthError),
        ("429 Too Many", PlexBusy),
        ("500 Internal Server Error", PlexServerError),
        ("502 Bad Gateway", PlexServerError),
        ("503 Service Unavailable", PlexServerDown),
        ("520 of no list", PlexServerError),
        ("302 Found", PlexSetup),
    ],
)
def test_each_status_becomes_its_error(status: str, kind: type[PlexError]) -> None:
    error = error_from(answer(status, b"<html><h1>Why &amp; how</h1></html>"))
    assert type(error) is kind
    assert "127.0.0.1" in str(error)


@pytest.mark.parametrize("status", ["400 Bad Request", "405 Method Not Allowed", "414 Too Long"])
def test_a_refused_edit_is_rejected_but_a_refused_read_is_no_scenes_fault(status: str) -> None:
    with RawServer(answer(status)) as server:
        of_read, of_edit = errors_of(server.url)
    assert type(of_read) is PlexServerError
    assert type(of_edit) is (RequestTooLong if status.startswith("414") else Rejected)


def test_a_refusal_contains_the_beginning_of_its_text_without_the_token() -> None:
    with RawServer(answer("400 Bad Request", f"<html><p>no {TOKEN}</p>{'x' * 999}</html>".encode())) as server:
        of_read, error = errors_of(server.url)
    assert "no *** xxx" in str(of_read)
    assert isinstance(error, Rejected)
    assert error.status == 400
    assert error.text.startswith("no *** xxx")
    assert len(error.text) == 200


def test_a_refusal_cut_short_is_still_a_refusal() -> None:
    assert isinstance(error_from(answer("404 Not Found", b"<html>", length=999)), Rejected)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ("Retry-After: 7\r\n", 7.0),
        ("Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:30 GMT\r\n", 30.0),
        ("", None),
    ],
)
def test_a_429_says_how_long_to_wait(headers: str, pause: float | None) -> None:
    error = error_from(answer("429 Too Many Requests", b"", headers))
    assert isinstance(error, PlexBusy)
    assert error.retry_after_s == pause


def test_a_redirect_is_not_followed_so_the_token_goes_nowhere() -> None:
    with RawServer(answer("200 OK", XML)) as other:
        error = error_from(answer("302 Found", b"", f"Location: {other.url}/identity\r\n"))
        assert isinstance(error, PlexSetup)
        assert other.heads == []


def test_the_token_is_sent_in_a_header_and_never_in_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLEXAPI_LOG_SHOW_SECRETS", "true")
    monkeypatch.setenv("PLEXAPI_HEADER_PRODUCT", "Other")
    with RawServer(answer("200 OK", XML)) as server:
        client_for(server.url, client_identifier="me").identity()
    head = server.heads[0].decode()
    assert TOKEN not in head.splitlines()[0]
    assert f"X-Plex-Token: {TOKEN}" in head
    assert "X-Plex-Client-Identifier: me" in head
    assert "X-Plex-Product: PlexSync" in head


def test_proxies_from_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer(answer("200 OK", XML)) as server, RawServer(answer("200 OK", XML)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        client_for(server.url).identity()
        assert len(server.heads) == 1
        assert proxy.heads == []


def test_a_closed_port_is_a_server_that_is_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    error = error_of(url)
    assert type(error) is PlexServerDown
    assert "refused" in str(error)


def test_an_unknown_name_is_a_server_that_is_down() -> None:
    error = error_of("http://plex.invalid:32400")
    assert type(error) is PlexServerDown
    assert "name" in str(error)


def test_silence_is_a_timeout() -> None:
    with RawServer(lambda _head, _connection: server.hang()) as server:
        client = client_for(server.url, read_timeout_s=0.2)
        with pytest.raises(PlexTimeout):
            client.identity()


def test_silence_in_the_middle_of_an_answer_is_a_timeout() -> None:
    def half(_head: bytes, connection: socket.socket) -> None:
        connection.sendall(answer("200 OK", XML[:20], length=len(XML)))
        server.hang()

    with RawServer(half) as server, pytest.raises(PlexTimeout):
        client_for(server.url, read_timeout_s=0.2).identity()


def test_a_dropped_connection_is_a_server_that_is_down() -> None:
    assert type(error_from(lambda _head, _connection: None)) is PlexServerDown


def test_a_read_on_a_closed_kept_alive_connection_is_repeated_but_an_edit_is_not() -> None:
    def answer_once(_head: bytes, connection: socket.socket) -> None:
        connection.sendall(answer("200 OK", XML).replace(b"Connection: close\r\n", b""))
        connection.recv(65536)  # the next request is received but gets no answer

    with RawServer(answer_once) as server:
        client = client_for(server.url)
        client.identity()
        client.identity()
        with pytest.raises(PlexServerDown):
            client.edit(an_item(), [SetText(field=Field.TITLE, value="A")])
        client.close()


def test_a_request_on_a_new_connection_is_not_repeated() -> None:
    with RawServer(lambda _head, _connection: None) as server:
        with pytest.raises(PlexServerDown):
            client_for(server.url).identity()
        assert len(server.heads) == 1


def test_a_reset_connection_is_a_server_that_is_down() -> None:
    def reset(_head: bytes, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    assert type(error_from(reset)) is PlexServerDown


@pytest.mark.parametrize(
    "sent",
    [
        answer("200 OK", XML[:40], length=len(XML)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n<MediaContai",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        answer("200 OK", XML, "Content-Encoding: gzip\r\n"),
        answer("200 OK", XML[:40]),
        answer("200 OK", b"<html><body>Sign in<br></body></html>"),
        answer("200 OK", b"<html><body>well-formed</body></html>"),
        answer("200 OK", b'<?xml version="1.0"?><!-- ours --><?style a?><HTML>well-formed, too</HTML>'),
        answer("200 OK", b"<!-- ours --><html xmlns='http://www.w3.org/1999/xhtml'/>"),
        answer("200 OK", b"\xef\xbb\xbf<html/>"),
        answer("200 OK", b"OK"),
        answer("206 Partial Content", XML),
    ],
    ids=["short", "chunk", "bad-chunk", "gzip", "cut", "html", "xhtml", "comment", "space", "bom", "text", "206"],
)
def test_an_answer_cut_short_or_not_from_plex_is_a_server_error(sent: bytes) -> None:
    assert type(error_from(sent)) is PlexServerError


@pytest.mark.parametrize("sent", [answer("200 OK", b""), answer("200 OK", b'{"MediaContainer": {}}')])
def test_a_read_needs_a_media_container(sent: bytes) -> None:
    with RawServer(sent) as server, pytest.raises(PlexServerError):
        client_for(server.url).identity()


def test_an_edit_may_get_an_empty_answer() -> None:
    with RawServer(answer("200 OK", b"")) as server:
        client_for(server.url).edit(an_item(), [SetText(field=Field.TITLE, value="A")])


def test_another_service_on_the_port_is_a_server_failure() -> None:
    assert type(error_from(b"220 mail.example ESMTP\r\n")) in (PlexServerError, PlexServerDown)


def test_characters_that_xml_forbids_do_not_hide_an_item() -> None:
    body = b'<MediaContainer><Video ratingKey="7" title="a\x00b\x07c" summary="d\x1be"/></MediaContainer>'
    with RawServer(answer("200 OK", body)) as server:
        item = client_for(server.url).read_items([7])[7]
    assert (item.title, item.summary) == ("abc", "de")


def test_utf8_is_read_as_utf8_without_a_charset() -> None:
    body = '<MediaContainer><Video ratingKey="7" title="日本é"/></MediaContainer>'.encode()
    with RawServer(answer("200 OK", body, "Content-Type: text/xml\r\n")) as server:
        assert client_for(server.url).read_items([7])[7].title == "日本é"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "plex",
        "plex:32400",
        "ftp://plex",
        "http://",
        "http://plex:port",
        "http://[::1",
        "http://plex/?X-Plex-Token=1",
        "http://plex:32400/web/index.html#!/",
        "http://ple x",
        "http://plex:70000",
        "http://plex\n.x",
        "http://plex:0",
    ],
)
def test_an_invalid_address_is_rejected_at_once(url: str) -> None:
    with pytest.raises(PlexSetup, match="Plex address"):
        client_for(url)


def test_a_host_name_that_cannot_be_encoded_is_a_setup_error() -> None:
    assert type(error_of(f"http://{'x' * 70}.example:1")) is PlexSetup
    assert type(error_of("http://a..b:1")) in (PlexSetup, PlexServerDown)


@pytest.mark.parametrize("token", ["", "  ", "a b", "a\nX-Evil: 1", "tök3n", "a\x00"])
def test_an_invalid_token_is_rejected_without_being_quoted(token: str) -> None:
    with pytest.raises(PlexSetup, match="Plex token") as raised:
        client_for("http://plex", token=token)
    assert not token.strip() or token not in str(raised.value)


def test_blanks_around_address_and_token_are_removed() -> None:
    with RawServer(answer("200 OK", XML)) as server:
        client_for(f" {server.url}/ ", token=f" {TOKEN}\n").identity()
    assert f"X-Plex-Token: {TOKEN}\r\n".encode() in server.heads[0]


def test_a_password_in_the_address_is_used_but_not_shown() -> None:
    with RawServer(answer("500 x")) as server:
        error = error_of(server.url.replace("//", "//user:pa55word@"))
    assert "pa55word" not in str(error)
    assert b"Authorization: Basic" in server.heads[0]


def test_a_cookie_of_the_server_is_not_sent_back() -> None:
    with RawServer(answer("200 OK", XML, "Set-Cookie: proxy=abc; Path=/\r\n")) as server:
        client = client_for(server.url)
        client.identity()
        client.rate(1, "8")
    assert server.heads[1].startswith(b"PUT /:/rate?")
    assert all(b"\r\nCookie:" not in head for head in server.heads)


def test_a_path_in_the_address_comes_before_that_of_each_request() -> None:
    with RawServer(answer("200 OK", XML)) as server:
        client = client_for(f"{server.url}/behind/a proxy".replace(" ", "%20"))
        client.identity()
        client.rate(1, "8")
    assert [head.split(b"?")[0].split(b" HTTP")[0] for head in server.heads] == [
        b"GET /behind/a%20proxy/identity", b"PUT /behind/a%20proxy/:/rate",
    ]  # fmt: skip


def test_a_connection_does_not_show_its_token() -> None:
    assert TOKEN not in repr(PlexConnection(url="http://plex", token=TOKEN))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "plex.pem"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(path), "-out", str(path)]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files]
    made = subprocess.run(command, capture_output=True, text=True, check=True)
    key_and_certificate = path.read_text()
    if "PRIVATE KEY" not in key_and_certificate:  # some versions of openssl truncate the file before the second output
        pytest.fail(made.stderr)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_self_signed_certificate_is_not_trusted_and_the_error_says_what_to_do(tls: ssl.SSLContext) -> None:
    with RawServer(answer("200 OK", XML), tls=tls) as server:
        error = error_of(server.url)
    assert type(error) is PlexSetup
    assert "certificate" in str(error)
    assert "insecure" in str(error)


def test_a_self_signed_certificate_is_accepted_if_configured(tls: ssl.SSLContext, certificate: Path) -> None:
    with RawServer(answer("200 OK", XML), tls=tls) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client_for(server.url, tls="insecure").identity()
        client_for(server.url, tls=str(certificate)).identity()
    assert caught == []


def test_tls_with_a_server_without_tls_is_a_setup_error() -> None:
    with RawServer(answer("400 Bad Request")) as server:
        error = error_of(server.url.replace("http:", "https:"))
    assert type(error) is PlexSetup


def test_a_missing_or_invalid_ca_file_is_a_setup_error(tmp_path: Path, tls: ssl.SSLContext) -> None:
    with pytest.raises(PlexSetup, match="nowhere"):
        client_for("https://plex", tls=str(tmp_path / "nowhere.pem"))
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with RawServer(answer("200 OK", XML), tls=tls) as server:
        assert type(error_of(server.url, tls=str(junk))) is PlexSetup
