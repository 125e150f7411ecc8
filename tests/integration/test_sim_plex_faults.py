"""The faults of the simulated Plex, and that it always stops quickly."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import requests
from plexapi.exceptions import BadRequest

from sim.faults import PROXY_PAGE, Fault
from sim.plex.simulator import PlexSim
from tests.support.plex_by_plexapi import TOKEN, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 60.0  # for what a busy machine delays
SHORT_S = 0.05


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        yield sim


@pytest.fixture
def key(plex: PlexSim) -> int:
    return plex.add_item(1, files=[("/media/a.mp4", 1)], title="before")


def ask(plex: PlexSim, path: str = "/library/sections", *, method: str = "GET", timeout: float = PATIENCE_S) -> Any:
    return requests.request(
        method, plex.url + path, headers={"X-Plex-Token": TOKEN}, timeout=timeout, allow_redirects=False
    )


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def retitle(plex: PlexSim, key: int, *, timeout: float = PATIENCE_S) -> Any:
    return ask(plex, f"/library/sections/1/all?type=1&id={key}&title.value=after", method="PUT", timeout=timeout)


def test_a_switched_off_server_comes_back_at_the_same_port(plex: PlexSim) -> None:
    session = requests.Session()
    session.headers["X-Plex-Token"] = TOKEN
    assert session.get(plex.url + "/library").ok
    for _ in range(3):
        plex.fault(Fault.refused())
        with pytest.raises(requests.ConnectionError, match="refused"):
            session.get(plex.url + "/identity")
        plex.heal()
        assert session.get(plex.url + "/library").ok


def test_a_closed_port_stays_reserved(plex: PlexSim) -> None:
    plex.fault(Fault.refused())
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", plex.port))


def test_a_closed_port_takes_no_conditions(plex: PlexSim) -> None:
    with pytest.raises(ValueError, match="no conditions"):
        plex.fault(Fault.refused(), times=1)


def test_healing_ends_a_hanging_request_without_an_answer(plex: PlexSim) -> None:
    plex.fault(Fault.hang(), path="/library")
    errors: list[Exception] = []

    def wait() -> None:
        try:
            ask(plex)
        except requests.RequestException as error:
            errors.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert plex.wait_for_requests(1, timeout_s=PATIENCE_S)
    assert ask(plex, "/identity").ok
    assert plex.requests[0].status is None
    plex.heal()
    waiting.join(PATIENCE_S)
    assert isinstance(errors[0], requests.ConnectionError)
    assert plex.requests[0].status is None
    assert ask(plex).ok


def test_a_hanging_request_times_out(plex: PlexSim, key: int) -> None:
    plex.fault(Fault.hang(after=True), method="PUT")
    with pytest.raises(requests.ReadTimeout):
        retitle(plex, key, timeout=SHORT_S)
    wait_until(lambda: plex.item(key).title == "after")


def test_a_starting_server_answers_identity_only(plex: PlexSim) -> None:
    plex.fault(Fault.starting())
    assert (ask(plex, "/identity").status_code, ask(plex).status_code) == (200, 503)
    plex.heal()
    plex.fault(Fault.starting(identity=False))
    assert ask(plex, "/identity").status_code == 503


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.answer(500), 500),
        (Fault.answer(502), 502),
        (Fault.unauthorized(), 401),
        (Fault.forbidden(), 403),
        (Fault.busy(), 429),
        (Fault.html(), 200),
        (Fault.redirect("http://127.0.0.1:1/"), 302),
    ],
)
def test_error_answers_come_as_often_as_asked_for_and_change_nothing(
    plex: PlexSim, key: int, fault: Fault, status: int
) -> None:
    rule = plex.fault(fault, method="PUT", times=2)
    assert [retitle(plex, key).status_code for _ in range(2)] == [status, status]
    assert plex.item(key).title == "before"
    assert (retitle(plex, key).status_code, plex.item(key).title) == (200, "after")
    assert rule.hits == 2
    assert [request.status for request in plex.requests] == [status, status, 200]


def test_busy_sends_retry_after_if_given(plex: PlexSim) -> None:
    plex.fault(Fault.busy("17"), times=1)
    plex.fault(Fault.busy(), times=1)
    assert ask(plex).headers["Retry-After"] == "17"
    assert "Retry-After" not in ask(plex).headers


def test_a_proxys_page_and_a_redirect_are_complete_answers(plex: PlexSim) -> None:
    plex.fault(Fault.html(), times=1)
    plex.fault(Fault.redirect("https://elsewhere/"), times=1)
    assert ask(plex).content == PROXY_PAGE
    assert ask(plex).headers["Location"] == "https://elsewhere/"


@pytest.mark.parametrize(("after", "title"), [(False, "before"), (True, "after")])
def test_a_dropped_edit_takes_effect_if_dropped_after_it(plex: PlexSim, key: int, after: bool, title: str) -> None:
    plex.fault(Fault.dropped(after=after), method="PUT", times=1)
    with pytest.raises(requests.ConnectionError):
        retitle(plex, key)
    assert plex.item(key).title == title
    assert plex.requests[0].status is None


def test_an_error_after_the_edit_leaves_it_in_effect(plex: PlexSim, key: int) -> None:
    plex.fault(Fault.answer(500, after=True), rating_key=key)
    assert retitle(plex, key).status_code == 500
    assert plex.item(key).title == "after"


def test_a_truncated_answer_is_shorter_than_announced(plex: PlexSim, key: int) -> None:
    plex.fault(Fault.truncated(), times=2)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        ask(plex)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        retitle(plex, key)
    assert plex.item(key).title == "after"
    assert ask(plex).ok


def test_a_fault_can_hit_one_item_only(plex: PlexSim, key: int) -> None:
    other = plex.add_item(1, files=[("/media/b.mp4", 1)])
    plex.fault(Fault.answer(500), rating_key=key)
    server = connect(plex)
    assert server.fetchItem(other).title == "b"
    with pytest.raises(BadRequest):
        server.fetchItems([key, other])
    with pytest.raises(BadRequest):
        server.query(f"/:/rate?key={key}&rating=5")
    assert retitle(plex, key).status_code == 500


def test_a_slow_answer_is_late_even_if_the_client_has_left(plex: PlexSim, key: int) -> None:
    plex.fault(Fault.slow(1.0, after=True), method="PUT", times=1)
    with pytest.raises(requests.ReadTimeout):
        retitle(plex, key, timeout=SHORT_S)
    wait_until(lambda: plex.item(key).title == "after")
    wait_until(lambda: plex.requests[0].status is not None)
    plex.fault(Fault.slow(0.1), times=1)
    began = time.monotonic()
    assert ask(plex).ok
    assert time.monotonic() - began >= 0.1


def test_a_request_takes_effect_once_however_late_the_answer(plex: PlexSim, key: int) -> None:
    with PlexSim() as pictures:
        for fault in (Fault.slow(0.01, after=True), Fault.slow(0.01), Fault.truncated()):
            plex.fault(fault, times=1)
            with suppress(requests.exceptions.ChunkedEncodingError):
                ask(plex, f"/library/metadata/{key}/posters?url={pictures.url}/identity", method="POST")
        assert len(pictures.requests) == 3  # Plex fetches a picture for each upload that takes effect


def test_latency_delays_every_answer(plex: PlexSim) -> None:
    plex.latency_s = 0.1
    assert ask(plex).elapsed.total_seconds() >= 0.1


def test_healing_one_rule_leaves_the_other(plex: PlexSim) -> None:
    broken = plex.fault(Fault.answer(500), path="/library")
    plex.fault(Fault.forbidden())
    assert ask(plex).status_code == 500
    plex.heal(broken)
    assert ask(plex).status_code == 403


def test_switching_off_ends_hanging_requests(plex: PlexSim, key: int) -> None:
    plex.fault(Fault.slow(60), method="PUT")
    with pytest.raises(requests.ReadTimeout):
        retitle(plex, key, timeout=SHORT_S)
    began = time.monotonic()
    plex.fault(Fault.refused())
    assert time.monotonic() - began < 30
    assert plex.item(key).title == "before"
    plex.heal()
    assert retitle(plex, key).ok


@pytest.mark.parametrize("fault", [Fault.hang(), Fault.slow(60), Fault.hang(after=True)])
def test_a_stop_is_quick_whatever_hangs_and_leaves_no_thread(fault: Fault) -> None:
    before = threading.active_count()
    plex = PlexSim(token=TOKEN)
    with plex, socket.create_connection(("127.0.0.1", plex.port)), requests.Session() as idle:
        idle.get(plex.url + "/identity")
        plex.fault(fault)
        with pytest.raises(requests.ReadTimeout):
            ask(plex, timeout=SHORT_S)
        began = time.monotonic()
        plex.stop()
        assert time.monotonic() - began < 30
        assert threading.active_count() == before


def test_the_log_keeps_the_names_of_headers_but_no_values(plex: PlexSim) -> None:
    ask(plex, "/library/sections/1/all?type=1&file=a%20b")
    request = plex.requests[0]
    assert (request.method, request.path) == ("GET", "/library/sections/1/all")
    assert request.query == (("type", "1"), ("file", "a b"))
    assert "x-plex-token" in request.headers
    assert TOKEN not in repr(request)
    assert abs(request.at - time.time()) < 60
    plex.clear_requests()
    assert plex.requests == []


def test_many_clients_at_once(plex: PlexSim) -> None:
    keys = [plex.add_item(1, files=[(f"/media/{number}.mp4", 1)]) for number in range(8)]
    threads = [threading.Thread(target=_edit_often, args=(plex, key)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [plex.item(key).genres for key in keys] == [tuple(f"tag {n}" for n in range(20))] * 8
    assert {request.status for request in plex.requests} == {200}


def _edit_often(plex: PlexSim, key: int) -> None:
    session = requests.Session()
    for number in range(20):
        url = f"{plex.url}/library/metadata/{key}?genre[0].tag.tag=tag%20{number}&X-Plex-Token={TOKEN}"
        session.put(url, timeout=30)
