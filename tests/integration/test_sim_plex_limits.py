"""What the simulated Plex, or a proxy in front of it, refuses because of its length or its form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pytest
import requests

from sim.faults import Fault, is_read, is_write
from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEM_READS = ("/library/metadata/1", "/library/metadata/1/posters")
PAGE = {"X-Plex-Container-Start": "0", "X-Plex-Container-Size": "5000"}
EDIT = "/library/sections/1/all?type=1&id=1&summary.value="


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        sim.add_item(1, files=[("/media/a.mp4", 1)], genres=("g",))
        yield sim


def ask(
    plex: PlexSim, path: str, method: str = "GET", *, headers: dict[str, str] | None = None, data: bytes = b""
) -> requests.Response:
    every = {"X-Plex-Token": TOKEN, **(headers or {})}
    return requests.request(method, plex.url + path, headers=every, data=data, timeout=30)


def line_of(path: str, method: str = "PUT") -> int:
    return len(f"{method} {path} HTTP/1.1")


@pytest.mark.parametrize(("limit", "status"), [(31_000, 400), (8_000, 414)])
def test_a_request_line_over_the_limit_is_refused_before_it_has_an_effect(
    plex: PlexSim, limit: int, status: int
) -> None:
    plex.quirks.request_line_bytes, plex.quirks.long_line_status = limit, status
    fits = EDIT + "x" * (limit - line_of(EDIT))
    assert ask(plex, fits + "x", "PUT").status_code == status
    assert plex.item(1).summary == ""
    assert ask(plex, fits, "PUT").status_code == 200
    assert set(plex.item(1).summary) == {"x"}
    assert [(request.line_bytes, request.status) for request in plex.requests] == [(limit + 1, status), (limit, 200)]
    assert ask(plex, f"/library/metadata/{','.join(['1'] * limit)}").status_code == status


def test_the_limit_is_that_of_plex_unless_set_and_there_may_be_none(plex: PlexSim) -> None:
    text = "Ж" * 10_000
    long = EDIT + quote(text)
    assert line_of(long) > 31_000
    assert ask(plex, long, "PUT").status_code == 400
    plex.quirks.request_line_bytes = None
    assert ask(plex, long, "PUT").status_code == 200
    assert plex.item(1).summary == text


def test_a_body_over_the_limit_of_a_proxy_is_refused(plex: PlexSim) -> None:
    plex.quirks.body_bytes = 1000
    statuses = [
        ask(plex, "/library/metadata/1/posters", "POST", data=b"x" * size).status_code for size in (1000, 1001)
    ]
    assert statuses == [200, 413]
    assert len(plex.item(1).posters) == 1


@pytest.mark.parametrize(
    "path", ["/library/sections/1/all?type=1", "/library/sections/1/genre", *ITEM_READS]
)
def test_reads_without_a_page_may_be_refused(plex: PlexSim, path: str) -> None:
    assert ask(plex, path).status_code == 200
    plex.quirks.needs_page = True
    assert ask(plex, path).status_code == 400
    half = {name: value for name, value in PAGE.items() if name.endswith("Start")}
    assert ask(plex, path, headers=half).status_code == 400
    assert ask(plex, path, headers=PAGE).status_code == 200
    in_query = "&".join(f"{name}={value}" for name, value in PAGE.items())
    assert ask(plex, f"{path}{'&' if '?' in path else '?'}{in_query}").status_code == 200
    assert {ask(plex, other).status_code for other in ("/", "/identity", "/library/sections")} == {200}
    assert ask(plex, EDIT + "x", "PUT").status_code == 200


@pytest.mark.parametrize("path", ["/library/sections/1/all?type=1", "/library/metadata/5,4,3,2,1"])
def test_a_page_may_hold_fewer_items_than_asked_for(plex: PlexSim, path: str) -> None:
    for number in range(4):
        plex.add_item(1, files=[(f"/media/{number}.mp4", 1)])
    plex.quirks.page_items = 3
    keys, start = list[str](), 0
    for expected in (3, 2):
        page = ET.fromstring(ask(plex, path, headers={**PAGE, "X-Plex-Container-Start": str(start)}).content)
        assert (page.get("size"), page.get("totalSize"), page.get("offset")) == (str(expected), "5", str(start))
        keys += [video.attrib["ratingKey"] for video in page]
        start += len(page)
    assert sorted(keys) == ["1", "2", "3", "4", "5"]
    assert len(ET.fromstring(ask(plex, path).content)) == 3


def test_a_read_may_ask_for_no_refresh_and_no_check_of_files(plex: PlexSim) -> None:
    answer = ask(plex, "/library/metadata/1?skipRefresh=1&checkFiles=0")
    assert answer.content == ask(plex, "/library/metadata/1").content
    assert plex.requests[0].query == (("skipRefresh", "1"), ("checkFiles", "0"))
    assert len(ET.fromstring(ask(plex, "/library/sections/1/all?type=1&checkFiles=0&skipRefresh=1").content)) == 1


def test_a_fault_can_hit_writes_alone_or_reads_alone(plex: PlexSim) -> None:
    requests_of = {
        is_write: (("PUT", EDIT + "x"), ("POST", "/library/metadata/1/posters"), ("PUT", "/:/rate?key=1&rating=3")),
        is_read: (("GET", "/library/sections"), ("GET", "/library/metadata/1"), ("GET", "/identity")),
    }
    for struck in requests_of:
        rule = plex.fault(Fault.answer(503), when=struck)
        for when, asked in requests_of.items():
            statuses = {ask(plex, path, method, data=b"picture").status_code for method, path in asked}
            assert statuses == ({503} if when is struck else {200})
        plex.heal(rule)
