"""What Plex shall show for a scene: from Stash's words to Plex's fields. Pure."""

from __future__ import annotations

import hashlib
import json
import ntpath
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from plex.paths import map_path
from plex.plan import Field, Wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plex.plan import Value
    from stash.scene import Scene
    from stash.settings import Settings

RATING_MAX = 100

# Which setting `skip_<name>` leaves which field alone.
FIELD_OF_SKIP: tuple[tuple[str, Field], ...] = (
    ("title", Field.TITLE),
    ("summary", Field.SUMMARY),
    ("date", Field.DATE),
    ("studio", Field.STUDIO),
    ("rating", Field.RATING),
    ("director", Field.DIRECTORS),
    ("performers", Field.ACTORS),
    ("tags", Field.GENRES),
)


def wanted_of(scene: Scene, settings: Settings) -> Wanted:
    """The fields that the settings let PlexSync write; "" and () mean that Stash has nothing there."""
    values: dict[Field, Value] = {
        Field.TITLE: scene.title,
        Field.SUMMARY: scene.details,
        Field.DATE: scene.date,
        Field.STUDIO: scene.studio.name if scene.studio else "",
        Field.RATING: rating_of(scene.rating100),
        Field.DIRECTORS: (scene.director,) if scene.director else (),
        Field.ACTORS: tuple(performer.name for performer in scene.performers),
        Field.GENRES: _genres(scene, settings),
    }
    for name, field in FIELD_OF_SKIP:
        if name in settings.skip:
            del values[field]
    return Wanted(values=values, file_stem=_stem(scene))


def rating_of(rating100: int | None) -> str:
    """Stash's 0..100 as Plex's 0..10 in text, "" for none. Stash lets -5 and 101 through."""
    if rating100 is None or rating100 <= 0:
        return ""
    return f"{min(rating100, RATING_MAX) / 10:g}"


def has_nothing_to_push(scene: Scene) -> bool:
    """The quality gate: what a scan leaves before anyone has said anything about the scene."""
    return not (
        scene.title or scene.studio or scene.performers or scene.tags or scene.details
        or scene.date or rating_of(scene.rating100) or scene.director or scene.groups
    )  # fmt: skip


def plex_files(scene: Scene, settings: Settings) -> tuple[tuple[str, int], ...]:
    """(path as Plex sees it, bytes) of each file of the scene."""
    rules = [(rule.stash, rule.plex) for rule in settings.path_map]
    return tuple((map_path(file.path, rules), file.size) for file in scene.files)


def fingerprint_of(wanted: Wanted, files: Sequence[tuple[str, int]], settings: Settings) -> str:
    """Equal fingerprints mean: the same push to the same place."""
    values: Mapping[str, object] = {field.value: value for field, value in sorted(wanted.values.items())}
    place = (settings.plex_url, settings.plex_library, settings.keep_plex_edits)
    return digest(values, wanted.file_stem, files, place)


def digest(*parts: object) -> str:
    """A short text that is equal for equal parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _genres(scene: Scene, settings: Settings) -> tuple[str, ...]:
    names = (tag.name for tag in scene.tags)
    kept = [name for name in names if not any(_matches(name, pattern) for pattern in settings.exclude_tags)]
    return tuple(kept[: settings.max_tags])


def _matches(name: str, pattern: str) -> bool:
    """Case does not count, and only `*` is special: tag names may hold brackets."""
    return fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]").replace("?", "[?]"))


def _stem(scene: Scene) -> str:
    """The primary file's name without its ending; ntpath knows both kinds of separators."""
    return ntpath.splitext(ntpath.basename(scene.files[0].path))[0] if scene.files else ""
