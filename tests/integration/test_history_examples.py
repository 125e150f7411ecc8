"""Histories that once ended badly, each as an example of its kind; test_histories.py finds them by chance."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from tests.support.history import History
from tests.support.world_here import WorldHere

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def history(*scenes: dict[str, int]) -> Iterator[tuple[WorldHere, History]]:
    """One scene for each of these values, pushed; its item in Movies has the same place among the items."""
    with closing(WorldHere()) as world:
        made = History(world)
        for number, values in enumerate(scenes):
            made.add_file(in_movies=True, in_films=False)
            made.edit(number, values, is_told=True)
        made.rest()
        yield world, made


def test_a_cover_that_changes_twice_within_a_second_is_shown_as_it_is_last() -> None:
    """The second change comes without an event, and the scene's time is the same."""
    with history({"title": 0, "cover": 0}) as (world, made):
        made.edit(0, {"cover": 1}, is_told=True)
        world.run(2)
        made.edit(0, {"cover": 0}, is_told=False)
        made.rest()


def test_an_item_whose_scene_is_deleted_shows_the_other_scene_that_it_holds() -> None:
    with history({"title": 0, "tag": 0}, {"title": 1, "tag": 1}) as (world, made):
        made.join_items(0, 1)
        made.edit(1, {"details": 0}, is_told=True)
        made.rest()
        world.stash.destroy_scene(made.scenes[0])
        made.rest()


def test_a_locked_text_that_came_back_stays_with_keep_plex_edits() -> None:
    """It is as if PlexSync had never written there: the first push keeps it, too."""
    with history({"tag": 0}) as (world, made):
        made.enter_text(0, "studio", "7")
        made.edit(0, {"studio": 1}, is_told=True)
        made.rest()
        made.configure(keep_plex_edits=True)
        made.edit(0, {"studio": 2}, is_told=True)
        made.rest()
        made.edit(0, {"studio": 1}, is_told=True)
        made.rest()
        assert world.plex.items(world.sections[0])[0].studio == "7"
