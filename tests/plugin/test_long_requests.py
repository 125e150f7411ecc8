"""However short the request lines that the server accepts, everything arrives, and as much of a long text as fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from sim.plex.model import Credit
from sim.plex.quirks import TagOrder

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld

SCRIPTS = {
    "latin": "plain words ",
    "cyrillic": "\u0434\u043b\u0438\u043d\u043d\u044b\u0435 \u0441\u043b\u043e\u0432\u0430 ",
    "han": "\u6587\u7ae0\u3067\u3059 ",
    "emoji": "\U0001f3ac\U0001f37f ",
}
LIMITS = [(8_000, 414), (31_000, 400), (4_000, 414), (None, 400)]


def titled(world: PluginWorld, scene: int, **fields: object) -> None:
    world.stash.update_scene(scene, **fields)
    world.wait_idle(timeout_s=60)


def dead_letters(world: PluginWorld) -> int:
    return int(world.stash.operation(mode="queue_status")["queue"]["dead_letters"])


def writes(world: PluginWorld) -> int:
    return sum(request.method == "PUT" for request in world.plex.requests)


@pytest.mark.parametrize("order", TagOrder, ids=lambda order: order.name)
@pytest.mark.parametrize(("limit", "status"), LIMITS)
def test_everything_arrives_behind_any_limit(
    world: PluginWorld, limit: int | None, status: int, order: TagOrder
) -> None:
    world.plex.quirks.request_line_bytes, world.plex.quirks.long_line_status = limit, status
    world.plex.quirks.tag_order = order
    tags = tuple(f"tag \u0442\u0435\u0433 {number:03d}" for number in range(100))
    performers = tuple(f"Person \u041b\u0438\u0446\u043e {number:02d}" for number in range(60))
    scenes = world.add_scenes(len(SCRIPTS), tags=tags, performers=performers, director="Director", title="first")
    for scene, words in zip(scenes, SCRIPTS.values(), strict=True):
        details = (words * 10_000)[:10_000].strip()
        titled(world, scene, title="Title", details=details, date="2004-03-01", rating100=80)
        item = world.item(scene)
        assert (item.title, item.originally_available_at, item.user_rating) == ("Title", "2004-03-01", 8)
        assert set(item.genres) == set(tags)
        assert item.actors == performers
        assert details.startswith(item.summary)
        assert len(item.summary) > 100
    assert dead_letters(world) == 0
    # Han and emoji are longer than the first try allows a text to be; with no limit nothing is ever refused.
    notices = world.log_text().count("takes no request longer than")
    assert notices == (1 if limit in (8_000, 4_000) else 0)


@pytest.mark.parametrize(("limit", "status"), LIMITS)
def test_once_the_limit_is_known_a_scene_costs_few_requests_and_a_reconciliation_none(
    world: PluginWorld, limit: int | None, status: int
) -> None:
    world.plex.quirks.request_line_bytes, world.plex.quirks.long_line_status = limit, status
    tags = tuple(f"tag {number:03d}" for number in range(100))
    performers = tuple(f"Person Name {number:02d}" for number in range(60))
    first, second = world.add_scenes(2, tags=tags, performers=performers, title="t")
    details = ("\u0441\u043b\u043e\u0432\u043e " * 2_000).strip()
    titled(world, first, details=details)
    world.plex.clear_requests()
    titled(world, second, details=details)
    assert len(world.plex_requests(second)) <= (6 if limit != 4_000 else 9)
    world.plex.clear_requests()
    answer = world.stash.operation(mode="reconcile_all")
    world.wait_idle()
    assert answer["gaps"] == {"empty": 0, "stale": 0, "missing": 0}
    assert writes(world) == 0


def test_a_field_that_a_proxy_rejects_does_not_keep_the_others_out(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1, title="t", tags=("Drama",))
    world.plex.fault(Fault.answer(400), method="PUT", when=lambda request: bool(request.first("title.value")))
    world.stash.update_scene(scene, title="rude", details="Details", date="2004-03-01")
    world.wait_until(lambda: dead_letters(world) == 1, "the dead letter")
    item = world.item(scene)
    assert (item.summary, item.originally_available_at, item.genres) == ("Details", "2004-03-01", ("Drama",))


@pytest.mark.parametrize("order", TagOrder, ids=lambda order: order.name)
def test_the_roles_of_other_actors_survive_every_change_of_ours(world: PluginWorld, order: TagOrder) -> None:
    world.plex.quirks.tag_order = order
    (scene,) = world.add_scenes(1, title="t")
    others = {f"Agent {number:02d}": f"part {number}" for number in range(22)}
    cast = tuple(Credit(name=name, role=part, tag_key=f"5d{name}") for name, part in others.items())
    world.plex.edit_by_hand(world.keys[scene], actors=cast)
    people = {name: str(world.stash.add_entity("performer", name)) for name in ("Amy", "Bea", "Cid", "Dan")}
    # Stash lists performers by name, so a performer added later may belong between the others.
    for ours in (["Bea", "Dan"], ["Amy", "Bea", "Dan"], ["Bea", "Cid", "Dan"], ["Amy", "Cid"], sorted(people)):
        titled(world, scene, performer_ids=[people[name] for name in ours])
        item = world.item(scene)
        assert {role.name: role.role for role in item.roles if role.name in others} == others
        assert [name for name in item.actors if name not in others] == ours
        assert item.actors[: len(others)] == tuple(others)
