from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash.connection import StashConnection, parse_connection

COOKIE = "MTc2Mzg-secret-cookie|abc=="


def server(**changes: Any) -> dict[str, Any]:
    """What Stash 0.30 sends, with `changes` applied."""
    cookie = {"Name": "session", "Value": COOKIE, "Quoted": False, "Path": "", "Domain": "", "MaxAge": 0}
    return {
        "Scheme": "http",
        "Host": "127.0.0.1",
        "Port": 9999,
        "SessionCookie": cookie,
        "Dir": "/stash",
        "PluginDir": "/stash/plugins/plexsync",
        **changes,
    }


def test_every_part_of_a_connection_is_parsed() -> None:
    assert parse_connection(server()) == StashConnection(
        url="http://127.0.0.1:9999",
        cookie_name="session",
        cookie_value=COOKIE,
        api_key="",
        plugin_dir="/stash/plugins/plexsync",
    )


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:9999"),
        (None, "http://127.0.0.1:9999"),
        ("0.0.0.0", "http://127.0.0.1:9999"),
        ("::", "http://127.0.0.1:9999"),
        ("[::]", "http://127.0.0.1:9999"),
        ("localhost", "http://localhost:9999"),
        ("nas-1.fritz.box", "http://nas-1.fritz.box:9999"),
        ("192.168.1.5", "http://192.168.1.5:9999"),
        ("::1", "http://[::1]:9999"),
        ("[fe80::1]", "http://[fe80::1]:9999"),
    ],
)
def test_address_of_all_interfaces_becomes_loopback(host: str | None, url: str) -> None:
    assert parse_connection(server(Host=host)).url == url


def test_scheme_is_kept_and_its_case_ignored() -> None:
    assert parse_connection(server(Scheme="HTTPS")).url == "https://127.0.0.1:9999"


@pytest.mark.parametrize("cookie", [None, {}, {"Name": "", "Value": "left over"}])
def test_cookie_is_empty_without_a_login(cookie: object) -> None:
    connection = parse_connection(server(SessionCookie=cookie))
    assert (connection.cookie_name, connection.cookie_value) == ("", "")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        [],
        "http://127.0.0.1",
        {},
        server(Scheme="ftp"),
        server(Scheme=3),
        server(Scheme=None),
        server(Host="127.0.0.1/evil"),
        server(Host="user@host"),
        server(Host="a b"),
        server(Host="a\r\nX: y"),
        server(Host=["h"]),
        server(Port=0),
        server(Port=65536),
        server(Port="9999"),
        server(Port=True),
        server(Port=None),
        server(SessionCookie=[]),
        server(SessionCookie={"Name": "session", "Value": f"{COOKIE}\r\nX-Evil: 1"}),
        server(SessionCookie={"Name": "session", "Value": f"{COOKIE}; other=1"}),
        server(SessionCookie={"Name": "ses sion", "Value": COOKIE}),
        server(SessionCookie={"Name": "session", "Value": 7}),
        server(PluginDir=5),
    ],
)
def test_invalid_connection_is_reported_without_the_cookie(bad: object) -> None:
    with pytest.raises(ValueError, match=r"server_connection|SessionCookie") as caught:
        parse_connection(bad)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(JSON, st.sampled_from(["Scheme", "Host", "Port", "SessionCookie", "PluginDir"]))
def test_any_json_gives_a_connection_or_a_value_error(anything: object, key: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_connection(server(**{key: anything})).url.startswith("http")


def test_repr_shows_neither_cookie_nor_key() -> None:
    connection = StashConnection(url="http://h:1", cookie_name="session", cookie_value=COOKIE, api_key="key-secret")
    assert "secret" not in repr(connection)


def test_example_has_the_keys_of_a_recorded_input() -> None:
    """The recording is next to this file."""
    sent = json.loads(Path(__file__).with_name("server_connection.json").read_text())
    assert parse_connection(sent).url == f"http://127.0.0.1:{sent['Port']}"
    assert set(server()) == set(sent)
