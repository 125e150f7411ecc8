"""Undo PlexSync in Plex: the items are as they were before, field by field; what people changed since stays."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault, is_write
from sim.plex.model import Credit
from sim.stash.simulator import GraphQLRefusedError
from tests.plugin.test_fields_pictures import BLUE, RED, data_url
from tests.support.plugin_world import MEDIA

if TYPE_CHECKING:
    from concurrent.futures import Future

    from sim.plex.model import ItemView
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

ENLARGED = 5 if os.environ.get("PLEXSYNC_TEST_LONG") else 1
HERS = b"\xff\xd8\xff hers"


def undo(world: PluginWorld, *, preview: bool = False) -> Any:
    return world.stash.operation(mode="undo_all", **({"preview": "true"} if preview else {}))


def as_shown(item: ItemView) -> ItemView:
    """What a user of Plex sees. No upload can be deleted, so the pictures to choose from are left out; and the agent's
    picture is the same, whether it was selected or not.
    """
    selected = {name: getattr(item, name) for name in ("selected_poster", "selected_art")}
    chosen: dict[str, Any] = {name: "" if key.startswith("media://") else key for name, key in selected.items()}
    return replace(item, **chosen, posters=(), arts=(), updated_at=0)


def items_of(world: PluginWorld) -> dict[int, ItemView]:
    return {key: as_shown(world.plex.item(key)) for key in world.keys.values()}


def fill(world: PluginWorld, count: int) -> list[int]:
    """Scenes whose items have values, locks, tags, actors, collections, ratings and posters of their own.

    Some of these are the same as Stash's.
    """
    scenes = []
    for number in range(count):
        path, size = f"{MEDIA}/clip {number}.mp4", 1000 + number
        scene = world.stash.add_scene(
            path, size, title=f"Title {number % 7}", details="Details", date="2004-05-06", director="Di",
            studio="Studio", rating100=80, tags=("Both", "Agent's", f"tag {number % 5}"), performers=("Amy", "Zoe"),
            groups=("Group",), cover=RED if number % 4 == 0 else None,
        )  # fmt: skip
        key = world.plex.add_item(
            world.section, files=[(path, size)], title=f"Title {number % 3}", summary="Agent's\n\nsummary",
            studio="Agent's studio", originally_available_at="1999-09-09", directors=("Somebody",),
            genres=("Agent's", "Both", "Drama"), collections=("Shelf",),
            actors=(Credit(name="Someone", role="Batman", tag_key="5d77"), "Zoe", Credit(name="Amy", role="Herself")),
        )  # fmt: skip
        if number % 2:
            world.plex.edit_by_hand(
                key, summary=f"Hers {number}", genres=("Hers", "both"), actors=("Zoe", "Hers", "Amy")
            )
        if number % 3 == 0:
            world.plex.rate_by_hand(key, 1 + number % 9)
        if number % 8 == 0:
            world.plex.choose_picture_by_hand(key, "posters", HERS)
        world.keys[scene] = key
        scenes.append(scene)
    return scenes


def push_all(world: PluginWorld) -> None:
    world.stash.operation(mode="sync_all")
    world.wait_idle(timeout_s=120)


def pushed(world: PluginWorld, count: int) -> tuple[list[int], dict[int, ItemView]]:
    """Scenes whose items were pushed, and the items as they were before."""
    scenes = fill(world, count)
    before = items_of(world)
    push_all(world)
    assert all(world.item(scene).summary == "Details" for scene in scenes)
    return scenes, before


def forget_former(world: PluginWorld) -> None:
    """What the ledger would hold if an older version had pushed everything."""
    with closing(sqlite3.connect(world.directory / "sync_state.db")) as database, database:
        database.execute("DELETE FROM former")
        for key, kind, text in database.execute("SELECT rating_key, kind, state FROM upload").fetchall():
            state = {name: value for name, value in json.loads(text).items() if name != "former"}
            query = "UPDATE upload SET state = ? WHERE rating_key = ? AND kind = ?"
            database.execute(query, (json.dumps(state), key, kind))


def settings_of(world: PluginWorld) -> Any:
    return world.stash.gql("{ configuration { plugins } }")["configuration"]["plugins"]["plexsync"]


def owned_items(world: PluginWorld) -> int:
    with closing(sqlite3.connect(f"file:{world.directory / 'sync_state.db'}?mode=ro", uri=True)) as database:
        tables = ("owned", "former", "upload", "altered", "unchecked_lock", "undo", "undone")
        queries = [f"SELECT COUNT(*) FROM {table}" for table in tables]  # noqa: S608 - our own names
        return sum(database.execute(query).fetchone()[0] for query in queries)


def test_three_hundred_items_are_as_before_field_by_field(world: PluginWorld) -> None:
    _, before = pushed(world, 300)
    world.plex.clear_requests()
    answer = undo(world)
    assert items_of(world) == before
    assert (answer["finished"], answer["items"], answer["kept"], answer["failed"]) == (True, 300, 0, 0)
    assert owned_items(world) == 0
    puts = [each for each in world.plex.requests if each.method == "PUT" and "summary.value" in dict(each.query)]
    assert len(puts) == 300
    assert len([each for each in world.plex.requests if each.method == "GET" and each.path.count(",")]) == 12


def test_the_preview_writes_nothing_and_shows_what_the_undo_then_does(world: PluginWorld) -> None:
    scenes, before = pushed(world, 9)
    world.plex.edit_by_hand(world.keys[scenes[0]], summary="Hers since")
    shown = items_of(world)
    world.plex.clear_requests()
    preview = undo(world, preview=True)
    assert 'studio from "Studio" back to "Agent\'s studio"' in world.stash.log[-2].text
    assert {request.method for request in world.plex.requests} == {"GET"}
    assert items_of(world) == shown
    assert not settings_of(world).get("paused")
    first = preview["changes"][0]
    assert (first["scene_id"], first["rating_key"]) == (scenes[0], world.keys[scenes[0]])
    assert first["fields"]["studio"] == ["Studio", "Agent's studio"]
    assert first["fields"]["thumb"][1] == before[world.keys[scenes[0]]].selected_poster
    assert first["kept"] == {"summary": "Hers since"}
    assert "studio" in first["unlocked"]
    done = undo(world)
    names = ("items", "fields", "unlocked", "kept", "gone", "failed", "changes")
    assert {name: done[name] for name in names} == {name: preview[name] for name in names}
    assert (preview["message"], preview["preview"], done["preview"]) == ("Nothing was changed.", True, False)
    assert '"Pause" is on' in done["message"]


def test_what_people_changed_since_stays_and_is_named(world: PluginWorld) -> None:
    scenes, before = pushed(world, 8)
    key = world.keys[scenes[0]]
    world.plex.edit_by_hand(key, title="Hers since", genres=(*world.item(scenes[0]).genres, "Hers since"))
    world.plex.rate_by_hand(key, 5.0)
    chosen = world.plex.choose_picture_by_hand(key, "posters", HERS + b" since")
    answer = undo(world)
    shown = items_of(world)
    genres = (*before[key].genres, "Hers since")
    hers: dict[str, Any] = {"title": "Hers since", "user_rating": 5.0, "genres": genres, "selected_poster": chosen}
    assert shown[key] == replace(before[key], **hers, locked=before[key].locked | {"title", "genre", "thumb"})
    assert {other: item for other, item in shown.items() if other != key} == {
        other: item for other, item in before.items() if other != key
    }
    kept = answer["changes"][0]["kept"]
    assert kept == {"title": "Hers since", "userRating": "5", "genre": list(genres), "thumb": chosen}
    assert answer["kept"] == 4


def test_nothing_is_pushed_until_pause_is_switched_off(world: PluginWorld) -> None:
    (scene,), before = pushed(world, 1)
    settings = settings_of(world)
    undo(world)
    assert settings_of(world) == {**settings, "paused": True}
    world.stash.update_scene(scene, title="Edited")
    world.stash.operation(mode="reconcile_all")
    assert world.stash.operation(mode="process_queue")["stopped_by"] == "paused"
    assert world.stash.operation(mode="sync_scene", scene_id=scene)["verdict"] == "waiting"
    assert items_of(world) == before
    world.configure()
    world.wait_for_titles({scene: "Edited"})
    world.wait_idle()
    assert world.item(scene).summary == "Details"
    undo(world)
    assert items_of(world) == before


def test_items_of_scenes_that_are_gone_moved_or_exchanged_are_given_back(world: PluginWorld) -> None:
    (gone, moved, first), before = pushed(world, 3)
    library = world.stash.library
    library.scenes.pop(gone)
    world.fire_hook(gone, "Scene.Destroy.Post")
    file = library.scene(first).files[0]
    library.scenes.pop(first)
    second = world.stash.add_scene(file.path, file.size, title="Second", details="Seconds", tags=("tag of second",))
    world.keys[second] = world.keys.pop(first)
    path, size = f"{MEDIA}/elsewhere.mp4", 77
    world.keys[moved + 1000] = world.plex.add_item(world.section, files=[(path, size)], summary="Another's")
    before[world.keys[moved + 1000]] = as_shown(world.item(moved + 1000))
    library.scene(moved).files[0] = replace(library.scene(moved).files[0], path=path, size=size)
    world.stash.update_scene(second, title="Second!")
    world.stash.update_scene(moved, title="Moved")
    world.wait_for_titles({second: "Second!", moved + 1000: "Moved"})
    world.wait_idle()
    answer = undo(world)
    assert items_of(world) == before
    assert [each["scene_id"] for each in answer["changes"]] == [None, None, second, moved]


@pytest.mark.parametrize("seed", range(ENLARGED))
def test_a_kill_at_any_moment_of_an_undo_loses_nothing(world: PluginWorld, seed: int) -> None:
    chance = random.Random(seed)
    _, before = pushed(world, 40)
    world.plex.latency_s = 0.003
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(undo, world)
        for _ in range(2):  # the task waits longer before each new start of a worker
            wait_for_writes(world, chance.randrange(1, 50), task)
            world.kill_worker()
        answer = task.result()
    assert items_of(world) == before
    assert (answer["items"], answer["kept"], answer["failed"]) == (40, 0, 0)
    assert owned_items(world) == 0


def wait_for_writes(world: PluginWorld, count: int, task: Future[Any]) -> None:
    seen = len(world.plex.requests)
    world.wait_until(lambda: sum(map(is_write, world.plex.requests[seen:])) >= count or task.done(), "writes")


@pytest.mark.parametrize("fault", [Fault.refused(), Fault.hang(after=True)], ids=["refused", "silent"])
def test_an_undo_waits_until_an_outage_is_over(world: PluginWorld, fault: Fault) -> None:
    world.configure(read_timeout=1)
    scenes, before = pushed(world, 40)
    world.plex.latency_s = 0.003
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(undo, world)
        wait_for_writes(world, 30, task)
        world.plex.fault(fault)
        world.stash.update_scene(scenes[0], title="Edited meanwhile")
        answer = task.result()
    assert (answer["finished"], answer["stopped_by"]) == (False, "circuit")
    assert "continues by itself" in answer["message"]
    world.plex.heal()
    world.wait_until(lambda: owned_items(world) == 0, "the end of the undo")
    assert items_of(world) == before
    end = "The undo has ended: 40 items, 0 of them failed."  # the task has not seen it
    world.wait_until(lambda: end in [line.text for line in world.stash.log], "the end in Stash's log")


def test_items_that_an_older_version_pushed_lose_what_it_put_there_and_its_locks(world: PluginWorld) -> None:
    scenes = fill(world, 8)
    bare = [scene for number, scene in enumerate(scenes) if not number % 2]  # nobody has edited these by hand
    for scene in bare:
        world.plex.rate_by_hand(world.keys[scene], None)
        world.plex.unlock_by_hand(world.keys[scene], ["thumb"])
    before = items_of(world)
    push_all(world)
    world.kill_worker()
    forget_former(world)
    undo(world)
    for scene in bare:
        item = world.item(scene)
        assert (item.summary, item.title, item.user_rating) == ("", f"clip {scenes.index(scene)}", None)
        assert item.genres == ("Drama",)  # the others were Stash's too
        assert item.locked == frozenset()
        world.plex.metadata_refresh(world.keys[scene])
        assert as_shown(world.item(scene)) == replace(before[world.keys[scene]], locked=frozenset(), selected_poster="")


def test_an_item_that_plex_refuses_is_named_and_can_be_given_back_later(world: PluginWorld) -> None:
    scenes, before = pushed(world, 30)
    refused, gone = world.keys[scenes[3]], world.keys[scenes[7]]
    world.plex.fault(Fault.answer(400), rating_key=refused, method="PUT")
    world.plex.remove_item(gone)
    del before[gone], world.keys[scenes[7]]
    answer = undo(world)
    assert (answer["items"], answer["failed"], answer["gone"]) == (28, 1, 1)
    problems = {each["rating_key"]: each["problem"] for each in answer["changes"] if each["problem"]}
    assert problems.keys() == {refused, gone}
    assert "400" in problems[refused]
    assert {key: item for key, item in items_of(world).items() if key != refused} == {
        key: item for key, item in before.items() if key != refused
    }
    world.plex.heal()
    assert (undo(world)["items"], items_of(world)) == (1, before)


def test_a_server_that_refuses_every_edit_is_not_asked_for_ever(world: PluginWorld) -> None:
    _, before = pushed(world, 5)
    shown = items_of(world)
    world.plex.fault(Fault.answer(400), method="PUT")
    answer = undo(world)
    assert (answer["failed"], answer["items"]) == (5, 0)
    assert items_of(world) == shown
    world.plex.heal()
    undo(world)
    assert items_of(world) == before


def test_an_undo_ends_when_pause_is_switched_off_under_it(world: PluginWorld) -> None:
    scenes, _ = pushed(world, 40)
    world.plex.latency_s = 0.02
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(undo, world)
        wait_for_writes(world, 5, task)
        world.configure()
        with pytest.raises(GraphQLRefusedError, match='"Pause" was switched off'):
            task.result()
    world.plex.latency_s = 0
    push_all(world)
    assert all(world.item(scene).summary == "Details" for scene in scenes)


def test_an_undo_is_joined_and_refuses_a_preview_beside_it(world: PluginWorld) -> None:
    _, before = pushed(world, 40)
    world.plex.latency_s = 0.01
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(undo, world)]
        wait_for_writes(world, 1, tasks[0])
        tasks.append(pool.submit(undo, world))
        with pytest.raises(GraphQLRefusedError, match="An undo is under way"):
            undo(world, preview=True)
        answers = [task.result() for task in tasks]
    assert answers[0] == answers[1]
    assert items_of(world) == before
    assert undo(world)["items"] == 0


def test_only_true_and_false_are_allowed_for_preview(world: PluginWorld) -> None:
    with pytest.raises(GraphQLRefusedError, match="preview is 'treu'; it must be true or false"):
        world.stash.operation(mode="undo_all", preview="treu")


@pytest.mark.parametrize("locks", [True, False], ids=["uploads lock", "uploads do not lock"])
def test_pictures_are_as_before_whatever_was_chosen(make_world: MakeWorld, *, locks: bool) -> None:
    world = make_world()
    world.plex.quirks.uploads_lock = locks
    chosen, changed, plain = scenes = world.add_scenes(3, cover=RED, title="t")
    world.plex.choose_picture_by_hand(world.keys[chosen], "posters", HERS)
    before = items_of(world)
    push_all(world)
    world.stash.update_scene(changed, cover_image=data_url(BLUE))
    world.wait_until(lambda: all("thumb" in world.item(scene).locked for scene in scenes), "the locks")
    world.wait_idle()
    assert len(world.item(changed).posters) == 2
    undo(world)
    assert items_of(world) == before
    world.plex.metadata_refresh(world.keys[plain])
    assert items_of(world) == before
