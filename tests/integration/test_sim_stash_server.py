"""The simulated Stash over HTTP: queries, credentials, pictures, faults, stop and restart."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from sim.stash.library import seconds_of
from sim.stash.simulator import GraphQLRefusedError, StashSim
from tests.support.recorder import install_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COVER = "data:image/png;base64,iVBORw0KGgo="
VERSION = b'{"query": "{ version { version } }"}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def stash() -> Iterator[StashSim]:
    with StashSim() as stash:
        yield stash


def ask(
    stash: StashSim, path: str = "/graphql", headers: dict[str, str] | None = None, body: bytes | None = VERSION
) -> tuple[int, dict[str, str], bytes]:
    """Ask as a plugin would; redirects are not followed."""
    connection = http.client.HTTPConnection(stash.url.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST" if body else "GET", path, body, JSON if headers is None else headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_times_have_the_offset_of_the_server_and_whole_seconds(stash: StashSim) -> None:
    stash.add_scene("/data/a.mp4")
    updated_at = stash.gql("{ findScene(id: 1) { updated_at } }")["findScene"]["updated_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+02:00", updated_at)
    assert abs(seconds_of(updated_at) - time.time()) < 60


def test_errors_of_validation_are_422_and_those_of_resolvers_200(stash: StashSim) -> None:
    status, _, body = ask(stash, body=b'{"query": "{ nothing }"}')
    assert (status, json.loads(body)["errors"][0]["extensions"]["code"]) == (422, "GRAPHQL_VALIDATION_FAILED")
    stash.add_scene("/data/a.mp4")
    status, _, body = ask(stash, body=b'{"query": "{ findScenes(ids: [1, 99]) { count } }"}')
    assert (status, json.loads(body)["data"]) == (200, None)
    assert json.loads(body)["errors"] == [{"message": "scene with id 99 not found", "path": ["findScenes"]}]


def test_updated_at_is_compared_as_text(stash: StashSim) -> None:
    """An earlier time written with another offset counts as later: Stash does not convert."""
    stash.add_scene("/data/a.mp4", updated_at="2024-05-06T07:08:09+02:00")
    criterion = "{updated_at: {value: $t, modifier: GREATER_THAN}}"
    query = f"query($t: String!) {{ findScenes(scene_filter: {criterion}) {{ count }} }}"
    counts = [
        stash.gql(query, {"t": since})["findScenes"]["count"]
        for since in ("2024-05-06T05:08:10Z", "2024-05-06T07:08:09+01:00", "2024-05-06T07:08:09+02:00", "2024-05-06T08")
    ]
    assert counts == [1, 1, 0, 0]


def test_a_bad_edit_changes_nothing(stash: StashSim) -> None:
    scene = stash.add_scene("/data/a.mp4", title="old")
    for bad in ({"date": "nonsense"}, {"tag_ids": ["99"]}, {"cover_image": "data:image/png;base64,!!!"}):
        with pytest.raises(GraphQLRefusedError):
            stash.update_scene(scene, title="new", **bad)
    with pytest.raises(GraphQLRefusedError):
        stash.bulk_update([scene, 99], title="new")
    with pytest.raises(GraphQLRefusedError):
        stash.update_scenes([{"id": "1", "title": "new"}, {"id": "1", "title": "new", "studio_id": "5"}])
    assert stash.library.scenes[scene].title == "old"


def test_a_page_can_hold_ten_thousand_scenes(stash: StashSim) -> None:
    for number in range(10_000):
        stash.add_scene(f"/data/{number}.mp4", tags=("even",) if number % 2 == 0 else ())
    found = []
    criteria, order = "{tags: {value: [1], modifier: INCLUDES}}", '{sort: "id", page: $p, per_page: 2000}'
    arguments = f"scene_filter: {criteria}, filter: {order}"
    for page in range(1, 5):
        query = f"query($p: Int!) {{ findScenes({arguments}) {{ count scenes {{ id }} }} }}"
        answer = stash.gql(query, {"p": page})["findScenes"]
        found += [int(scene["id"]) for scene in answer["scenes"]]
        assert answer["count"] == 5000
    assert found == list(range(1, 10_001, 2))


# --- pictures ---


def test_a_covers_etag_comes_from_its_bytes(stash: StashSim) -> None:
    scene = stash.add_scene("/data/a.mp4")
    status, headers, body = ask(stash, "/scene/1/screenshot", {}, None)
    assert (status, headers["Content-Type"], len(body)) == (200, "image/svg+xml", 733)
    stash.update_scene(scene, cover_image=COVER)
    _, headers, body = ask(stash, "/scene/1/screenshot?t=1", {}, None)
    assert (headers["Content-Type"], body) == ("image/png", b"\x89PNG\r\n\x1a\n")
    asked_again = ask(stash, "/scene/1/screenshot?t=2", {"If-None-Match": headers["ETag"]}, None)
    assert (asked_again[0], asked_again[2]) == (304, b"")
    stash.library.scenes[scene].cover = b"\xff\xd8\xff another"
    _, changed, _ = ask(stash, "/scene/1/screenshot", {"If-None-Match": headers["ETag"]}, None)
    assert (changed["Content-Type"], changed["ETag"] == headers["ETag"]) == ("image/jpeg", False)
    assert ask(stash, "/scene/99/screenshot", {}, None)[0] == 404


def test_the_address_tells_that_a_performer_has_no_picture(stash: StashSim) -> None:
    stash.add_entity("performer", "without")
    stash.create("performer", "with", image=COVER)
    found = stash.gql("{ findPerformers { performers { image_path } } }")["findPerformers"]["performers"]
    paths = [performer["image_path"] for performer in found]
    assert [path.endswith("&default=true") for path in paths] == [False, True]
    assert ask(stash, "/performer/2/image", {}, None)[2] == b"\x89PNG\r\n\x1a\n"


# --- credentials ---


def test_even_an_open_stash_refuses_a_wrong_key(stash: StashSim) -> None:
    assert ask(stash)[0] == 200
    assert ask(stash, headers={**JSON, "Cookie": "session=any"})[0] == 200
    status, _, body = ask(stash, headers={**JSON, "ApiKey": "wrong"})
    assert (status, body) == (401, b"")


def test_a_protected_stash_accepts_key_or_cookie(stash: StashSim) -> None:
    key = stash.protect("user", "word")
    assert ask(stash)[::2] == (401, b"")
    assert ask(stash, headers={**JSON, "ApiKey": key})[0] == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert ask(stash, "/login", form, b"username=user&password=no")[0] == 401
    cookie = ask(stash, "/login", form, b"username=user&password=word")[1]["Set-Cookie"].split(";")[0]
    assert ask(stash, headers={**JSON, "Cookie": cookie})[0] == 200
    stash.expire_sessions()
    assert ask(stash, headers={**JSON, "Cookie": cookie})[0] == 401
    assert stash.gql("{ configuration { general { apiKey } } }")["configuration"]["general"]["apiKey"] == key


def test_a_picture_request_without_credentials_ends_at_the_login_page(stash: StashSim) -> None:
    stash.add_scene("/data/a.mp4")
    stash.protect("user", "word")
    status, headers, _ = ask(stash, "/scene/1/screenshot?t=5", {}, None)
    assert (status, headers["Location"]) == (302, "/login?returnURL=%2Fscene%2F1%2Fscreenshot%3Ft%3D5")
    status, headers, _ = ask(stash, headers["Location"], {}, None)
    assert (status, headers["Content-Type"]) == (200, "text/html")


def test_the_plugins_cookie_belongs_to_its_user(tmp_path: Path) -> None:
    with StashSim(plugin=install_recorder(tmp_path)) as stash:
        stash.protect("user", "word")
        stash.update_scene(stash.add_scene("/data/a.mp4"), title="x")
        cookie = json.loads(stash.invocations[0].stdin)["server_connection"]["SessionCookie"]["Value"]
        assert ask(stash, headers={**JSON, "Cookie": f"session={cookie}"})[0] == 200
        stash.expire_sessions()
        assert ask(stash, headers={**JSON, "Cookie": f"session={cookie}"})[0] == 401


# --- stop and restart ---


def test_a_stopped_stash_refuses_connections_and_comes_back_at_the_same_port(stash: StashSim) -> None:
    stash.add_scene("/data/a.mp4", title="kept")
    url = stash.url
    stash.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(stash)
    stash.start()
    assert stash.url == url
    assert stash.gql("{ findScene(id: 1) { title } }") == {"findScene": {"title": "kept"}}


def test_faults_spare_the_tests_own_requests(stash: StashSim) -> None:
    rule = stash.fail(Fault.answer(500), times=2)
    assert [ask(stash)[0] for _ in range(3)] == [500, 500, 200]
    stash.fail(Fault.truncated())
    with pytest.raises(http.client.IncompleteRead):
        ask(stash)
    stash.heal()
    stash.fail(Fault.dropped(), when=lambda request: request.path == "/graphql")
    with pytest.raises(ConnectionError):
        ask(stash)
    assert ask(stash, "/", {}, None)[0] == 200
    assert stash.gql("{ version { version } }") == {"version": {"version": "v0.30.1"}}
    assert rule.hits == 2


def test_a_slow_answer_is_late_and_right(stash: StashSim) -> None:
    stash.fail(Fault.slow(0.2))
    began = time.monotonic()
    assert ask(stash)[0] == 200
    assert time.monotonic() - began >= 0.2


def test_a_hanging_request_ends_when_stash_stops(stash: StashSim) -> None:
    stash.fail(Fault.hang())
    raised: list[BaseException] = []

    def hang() -> None:
        try:
            ask(stash)
        except (ConnectionError, http.client.HTTPException) as error:
            raised.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not stash.requests:
        time.sleep(0.01)
    stash.stop()
    thread.join(60)
    assert len(raised) == 1


def test_queries_are_recorded_with_their_variables(stash: StashSim) -> None:
    body: dict[str, Any] = {"query": "query($i: ID!) { findScene(id: $i) { id } }", "variables": {"i": "5"}}
    ask(stash, body=json.dumps(body).encode())
    (seen,) = stash.requests
    assert (seen.query, seen.variables, seen.by, seen.status) == (body["query"], {"i": "5"}, "nothing", 200)
