"""A cover becomes poster and background, and is uploaded once as each even if answers get lost."""

from __future__ import annotations

import base64
import os
import signal
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault

if TYPE_CHECKING:
    from sim.plex.simulator import Request
    from tests.support.plugin_world import PluginWorld

RED, BLUE = (b"\xff\xd8\xff" + color * 50 for color in (b"red", b"blue"))


def data_url(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def posters(world: PluginWorld, scene: int) -> list[bytes]:
    return [picture.data for picture in world.item(scene).posters]


def arts(world: PluginWorld, scene: int) -> list[bytes]:
    return [picture.data for picture in world.item(scene).arts]


def save(world: PluginWorld, scene: int, **fields: object) -> None:
    world.stash.update_scene(scene, **fields)
    world.wait_idle()


def is_upload(request: Request) -> bool:
    return request.method == "POST"


def cover_requests(world: PluginWorld) -> list[int]:
    """The statuses of the requests to Stash for covers."""
    return [request.status for request in world.stash.requests if request.path.endswith("/screenshot")]


def test_ten_saves_of_one_scene_cost_one_upload_of_each_kind_and_one_put(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    for _ in range(10):
        save(world, scene, title="Same")
    assert (posters(world, scene), arts(world, scene)) == ([RED], [RED])
    assert sum(request.method == "PUT" for request in world.plex.requests) == 1
    assert len([request for request in world.plex.requests if "/posters" in request.path]) == 1  # upload
    first, *others = cover_requests(world)
    assert (first, set(others)) == (200, {304})
    # Catch-up may look once more at a scene that was pushed within the second of its edit.
    assert len(others) in (9, 10)
    assert {"thumb", "art"} <= world.item(scene).locked


def test_a_changed_cover_is_uploaded_and_an_earlier_one_selected_again(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    save(world, scene, cover_image=data_url(BLUE))
    assert posters(world, scene) == [RED, BLUE]
    save(world, scene, cover_image=data_url(RED))
    assert posters(world, scene) == [RED, BLUE]
    shown = {picture.key: picture.data for picture in world.item(scene).posters}
    assert shown[world.item(scene).selected_poster] == RED


def times_reported(world: PluginWorld, words: str) -> dict[str, int]:
    logs = {"plexsync.log": world.log_text().splitlines(), "Stash's log": [line.text for line in world.stash.log]}
    return {name: sum(words in line for line in lines) for name, lines in logs.items()}


def test_stashs_placeholder_is_not_uploaded(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    save(world, scene, title="A")
    assert cover_requests(world) == [200]
    assert not any(is_upload(request) for request in world.plex.requests)
    assert world.problems() == []


@pytest.mark.parametrize("content", [RED.ljust(10_480_001, b"x"), b"%PDF-1.4 no picture"], ids=["large", "pdf"])
def test_a_cover_that_plex_would_refuse_is_reported_once_and_not_sent(world: PluginWorld, content: bytes) -> None:
    (scene,) = world.add_scenes(1, cover=content)
    save(world, scene, title="A")
    save(world, scene, title="B")
    assert world.item(scene).title == "B"
    assert posters(world, scene) == []
    assert times_reported(world, "cover") == {"plexsync.log": 1, "Stash's log": 1}


def test_the_largest_cover_that_plex_takes_is_sent(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED.ljust(10_480_000, b"x"))
    save(world, scene, title="A")
    assert (len(posters(world, scene)), len(arts(world, scene))) == (1, 1)
    assert world.problems() == []


def test_a_cover_that_a_proxy_finds_too_large_is_reported_once_and_not_tried_again(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    world.plex.quirks.body_bytes = len(RED) - 1
    for title in ("A", "B", "C"):
        save(world, scene, title=title)
    assert world.item(scene).title == "C"
    assert [request.status for request in world.plex.requests if is_upload(request)] == [413]
    assert times_reported(world, "(413)") == {"plexsync.log": 1, "Stash's log": 1}
    world.stash.run_task("Sync All Scenes")
    save(world, scene, organized=True)
    assert len([request for request in world.plex.requests if is_upload(request)]) == 1
    world.plex.quirks.body_bytes = None
    save(world, scene, cover_image=data_url(BLUE))
    assert (posters(world, scene), arts(world, scene)) == ([BLUE], [BLUE])


def test_skipped_pictures_are_left_alone_until_the_setting_changes(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    world.configure(skip_poster=True)
    save(world, scene, title="A")
    assert (posters(world, scene), arts(world, scene)) == ([], [RED])
    world.configure()
    save(world, scene, title="B")
    assert (posters(world, scene), arts(world, scene)) == ([RED], [RED])


@pytest.mark.parametrize("fault", [Fault.dropped(after=True), Fault.truncated(), Fault.answer(500, after=True)])
def test_an_upload_whose_answer_is_lost_is_not_sent_again(world: PluginWorld, fault: Fault) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    world.plex.fault(fault, when=is_upload, times=1)
    save(world, scene, title="A")
    assert (posters(world, scene), arts(world, scene)) == ([RED], [RED])
    assert world.item(scene).title == "A"


def test_a_failed_upload_is_tried_again_and_holds_up_nothing_else(world: PluginWorld) -> None:
    scenes = world.add_scenes(8, cover=RED)
    rule = world.plex.fault(Fault.answer(500), when=is_upload)
    for scene in scenes:
        world.stash.update_scene(scene, title=f"Title {scene}")
    world.wait_for_titles({scene: f"Title {scene}" for scene in scenes})
    status = world.stash.operation(mode="queue_status")
    assert status["circuit"]["state"] == "closed"
    world.wait_until(lambda: bool(world.problems()), "a message about the covers")
    assert any("cover could not be sent" in line for line in world.problems())
    world.plex.heal(rule)
    world.wait_until(lambda: sum(posters(world, each) == [RED] for each in scenes) >= 1, "a cover")
    world.wait_idle()


def test_a_cover_that_stash_cannot_serve_holds_up_nothing_else(world: PluginWorld) -> None:
    scene, other = world.add_scenes(2, cover=RED)
    rule = world.stash.fail(Fault.answer(500), when=lambda request: request.path == f"/scene/{scene}/screenshot")
    world.stash.update_scene(scene, title="A")
    world.stash.update_scene(other, title="B")
    world.wait_for_titles({scene: "A", other: "B"})
    world.wait_until(lambda: posters(world, other) == [RED], "the other scene's cover")
    world.stash.heal(rule)
    world.wait_until(lambda: posters(world, scene) == [RED], "the cover")


def test_an_upload_during_which_the_worker_is_killed_is_not_sent_again(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    rule = world.plex.fault(Fault.hang(after=True), when=is_upload)
    world.stash.update_scene(scene, title="A")
    world.wait_until(lambda: posters(world, scene) == [RED], "the upload")
    pid = world.wait_for_worker()
    os.kill(pid, signal.SIGKILL)
    world.plex.heal(rule)
    world.wait_until(lambda: world.worker_pid() != pid, "the worker's death")
    save(world, scene, title="B")
    assert (posters(world, scene), arts(world, scene)) == ([RED], [RED])
    assert world.item(scene).title == "B"


def test_a_poster_chosen_by_a_person_stays_with_keep_plex_edits_and_only_then(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    world.configure(keep_plex_edits=True)
    save(world, scene, title="A")
    world.plex._library.upload_picture(world.keys[scene], "posters", b"hers")
    hers = world.item(scene).selected_poster
    for title in ("B", "C"):
        save(world, scene, title=title, cover_image=data_url(BLUE))
        assert world.item(scene).selected_poster == hers
    assert posters(world, scene) == [RED, b"hers"]
    assert arts(world, scene) == [RED, BLUE]
    world.configure()
    save(world, scene, title="D")
    assert posters(world, scene) == [RED, b"hers", BLUE]


def test_a_replaced_item_gets_its_pictures_again(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    world.keys[scene] = world.plex.replace_file(world.keys[scene], files=world.item(scene).files)
    save(world, scene, cover_image=data_url(BLUE))
    assert world.item(scene).title == "A"
    assert posters(world, scene) == [BLUE]
