"""The simulated Stash handles files, jobs, the log, credentials and pictures as the real one does."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.real_stash import RealStash
from tests.support.recorder import recorded
from tests.support.stash_operations import PICTURE

if TYPE_CHECKING:
    from tests.support.stash_sides import Side

SCAN = "mutation { job: metadataScan(input: {}) }"
CLEAN = "mutation { job: metadataClean(input: {dryRun: false}) }"
AUTO_TAG = 'mutation { job: metadataAutoTag(input: {performers: "*", studios: "*", tags: "*"}) }'
TASK = 'mutation($t: String, $a: Map) { job: runPluginTask(plugin_id: "recorder", task_name: $t, args_map: $a) }'
SCENES = '{ findScenes(filter: {sort: "id"}) { scenes { id updated_at tags { name } files { basename } } } }'


def updated(side: Side) -> dict[str, str]:
    return {each["id"]: each["updated_at"] for each in side.stash.gql(SCENES)["findScenes"]["scenes"]}


def changed_by(side: Side, mutation: str) -> dict[str, Any]:
    """How the job ended, the plugin's inputs, the scenes afterwards, and those whose `updated_at` changed."""
    before = updated(side)
    time.sleep(1.1)  # Stash's times are whole seconds
    job = side.job(mutation)
    after = updated(side)
    scenes = side.stash.gql(SCENES)["findScenes"]["scenes"]
    shown = [{key: part for key, part in scene.items() if key != "updated_at"} for scene in scenes]
    return {"job": job, "moved": [key for key in after if after[key] != before.get(key)], "scenes": shown}


def assert_alike(sides: tuple[Side, Side], mutation: str) -> dict[str, Any]:
    simulated, real = (changed_by(side, mutation) for side in sides)
    assert simulated == real
    return real


def test_moved_copied_and_deleted_files_are_handled_alike(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.move("a/scene 02.mp4", "a/renamed.mp4")
    assert assert_alike(sides, SCAN)["moved"] == []
    for side in sides:
        side.copy("a/scene 03.mp4", "a/scene 03 again.mp4")
    assert_alike(sides, SCAN)
    for side in sides:
        side.change("a/scene 01.mp4")
    assert assert_alike(sides, SCAN)["moved"] == []
    for side in sides:
        side.remove("a/scene 03.mp4")
        side.remove("a/scene 04.mp4")
    assert_alike(sides, CLEAN)


def test_auto_tag_changes_updated_at_and_fires_no_hook(sides: tuple[Side, Side]) -> None:
    for side in sides:
        side.stash.gql('mutation { tagCreate(input: {name: "scene 01"}) { id } }')
        side.new_inputs()
    assert assert_alike(sides, AUTO_TAG)["moved"] == ["1"]
    assert assert_alike(sides, AUTO_TAG)["moved"] == []


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("Record", {}),
        ("Record", {"days": "9", "extra": {"b": 1, "a": [1.0, None]}}),
        ("Record", {"stderr": "\x01p\x020.25\n"}),
        ("Record", {"stderr": "\x01p\x022.5\n", "exit": 1}),
        ("Record", {"stdout": '{"error": "bad"}'}),
        ("Record", {"stdout": "no JSON"}),
        ("Nothing of that name", {}),
        (None, {"mode": "x"}),
    ],
)
def test_tasks_end_alike(sides: tuple[Side, Side], name: str | None, args: dict[str, Any]) -> None:
    variables = {"t": name, "a": args}
    simulated, real = (side.job(TASK, variables) for side in sides)
    assert simulated == real


def test_stopped_and_waiting_tasks_end_cancelled(sides: tuple[Side, Side]) -> None:
    ends = []
    for side in sides:
        asked = {"t": "Record", "a": {"sleep_s": 60}}
        running, waiting = (side.stash.gql(TASK, asked)["job"] for _ in range(2))
        while not side.new_inputs():
            time.sleep(0.02)
        query = "query($id: ID!) { findJob(input: {id: $id}) { status progress } jobQueue { status } }"
        seen = [side.stash.gql(query, {"id": running})]
        began = time.monotonic()
        for job in (waiting, running):
            side.stash.gql("mutation($id: ID!) { stopJob(job_id: $id) }", {"id": job})
        while side.stash.gql("{ jobQueue { id } }")["jobQueue"]:
            time.sleep(0.02)
        assert time.monotonic() - began < 30  # the task would run for 60
        ends.append([*seen, *(side.stash.gql(query, {"id": job}) for job in (running, waiting)), side.new_inputs()])
    assert ends[0] == ends[1]


STDERR = (
    "\x01i\x02info\n\x01d\x02debug\n\x01w\x02warning\n\x01e\x02error\nplain\n\x01x\x02no level\n\x01i\x02\n\n"
    "\x01i\x02  blanks  \n\x01p\x02no number\n" + "y" * 65535 + "\n\x01i\x02after\n" + "z" * 65536 + "\n"
    "\x01i\x02not read any more\n"
)


def log_of(side: Side) -> list[tuple[str, str]]:
    if not isinstance(side.stash, RealStash):
        return [(line.level, line.text) for line in side.stash.log if line.plugin]
    found = re.findall(r'level=(\w+) msg="\[Plugin / Recorder\] (.*)"', side.stash.log())
    return [(level, text.replace("\\x01", "\x01").replace("\\x02", "\x02")) for level, text in found]


def test_log_has_the_same_lines(sides: tuple[Side, Side]) -> None:
    logs = []
    for side in sides:
        before = len(log_of(side))
        query = 'mutation($a: Map) { runPluginOperation(plugin_id: "recorder", args: $a) }'
        side.stash.gql(query, {"a": {"stderr": STDERR}})
        logs.append(log_of(side)[before:])
        side.new_inputs()
    assert logs[0] == logs[1]


KEPT = ("Content-Type", "Etag", "Cache-Control", "Www-Authenticate", "Location")


def looks(side: Side, path: str, headers: dict[str, str] | None = None, data: bytes | None = None) -> dict[str, Any]:
    answer = side.http(path, headers, data)
    named = {key.title(): part for key, part in answer.headers.items()}
    shown = {key: named[key] for key in KEPT if key in named}
    if answer.status == 200 and shown.get("Content-Type") == "text/html":
        return {"status": 200, "headers": "a page", "bytes": "any"}
    return {"status": answer.status, "headers": shown, "bytes": len(answer.body)}


def test_pictures_are_served_alike(sides: tuple[Side, Side]) -> None:
    simulated, real = sides
    for side in sides:
        side.stash.update_scene(1, cover_image=PICTURE)
        query = "mutation($i: PerformerCreateInput!) { performerCreate(input: $i) { id } }"
        side.stash.gql(query, {"i": {"name": "with picture", "image": PICTURE}})
        side.new_inputs()
    etag = looks(real, "/scene/1/screenshot")["headers"]["Etag"]
    paths = ["/scene/1/screenshot", "/scene/1/screenshot?t=5", "/scene/99/screenshot", "/scene/x/screenshot"]
    for path in [*paths, "/performer/1/image", "/performer/99/image", "/any/page"]:
        assert looks(simulated, path) == looks(real, path), path
    for tag in (etag, '"another"'):
        asked = {"If-None-Match": tag}
        assert looks(simulated, paths[0], asked) == looks(real, paths[0], asked)
    stand_in = looks(real, "/scene/2/screenshot")
    assert {**stand_in["headers"], "Etag": ""} == {**looks(simulated, "/scene/2/screenshot")["headers"], "Etag": ""}
    assert stand_in["bytes"] == looks(simulated, "/scene/2/screenshot")["bytes"] == 733


QUESTION = json.dumps({"query": "{ version { version } }"}).encode()
JSON = {"Content-Type": "application/json"}


def test_logins_are_refused_and_accepted_alike(sides: tuple[Side, Side]) -> None:
    """Last in this file: both are protected from here on."""
    wrong = {**JSON, "ApiKey": "wrong"}
    simulated, real = ([looks(side, "/graphql", wrong, QUESTION), *looks_of_a_protected(side)] for side in sides)
    assert simulated == real


def looks_of_a_protected(side: Side) -> list[Any]:
    key = side.stash.protect("user", "secret")
    side.stash.update_scene(1, title="as a user")
    cookie = json.loads(recorded(side.seen)[-1]["stdin"])["server_connection"]["SessionCookie"]["Value"]
    credentials = [{}, {"ApiKey": key}, {"ApiKey": "no"}, {"Cookie": f"session={cookie}"}, {"Cookie": "session=MTIz"}]
    paths = ["/scene/1/screenshot?t=1&x=a%20b", "/login", "/", "/performer/1/image", "/scene/1/screenshot?apikey=no"]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    words = (b"no", b"secret")
    return [
        *(looks(side, "/graphql", {**JSON, **each}, QUESTION) for each in credentials),
        *(looks(side, path) for path in paths),
        looks(side, f"/scene/1/screenshot?apikey={key}"),
        *(looks(side, "/login", form, b"username=user&password=" + word) for word in words),
    ]
