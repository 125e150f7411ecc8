"""StashClient against small servers on loopback that answer like Stash, or like a broken one."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3

from stash.changes import Change, Changed, Position
from stash.client import StashClient
from stash.connection import StashConnection
from stash.errors import StashLoginNeeded, StashRefused, StashUnavailable
from stash.namesakes import Namesakes
from stash.transport import translated
from tests.support.fake_stash import COOKIE, LOGIN_PAGE, REDIRECT, Answer, Asked, FakeStash, as_json, client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = "key-secret-1"
SCENE = {"id": "1", "title": "T", "organized": False, "updated_at": "2026-11-22T18:28:31Z", "files": []}


def configured(asked: Asked) -> Answer:
    """Like a Stash with a login: 401 without a cookie or the current key."""
    if asked.headers.get("ApiKey", KEY) != KEY or not ({"ApiKey", "Cookie"} & set(asked.headers)):
        return Answer(status=401)
    plugins = {"plexsync": {"plex_token": "plex-secret", "max_tags": 7}, "other": {}}
    return as_json({"data": {"configuration": {"general": {"apiKey": KEY}, "plugins": plugins}, "s1": None}})


def test_cookie_is_used_until_the_api_key_is_known() -> None:
    with client_of(configured) as (fake, client):
        configuration = client.fetch_configuration()
        client.read_scenes([1])
    assert configuration.api_key == KEY
    assert configuration.plugin == {"plex_token": "plex-secret", "max_tags": 7}
    assert "secret" not in repr(configuration)
    first, second = (asked.headers for asked in fake.asked)
    assert (first.get("Cookie"), first.get("ApiKey")) == (f"session={COOKIE}", None)
    assert (second.get("Cookie"), second.get("ApiKey")) == (None, KEY)


def test_client_falls_back_to_the_cookie_if_the_api_key_has_changed() -> None:
    with FakeStash(configured) as fake:
        connection = StashConnection(url=fake.url, cookie_name="session", cookie_value=COOKIE, api_key="old-key")
        client = StashClient(connection)
        with pytest.raises(StashLoginNeeded):
            client.read_scenes([1])
        assert client.fetch_configuration().api_key == KEY
        assert client.read_scenes([1]) == {}
        client.close()


def renewing(asked: Asked) -> Answer:
    """Like a Stash with a password but no API key: each response sets a new cookie."""
    given = asked.headers.get("Cookie", "").removeprefix("session=")
    answer = as_json({"data": {"configuration": {"general": {"apiKey": ""}, "plugins": {}}}})
    answer.headers["Set-Cookie"] = f"session={given}+; Path=/; Max-Age=3600; HttpOnly"
    return answer


def test_renewed_cookie_is_used_from_then_on() -> None:
    with client_of(renewing) as (fake, client):
        for _ in range(3):
            client.fetch_configuration()
    sent = [asked.headers["Cookie"] for asked in fake.asked]
    assert sent == [f"session={COOKIE}", f"session={COOKIE}+", f"session={COOKIE}++"]


def test_no_cookie_is_sent_with_the_api_key() -> None:
    def respond(asked: Asked) -> Answer:
        answer = configured(asked)
        answer.headers["Set-Cookie"] = "session=of-the-answer; Path=/"
        return answer

    with client_of(respond) as (fake, client):
        client.fetch_configuration()
        client.fetch_configuration()
    assert "Cookie" not in fake.asked[1].headers


def test_rejection_does_not_renew_the_cookie() -> None:
    rejection = Answer(status=401, headers={"Set-Cookie": "session=of-nobody; Path=/"})
    with client_of(rejection) as (fake, client):
        for _ in range(2):
            with pytest.raises(StashLoginNeeded):
                client.fetch_configuration()
    assert [asked.headers["Cookie"] for asked in fake.asked] == [f"session={COOKIE}"] * 2


def test_neither_key_nor_cookie_is_sent_without_a_login() -> None:
    answer = as_json({"data": {"configuration": {"general": {"apiKey": ""}, "plugins": {}}}})
    with FakeStash(lambda _: answer) as fake:
        client = StashClient(StashConnection(url=fake.url))
        assert client.fetch_configuration().plugin == {}
        client.fetch_configuration()
        client.close()
    assert all(not {"ApiKey", "Cookie", "Authorization"} & set(asked.headers) for asked in fake.asked)


def test_environment_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password from-netrc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with client_of(configured) as (fake, client):
        client.fetch_configuration()
    assert "Authorization" not in fake.asked[0].headers


def test_scenes_are_read_in_one_query_and_deleted_ones_are_absent() -> None:
    with client_of(as_json({"data": {"s1": SCENE, "s99": None}})) as (fake, client):
        scenes = client.read_scenes([1, 99, 1])
    assert list(scenes) == [1]
    assert scenes[1].title == "T"
    assert len(fake.asked) == 1
    assert fake.asked[0].body["query"].count("findScene(id: 1)") == 1


def test_no_ids_need_no_query() -> None:
    with client_of(Answer(status=500)) as (fake, client):
        assert client.read_scenes([]) == {}
    assert fake.asked == []


def test_scene_of_unknown_shape_is_refused_by_id() -> None:
    odd = as_json({"data": {"s1": {**SCENE, "organized": "yes"}}})
    with client_of(odd) as (_, client), pytest.raises(StashRefused, match="scene 1 "):
        client.read_scenes([1])


@pytest.mark.parametrize(
    ("kind", "condition"),
    [
        ("tag", {"tags": {"value": ["7"], "modifier": "INCLUDES"}}),
        ("performer", {"performers": {"value": ["7"], "modifier": "INCLUDES"}}),
        ("studio", {"studios": {"value": ["7"], "modifier": "INCLUDES", "depth": 1}}),
        ("group", {"groups": {"value": ["7"], "modifier": "INCLUDES"}}),
    ],
)
def test_scenes_of_an_entity_are_listed_from_an_id_on(kind: Any, condition: dict[str, object]) -> None:
    with client_of(as_json({"data": {"findScenes": {"scenes": [{"id": "3"}, {"id": "12"}]}}})) as (fake, client):
        assert client.scene_ids_of(kind, 7, after=2, limit=50) == [3, 12]
    after = {"id": {"value": 2, "modifier": "GREATER_THAN"}}
    assert fake.asked[0].body["variables"] == {"filter": {**condition, **after}, "per_page": 50}


def performers_named(asked: Asked) -> Answer:
    """A Stash with 101 performers, each with a disambiguation, and as many namesakes."""
    if "findPerformers" not in asked.body["query"]:
        performers = [
            {"id": str(number), "name": f"P{number}", "disambiguation": "x", "image_path": ""} for number in range(101)
        ]
        return as_json({"data": {"s1": {**SCENE, "performers": performers}, "findPerformer": {"name": "P7"}}})
    found = {}
    for key, name in asked.body["variables"].items():
        bearers = [{"id": name[1:], "name": name, "disambiguation": "x"}, {"id": f"9{name[1:]}", "name": name}]
        found[key] = {"performers": bearers}
    return as_json({"data": found})


def test_namesakes_are_asked_for_by_the_hundred_and_only_where_nothing_is_believed() -> None:
    namesakes = Namesakes(monotonic=lambda: 0.0, kept_s=1.0)
    with client_of(performers_named) as (fake, client):
        for _ in range(2):
            scene = client.read_scenes([1], namesakes)[1]
            assert {performer.distinct_name for performer in scene.performers} == {f"P{at} (x)" for at in range(101)}
        assert [len(asked.body.get("variables", ())) for asked in fake.asked] == [0, 100, 1, 0]
        assert client.read_scenes([1]) == {1: scene}
    assert len(fake.asked) == 4 + 3


def test_namesakes_of_a_performer_are_those_with_a_disambiguation() -> None:
    with client_of(performers_named) as (_, client):
        assert client.namesakes_of(97) == (7,)
        assert client.namesakes_of(7) == ()


def test_updated_scenes_are_listed_with_their_times() -> None:
    answer = as_json({"data": {"scene": {"scenes": [{"id": "3", "updated_at": "2026-11-22T18:28:31Z"}]}}})
    asked = {Changed.SCENE: Position(after_time="2026-11-21", limit=100)}
    with client_of(answer) as (_, client):
        assert client.list_changes(asked) == {Changed.SCENE: [Change(id=3, updated_at="2026-11-22T18:28:31Z")]}


UNAVAILABLE = {
    "401": Answer(status=401),
    "403": Answer(status=403, body=b"denied"),
    "redirect": REDIRECT,
    "redirect to nonsense": Answer(status=302, headers={"Location": "http://[nonsense"}),
    "login page": LOGIN_PAGE,
    "500": Answer(status=500, body=b"oops"),
    "500 with errors": as_json({"errors": [{"message": "internal system error"}]}, 500),
    "502 page": Answer(status=502, body=b"<html>", headers={"Content-Type": "text/html"}),
    "503": Answer(status=503),
    "404": Answer(status=404, body=b"404 page not found"),
    "not JSON": Answer(body=b"OK"),
    "empty": Answer(),
    "JSON of another shape": as_json([1, 2]),
    "deep JSON": Answer(body=b"[" * 200_000),
    "no data": as_json({"data": None}),
    "data of another shape": as_json({"data": [1]}),
    "members of another shape": as_json({"data": {"configuration": [], "findScenes": []}}),
    "truncated": Answer(body=b'{"data": {"configuration": {', cut=True),
    "truncated after whole JSON": Answer(body=b'{"data": {"configuration": {}, "s1": null}}', cut=True),
    "broken gzip": Answer(body=b"no gzip", headers={"Content-Encoding": "gzip"}),
    "locked database": as_json({"errors": [{"message": "database is locked (5)"}], "data": None}),
    "key that fits no header": as_json({"data": {"configuration": {"general": {"apiKey": "a\r\nb-secret"}}}}),
    "ids that are none": as_json({"data": {"findScenes": {"scenes": [{"id": "x"}]}}}),
}


def a_request_for(answer: str, client: StashClient) -> Callable[[], object]:
    if answer == "ids that are none":
        return lambda: client.scene_ids_of("tag", 1, after=0, limit=1)
    return client.fetch_configuration


@pytest.mark.parametrize("answer", sorted(UNAVAILABLE))
def test_unusable_response_is_stash_unavailable_in_one_line_without_secrets(answer: str) -> None:
    with client_of(UNAVAILABLE[answer]) as (_, client), pytest.raises(StashUnavailable) as caught:
        a_request_for(answer, client)()
    assert "secret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("answer", ["401", "403", "redirect", "login page"])
def test_rejected_login_is_stash_login_needed(answer: str) -> None:
    with client_of(UNAVAILABLE[answer]) as (fake, client), pytest.raises(StashLoginNeeded):
        client.read_scenes([1])
    assert [asked.path for asked in fake.asked] == ["/graphql"]  # no redirect was followed


REFUSED = {
    "200 with errors": as_json({"errors": [{"message": "boom\non two lines", "path": ["s1"]}], "data": None}),
    "200 with errors and data": as_json({"errors": [{"message": "boom", "path": ["s2"]}], "data": {"s1": SCENE}}),
    "400": as_json({"errors": [{"message": None}]}, 400),
    "errors of another shape": as_json({"errors": "boom"}),
    "long": as_json({"errors": [{"message": "x" * 100_000}]}),
}


@pytest.mark.parametrize("answer", sorted(REFUSED))
def test_graphql_error_is_stash_refused_in_one_short_line(answer: str) -> None:
    with client_of(REFUSED[answer]) as (_, client), pytest.raises(StashRefused) as caught:
        client.read_scenes([1])
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 400


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_refused_connection_is_stash_unavailable() -> None:
    client = StashClient(StashConnection(url=f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(StashUnavailable, match="connection refused"):
        client.fetch_configuration()
    with pytest.raises(StashUnavailable, match="connection refused"):
        client.fetch_picture("/scene/1/screenshot")


def test_silence_before_a_response_ends_with_the_timeout() -> None:
    with client_of(Answer(silent=True), timeout_s=0.2) as (_, client):
        started = time.monotonic()
        with pytest.raises(StashUnavailable, match=r"did not answer within 0.2 s"):
            client.fetch_configuration()
        assert time.monotonic() - started < 15  # silent for 20


def test_silence_within_a_body_ends_with_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stopped = threading.Event()

        def half_an_answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"data":')
                stopped.wait(20)

        threading.Thread(target=half_an_answer, daemon=True).start()
        client = StashClient(StashConnection(url=f"http://127.0.0.1:{server.getsockname()[1]}"), timeout_s=0.2)
        with pytest.raises(StashUnavailable, match="it stopped"):
            client.fetch_configuration()
        stopped.set()


def test_connection_dropped_without_a_response_is_stash_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(65_536)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        client = StashClient(StashConnection(url=f"http://127.0.0.1:{server.getsockname()[1]}"))
        with pytest.raises(StashUnavailable, match="cannot be reached"):
            client.fetch_configuration()


def test_compressed_response_is_read() -> None:
    body = gzip.compress(json.dumps({"data": {"s1": SCENE}}).encode())
    with client_of(Answer(body=body, headers={"Content-Encoding": "gzip"})) as (_, client):
        assert list(client.read_scenes([1])) == [1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate with its key, in one file."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stash"]
    subprocess.run([*make, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


def test_https_with_a_self_signed_certificate_works_without_a_warning(certificate: Path) -> None:
    with FakeStash(configured, certificate) as fake:
        client = StashClient(StashConnection(url=fake.url, cookie_name="session", cookie_value=COOKIE))
        with warnings.catch_warnings():
            # Like a new process. The client must be created afterwards, so that its own filter takes precedence.
            warnings.simplefilter("default")
            client = StashClient(client.connection)
            with warnings.catch_warnings(record=True) as seen:
                assert client.fetch_configuration().api_key == KEY
        client.close()
    assert seen == []


def test_https_to_an_http_server_is_stash_unavailable() -> None:
    with FakeStash(configured) as fake:
        client = StashClient(StashConnection(url=fake.url.replace("http:", "https:")))
        with pytest.raises(StashUnavailable, match="https"):
            client.fetch_configuration()


def test_neither_logs_nor_tracebacks_show_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with FakeStash(lambda _: Answer(status=401)) as fake:
        connection = StashConnection(url=fake.url, cookie_name="session", cookie_value=COOKIE, api_key=KEY)
        client = StashClient(connection)
        try:
            client.fetch_configuration()
        except StashUnavailable:
            logging.getLogger("test").exception("failed with %r", client)
    assert "Traceback" in caplog.text
    assert COOKIE not in caplog.text
    assert KEY not in caplog.text


def test_connection_is_reused() -> None:
    with client_of(as_json({"data": {"s1": SCENE}})) as (fake, client):
        for _ in range(5):
            client.read_scenes([1])
    assert len(fake.asked) == 5
    assert len({asked.client_port for asked in fake.asked}) == 1


def exceptions_of_the_libraries() -> Iterator[type[Exception]]:
    """Every exception that requests, urllib3, http.client and sockets may raise during a request."""
    for base in (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, ConnectionError):
        waiting = [base]
        while waiting:
            kind = waiting.pop()
            waiting += kind.__subclasses__()
            yield kind
    yield from (TimeoutError, socket.gaierror, OSError, ssl.SSLError)


@pytest.mark.parametrize("kind", list(exceptions_of_the_libraries()))
def test_every_exception_of_the_libraries_is_translated(kind: type[Exception]) -> None:
    with pytest.raises(StashUnavailable) as caught, translated("http://h:1", 5):
        raise kind.__new__(kind)
    assert len(str(caught.value).splitlines()) == 1
