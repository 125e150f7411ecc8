"""Keeps a scene from an item whose file is another scene's, however alike the two files are.

A match by name and size alone is a guess. It never stands against a certainty: where a file of another scene of Stash
has the full path of one of the item's parts, the item is that scene's. Stash is asked only about guesses, by the names
of the item's files. An item that only Plex knows may be taken.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from plex.match import Grade, is_full_path
from plex.paths import base_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.match import FindOwners, Match, PathRules
    from stash.client import StashClient
    from stash.scene import Scene, SceneFile


def owners_in_stash(scenes: Iterable[Scene], stash: StashClient) -> FindOwners:
    """Finds the owners of items that match these scenes. It raises StashUnavailable and StashRefused."""
    scene_of_path = {file.path: scene.id for scene in scenes for file in scene.files}

    def find_owners(matches: Sequence[Match], rules: PathRules) -> Mapping[Match, int]:
        weak = [match for match in matches if match.grade is not Grade.PATH]
        if not weak:
            return {}
        files = stash.files_by_name(_names_of(weak))
        owners = {match: _owner_of(match, scene_of_path.get(match.stash_path), files, rules) for match in weak}
        return {match: owner for match, owner in owners.items() if owner is not None}

    return find_owners


def _owner_of(
    match: Match, own: int | None, files: Mapping[int, Sequence[SceneFile]], rules: PathRules
) -> int | None:
    """The scene, other than `own`, that has a part of the item by its full path."""
    for scene_id, theirs in files.items():
        if scene_id != own and any(
            is_full_path((file.path, file.size), part, rules) for file in theirs for part in match.item.parts
        ):
            return scene_id
    return None


def _names_of(matches: Iterable[Match]) -> list[str]:
    """The names of the items' files and of the scenes' own, in every Unicode form that Stash may have stored."""
    paths = [path for match in matches for path in (match.stash_path, *(part.path for part in match.item.parts))]
    names = dict.fromkeys(base_name(path) for path in paths)
    return list(dict.fromkeys(unicodedata.normalize(form, name) for name in names for form in ("NFC", "NFD")))
