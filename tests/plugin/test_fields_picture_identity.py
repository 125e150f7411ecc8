"""A picture that Plex has already is not sent again, and not taken for a person's choice."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.plugin.test_fields_pictures import BLUE, RED, arts, data_url, is_upload, posters, save

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

GREEN = b"\xff\xd8\xff" + b"green" * 50


def uploads(world: PluginWorld) -> int:
    return len([request for request in world.plex.requests if is_upload(request)])


def selections(world: PluginWorld) -> int:
    return len([request for request in world.plex.requests if request.path.endswith(("/poster", "/art"))])


def shown_poster(world: PluginWorld, scene: int) -> bytes:
    item = world.item(scene)
    return next((picture.data for picture in item.posters if picture.key == item.selected_poster), b"")


def start_over(world: PluginWorld) -> None:
    """The plugin's data folder is deleted, and everything synchronized again."""
    world.wait_idle()
    world.stop_workers()
    shutil.rmtree(world.directory)
    world.plex.clear_requests()
    world.stash.run_task("Sync All Scenes")
    world.wait_idle()


def wait_for_locks(world: PluginWorld, *scenes: int) -> None:
    """Until they are set and PlexSync has nothing more to check, which would lock again what a test unlocks."""
    world.wait_until(lambda: all({"thumb", "art"} <= world.item(scene).locked for scene in scenes), "the locks")
    world.wait_until(lambda: not unchecked_locks(world), "the check of the locks")


def unchecked_locks(world: PluginWorld) -> int:
    with closing(sqlite3.connect(world.directory / "sync_state.db", timeout=10)) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM unchecked_lock").fetchone()
    return int(count)


def write_old_ledger(world: PluginWorld, content: bytes, *, keys: dict[str, str] | None = None) -> None:
    """Rewrite what is stored about pictures as a version did that did not know the keys of uploads in advance."""
    digest = hashlib.sha256(content).hexdigest()[:32]
    is_known = keys is not None
    state = {
        "shown": digest, "kept_from": "", "sent": "" if is_known else digest, "before": [], "keys": keys or {},
    }  # fmt: skip
    with closing(sqlite3.connect(world.directory / "sync_state.db")) as database, database:
        database.execute("UPDATE cover SET digest = ?", (digest,))
        database.execute("UPDATE upload SET state = ?", (json.dumps(state),))
        database.execute("DELETE FROM unchecked_lock")


@pytest.mark.parametrize("keeps", [False, True], ids=["stash wins", "keeps edits"])
@pytest.mark.parametrize("locks", [True, False], ids=["uploads lock", "uploads do not lock"])
def test_with_the_data_folder_deleted_nothing_is_sent_again(*, world: PluginWorld, locks: bool, keeps: bool) -> None:
    world.plex.quirks.uploads_lock = locks
    world.configure(keep_plex_edits=keeps)
    scenes = world.add_scenes(3, cover=RED)
    for scene in scenes:
        world.stash.update_scene(scene, title=f"Title {scene}")
    world.wait_idle()
    wait_for_locks(world, *scenes)
    start_over(world)
    assert uploads(world) == selections(world) == 0
    for scene in scenes:
        assert (posters(world, scene), arts(world, scene)) == ([RED], [RED])
    # None was taken for a person's choice: the next cover replaces it.
    save(world, scenes[0], cover_image=data_url(BLUE))
    assert shown_poster(world, scenes[0]) == BLUE
    assert world.problems() == []


def test_a_picture_that_another_tool_has_uploaded_is_kept_or_selected(world: PluginWorld) -> None:
    world.configure(keep_plex_edits=True)
    selected, other = world.add_scenes(2, cover=RED)
    for scene, pictures in ((selected, (BLUE, RED)), (other, (RED, BLUE))):
        for kind in ("posters", "arts"):
            for content in pictures:
                world.plex.choose_picture_by_hand(world.keys[scene], kind, content)
    save(world, selected, title="A")
    assert (uploads(world), selections(world), shown_poster(world, selected)) == (0, 0, RED)
    save(world, other, title="B")
    assert (uploads(world), selections(world), shown_poster(world, other)) == (0, 0, BLUE)  # a choice
    world.configure()
    save(world, other, title="C")
    assert (uploads(world), selections(world), shown_poster(world, other)) == (0, 2, RED)


def test_a_choice_made_before_a_reinstall_stays_with_keep_plex_edits(world: PluginWorld) -> None:
    world.configure(keep_plex_edits=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    world.plex.choose_picture_by_hand(world.keys[scene], "posters", GREEN)
    start_over(world)
    assert (uploads(world), shown_poster(world, scene)) == (0, GREEN)
    save(world, scene, cover_image=data_url(BLUE))
    assert shown_poster(world, scene) == GREEN
    assert arts(world, scene) == [RED, BLUE]


def test_a_picture_of_the_agent_that_a_person_chose_stays_with_keep_plex_edits(world: PluginWorld) -> None:
    world.configure(keep_plex_edits=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    key = world.keys[scene]
    assert world.plex._library.select_picture(key, "posters", f"media://{key}.bundle/Contents/Thumbnails/thumb1.jpg")
    save(world, scene, cover_image=data_url(BLUE))
    assert posters(world, scene) == [RED]
    assert arts(world, scene) == [RED, BLUE]


def test_an_unlocked_picture_is_nobodys_choice(world: PluginWorld) -> None:
    world.configure(keep_plex_edits=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    wait_for_locks(world, scene)
    world.plex.choose_picture_by_hand(world.keys[scene], "posters", GREEN)
    world.plex.unlock_by_hand(world.keys[scene], ["thumb"])
    save(world, scene, cover_image=data_url(BLUE))
    assert shown_poster(world, scene) == BLUE
    wait_for_locks(world, scene)


@pytest.mark.parametrize("fault", [Fault.dropped(after=True), Fault.answer(500, after=True)], ids=["dropped", "500"])
@pytest.mark.parametrize("locks", [True, False], ids=["uploads lock", "uploads do not lock"])
def test_an_upload_whose_answer_is_lost_is_ours(*, world: PluginWorld, locks: bool, fault: Fault) -> None:
    world.plex.quirks.uploads_lock = locks
    world.configure(keep_plex_edits=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    wait_for_locks(world, scene)
    rule = world.plex.fault(fault, when=is_upload)
    world.stash.update_scene(scene, cover_image=data_url(BLUE))
    world.wait_until(lambda: shown_poster(world, scene) == BLUE, "the upload")
    world.stash.update_scene(scene, cover_image=data_url(GREEN))
    world.plex.heal(rule)
    world.wait_until(lambda: shown_poster(world, scene) == GREEN, "the next cover")
    world.wait_idle()
    assert posters(world, scene) in ([RED, BLUE, GREEN], [RED, GREEN])


# A ledger of an older version


@pytest.mark.parametrize("etag", ["known", ""], ids=["same tag", "read again"])
def test_an_update_from_the_old_ledger_sends_no_picture(world: PluginWorld, etag: str) -> None:
    scenes = world.add_scenes(2, cover=RED)
    for scene in scenes:
        save(world, scene, title="A")
    world.stop_workers()
    write_old_ledger(world, RED)
    if not etag:
        with closing(sqlite3.connect(world.directory / "sync_state.db")) as database, database:
            database.execute("UPDATE cover SET etag = ''")
    world.plex.clear_requests()
    world.stash.run_task("Sync All Scenes")
    for scene in scenes:
        save(world, scene, organized=True)
        save(world, scene, title="B")
    assert uploads(world) == selections(world) == 0
    assert world.problems() == []
    save(world, scenes[0], cover_image=data_url(BLUE))
    assert (shown_poster(world, scenes[0]), uploads(world)) == (BLUE, 2)


@pytest.mark.parametrize("knows_key", [True, False])
@pytest.mark.parametrize("is_manual", [True, False], ids=["a person's", "ours"])
def test_whose_a_picture_is_is_known_from_the_old_ledger(
    *, world: PluginWorld, knows_key: bool, is_manual: bool
) -> None:
    world.configure(keep_plex_edits=True)
    (scene,) = world.add_scenes(1, cover=RED)
    save(world, scene, title="A")
    key = world.item(scene).selected_poster
    world.stop_workers()
    write_old_ledger(world, RED, keys={hashlib.sha256(RED).hexdigest()[:32]: key} if knows_key else None)
    if is_manual:
        world.plex.choose_picture_by_hand(world.keys[scene], "posters", GREEN)
    save(world, scene, cover_image=data_url(BLUE))
    assert shown_poster(world, scene) == (GREEN if is_manual else BLUE)
