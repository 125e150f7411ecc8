"""Addresses as people paste them work, or a message says what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.plugin_world import TOKEN
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


def test_an_address_without_scheme_and_with_a_token_works_and_no_log_shows_the_token(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    bare = world.plex.url.removeprefix("http://")
    world.configure(plex_url=f"{bare}/library/sections?X-Plex-Token={TOKEN}", plex_token=None)
    world.stash.update_scene(scene, title="edited")
    world.wait_for_titles({scene: "edited"})
    assert "holds a token, which was taken out of the address" in world.log_text()
    assert TOKEN not in world.log_text() + str(list(world.stash.log))


def test_the_address_of_stash_itself_is_named_and_edits_wait(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.configure(plex_url=world.stash.url.replace("127.0.0.1", "localhost"))
    world.stash.update_scene(scene, title="edited")
    said = run_task(world, "health_check").said
    assert "that is not a Plex server but Stash itself" in said
    world.wait_until(lambda: "but Stash itself" in world.log_text(), "the message of the worker")
    world.configure()
    world.wait_for_titles({scene: "edited"})
