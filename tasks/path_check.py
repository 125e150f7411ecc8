"""Looks for some of the user's own scenes in Plex, as a push would: only that shows whether the paths fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local.clock import Stopwatch
from local.hide_paths import as_path
from local.storage import LocalStorage
from local.words import counted
from plex.errors import Ambiguous, NotInPlex, PlexError, near_misses_in_words
from plex.paths import is_inside, is_same_path
from push.other_scenes import owners_in_stash
from stash.errors import StashError
from tasks.setup_answers import PathExample, PathsAnswer
from tasks.temporary_finder import temporary_finder

if TYPE_CHECKING:
    from plex.find import Finder
    from plex.match import Match, PathRules
    from stash.client import StashClient
    from stash.scene import Scene
    from stash.settings import Settings
    from tasks.context import Context

SCENES = 5
# The scenes are taken from all over these, in the order of their ids: the newest may not be scanned yet.
FIRST_SCENES = 1000
# Then no further scene is begun. Unscaled.
LONG_S = 20.0
PATHS_CURE = 'Scan the library in Plex, or set "Path map" if Plex sees the file under another path.'
SAME_PATH, NAME_AND_SIZE = "under the same path", "by name and size"


def check_paths(context: Context, stash: StashClient, settings: Settings) -> PathsAnswer | None:
    """Look for some scenes; None if Plex or Stash gives no answer, or the disk no room for a temporary index."""
    from plex.client import PlexClient  # noqa: PLC0415 - needs packages
    from push.plex_link import plex_connection  # noqa: PLC0415 - as above

    try:
        plex = PlexClient(plex_connection(settings, context.directory), clock=context.clock)
        try:
            with temporary_finder(context, plex, settings) as finder:
                looked = _look(context, finder, stash)
                rules = finder.rules  # some may have been inferred just now
            idle = [rule for rule in settings.path_map if looked and not stash.has_scene_below(rule.stash)]
        finally:
            plex.close()
    except (PlexError, StashError, LocalStorage, OSError):
        return None
    examples = tuple(_example(scene, found, rules) for scene, found in looked)
    return PathsAnswer(
        tried=len(examples),
        found=sum(each.found for each in examples),
        idle_rules=tuple(f"{as_path(rule.stash)} => {as_path(rule.plex)}" for rule in idle),
        examples=examples,
    )


def _look(context: Context, finder: Finder, stash: StashClient) -> list[tuple[Scene, Match | str]]:
    took, looked = Stopwatch(context.clock), []
    took.start()
    for scene in _some_scenes(stash):
        looked.append((scene, _look_for(scene, finder, stash, since=context.now)))
        if took.passed_s > LONG_S:
            break
    return looked


def _some_scenes(stash: StashClient) -> list[Scene]:
    ids, _ = stash.list_ids(after=0, limit=FIRST_SCENES)
    step = max(1, len(ids) // SCENES)
    scenes = stash.read_scenes(ids[::step][:SCENES])
    return [scene for _, scene in sorted(scenes.items()) if scene.files]


def _look_for(scene: Scene, finder: Finder, stash: StashClient, *, since: float) -> Match | str:
    """The match, or why what looks like one does not count; "" if nothing does."""
    files = [(file.path, file.size) for file in scene.files]
    try:
        return finder.find(files, since=since, find_owners=owners_in_stash([scene], stash))[0]
    except NotInPlex as error:
        return near_misses_in_words(error.near_misses) if error.near_misses else ""
    except Ambiguous as error:
        return f"Several Plex items fit equally well: {'; '.join(error.candidates)}."


def _example(scene: Scene, found: Match | str, rules: PathRules) -> PathExample:
    if isinstance(found, str):
        path = scene.files[0].path
        return PathExample(
            scene_id=scene.id, path=path, plex_path=rules.map(path), found=False, how="", reason=found
        )
    path, plex_path, how = found.stash_path, found.plex_path, _how(found, rules)
    return PathExample(scene_id=scene.id, path=path, plex_path=plex_path, found=True, how=how, reason="")


def _how(match: Match, rules: PathRules) -> str:
    if not is_same_path(rules.map(match.stash_path), match.plex_path):
        return NAME_AND_SIZE
    rule = next((rule for rule in rules.rules if is_inside(match.stash_path, rule[0])), None)
    return f"by {as_path(rule[0])} => {as_path(rule[1])}" if rule else SAME_PATH


def paths_in_words(paths: PathsAnswer | None) -> str:
    """What was found, in sentences; "" if nothing was looked for."""
    if paths is None or not paths.tried:
        return ""
    ways = dict.fromkeys(each.how for each in paths.examples if each.found)
    how = f", {' and '.join(ways)}" if ways else ""
    said = f"Found {paths.found} of {counted(paths.tried, 'scene')} in Plex{how}."
    if paths.idle_rules:
        said += f' These rules of "Path map" match no file of any scene: {"; ".join(paths.idle_rules)}.'
    missing = next((each for each in paths.examples if not each.found), None)
    if missing is None:
        return said
    as_seen = "" if missing.path == missing.plex_path else f", looked for as {as_path(missing.plex_path)}"
    reason = f" {missing.reason}" if missing.reason else ""
    return f"{said} Not there: {as_path(missing.path)}{as_seen}.{reason} {PATHS_CURE}"
