"""Names the scenes that a drain did not bring to Plex: those that wait for another try, and those that Plex lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.hide_paths import as_path
from local.words import duration_in_words, named, sentence
from plex.paths import map_path
from store.overview import Overview
from tasks.context import TaskError
from tasks.prerequisites import open_stash

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stash.scene import Scene
    from tasks.context import Context

# Of each kind, so that both fit into one report.
NAMED = 6


def unfinished_lines(context: Context, missing: Sequence[int]) -> Iterator[str]:
    """A line for each of the first scenes that wait, and of `missing`, with the path that was looked for in Plex."""
    overview = Overview(context.directory)
    waiting, missing = overview.waiting_jobs(NAMED, context.now), missing[:NAMED]
    if not waiting and not missing:
        return
    scenes, rules = _ask_stash(context, overview, [*(job.scene_id for job in waiting), *missing])
    for job in waiting:
        due = duration_in_words(job.due_at - context.now)
        yield f"{_name(scenes, job.scene_id)} is tried again in {due}: {sentence(job.error_text)}"
    for scene_id in missing:
        paths = [map_path(file.path, rules) for file in scenes[scene_id].files] if scene_id in scenes else []
        yield missing_line(_name(scenes, scene_id), paths)


def missing_line(name: str, paths: Sequence[str]) -> str:
    """`paths`: where Plex would have the files; empty if that is not known."""
    where = " or ".join(map(as_path, paths)) or "(not known)"
    return f"{name} is missing in Plex, which has no item with the file {where}."


def _ask_stash(
    context: Context, overview: Overview, scene_ids: Sequence[int]
) -> tuple[Mapping[int, Scene], Sequence[tuple[str, str]]]:
    """Those of the scenes that Stash shows, and the rules that map their paths to Plex's."""
    try:
        with open_stash(context) as (client, settings):
            rules = [(rule.stash, rule.plex) for rule in settings.path_map]
            return client.read_scenes(scene_ids), rules or overview.inferred_rules()
    except TaskError:
        return {}, ()  # then they are named by number


def _name(scenes: Mapping[int, Scene], scene_id: int) -> str:
    return named(scenes[scene_id].title if scene_id in scenes else "", scene_id)
