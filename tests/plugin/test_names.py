"""Two things with one name are two: libraries that differ in blanks, tags with a comma."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.plugin_world import MEDIA

if TYPE_CHECKING:
    from tests.support.plugin_world import PluginWorld


@pytest.mark.parametrize(
    ("setting", "shown"),
    [
        ("Movies", ["Movies"]),
        ('" Movies"', [" Movies"]),
        ('Movies, " Movies"', ["Movies", " Movies"]),
        ('"Films, old"', ["Films, old"]),
        (None, ["Movies", " Movies", "Films, old"]),
    ],
)
def test_libraries_that_differ_in_blanks_are_two_and_one_may_hold_a_comma(
    world: PluginWorld, setting: str | None, shown: list[str]
) -> None:
    scene = world.add_scene()
    file = world.stash.library.scene(scene).files[0]
    keys = {"Movies": world.keys[scene]}
    for name in (" Movies", "Films, old"):
        section = world.plex.add_section(name, locations=[MEDIA])
        keys[name] = world.plex.add_item(section, files=[(file.path, file.size)])
    world.configure(plex_library=setting)
    world.stash.update_scene(scene, title="Pushed")
    world.wait_idle()
    assert [name for name, key in keys.items() if world.plex.item(key).title == "Pushed"] == shown


def test_a_name_that_fits_several_libraries_stops_the_drain_with_a_message(world: PluginWorld) -> None:
    world.plex.add_section(" Movies", locations=[MEDIA])
    scene = world.add_scene()
    world.configure(plex_library="movies")
    world.stash.update_scene(scene, title="Waits")
    world.wait_until(lambda: "several that differ in case or spaces" in world.log_text(), "the message")
    assert world.item(scene).title != "Waits"
    world.configure(plex_library="Movies")
    world.wait_for_titles({scene: "Waits"})


def test_a_tag_with_a_comma_can_be_left_out(world: PluginWorld) -> None:
    world.configure(exclude_tags='"Blonde, natural", to do')
    scene = world.add_scene(tags=("Blonde, natural", "natural", "Blonde", "to do"))
    world.stash.update_scene(scene, title="T")
    world.wait_idle()
    assert set(world.item(scene).genres) == {"natural", "Blonde"}
