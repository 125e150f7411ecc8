"""What Plex should show for a scene, and whether that differs from the last push. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from plex.fields import Field
from plex.paths import file_stem, map_path
from plex.plan import Wanted
from plex.text import plex_rating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.fields import Value
    from plex.model import PictureKind
    from stash.scene import Performer, Scene
    from stash.settings import Settings
    from store.overview import LastPushes

# The field that the setting `skip_<name>` turns off.
_FIELD_BY_SKIP_NAME: Final[tuple[tuple[str, Field], ...]] = (
    ("title", Field.TITLE),
    ("summary", Field.SUMMARY),
    ("date", Field.DATE),
    ("studio", Field.STUDIO),
    ("rating", Field.RATING),
    ("director", Field.DIRECTORS),
    ("performers", Field.ACTORS),
    ("tags", Field.GENRES),
    ("collections", Field.COLLECTIONS),
)
# The same for the two pictures that the cover becomes.
_PICTURE_BY_SKIP_NAME: Final[tuple[tuple[str, PictureKind], ...]] = (("poster", "posters"), ("background", "arts"))

# The query may hold a time that changes with every edit of the performer; the part before the path is Stash's address.
_PERFORMER_PICTURE = re.compile(r"(/performer/\d+/image)(?:\?(.*))?$")
_PLACEHOLDER = "default=true"


def wanted_of(scene: Scene, settings: Settings) -> Wanted:
    """The fields that the settings allow PlexSync to write; "" and () mean that the field is empty in Stash."""
    values: dict[Field, Value] = {
        Field.TITLE: scene.title,
        Field.SUMMARY: scene.details,
        Field.DATE: scene.date,
        Field.STUDIO: scene.studio.name if scene.studio else "",
        Field.RATING: plex_rating(scene.rating100),
        Field.DIRECTORS: (scene.director,) if scene.director else (),
        Field.ACTORS: tuple(performer.distinct_name for performer in scene.performers),
        Field.GENRES: _genres(scene, settings),
        Field.COLLECTIONS: _collections(scene),
    }
    for name, field in _FIELD_BY_SKIP_NAME:
        if name in settings.skip:
            del values[field]
    stem = file_stem(scene.files[0].path) if scene.files else ""
    return Wanted(values=values, file_stem=stem, pictures=_actor_pictures(scene, settings))


def picture_kinds(settings: Settings) -> tuple[PictureKind, ...]:
    """The pictures that the settings allow the scene's cover to become in Plex."""
    return tuple(kind for name, kind in _PICTURE_BY_SKIP_NAME if name not in settings.skip)


def has_nothing_to_push(scene: Scene) -> bool:
    """The quality gate: True while a scene has nothing but what a scan finds."""
    return not (
        scene.title or scene.studio or scene.performers or scene.tags or scene.details
        or scene.date or plex_rating(scene.rating100) or scene.director or scene.groups
    )  # fmt: skip


def reason_to_skip(scene: Scene, settings: Settings, *, was_pushed: bool) -> str:
    """Why the scene is not pushed; "" if it is. A scene without a file cannot be in Plex."""
    if settings.only_organized and not scene.organized:
        return "not marked as organized"
    if not scene.files:
        return "without a file"
    if has_nothing_to_push(scene) and not was_pushed:
        return "nothing but a file yet"
    return ""


def plex_files(scene: Scene, settings: Settings) -> tuple[tuple[str, int], ...]:
    """(path as Plex sees it, bytes) of each file of the scene."""
    rules = [(rule.stash, rule.plex) for rule in settings.path_map]
    return tuple((map_path(file.path, rules), file.size) for file in scene.files)


def fingerprint_of(wanted: Wanted, files: Sequence[tuple[str, int]], settings: Settings) -> str:
    """Equal for equal pushes to the same libraries, apart from the bytes of the cover, which are not known here.

    The server is not part of it: it may change its address, and another server at the address is told apart otherwise.
    """
    return _fingerprint_at((settings.plex_library, settings.keep_plex_edits), wanted, files, settings)


def digests_of_version_2(
    wanted: Wanted, files: Sequence[tuple[str, int]], settings: Settings
) -> tuple[str, str]:
    """Fingerprint and digest of the files as older versions stored them, with the server's address."""
    place = (settings.plex_url, settings.plex_library, settings.keep_plex_edits)
    return _fingerprint_at(place, wanted, files, settings), digest(files, settings.plex_url, settings.plex_library)


def _fingerprint_at(
    place: tuple[object, ...], wanted: Wanted, files: Sequence[tuple[str, int]], settings: Settings
) -> str:
    values: Mapping[str, object] = {field.value: value for field, value in sorted(wanted.values.items())}
    return digest(values, wanted.file_stem, files, place, sorted(wanted.pictures.items()), picture_kinds(settings))


def digest(*parts: object) -> str:
    """A hash of the parts, which must be JSON values, in 32 hexadecimal digits."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _genres(scene: Scene, settings: Settings) -> tuple[str, ...]:
    names = (tag.name for tag in scene.tags)
    kept = [name for name in names if not any(_matches(name, pattern) for pattern in settings.exclude_tags)]
    return tuple(kept[: settings.max_tags])


def _matches(name: str, pattern: str) -> bool:
    """Compare without case; only `*` is a wildcard, since tag names may contain brackets."""
    return fnmatchcase(name.casefold(), pattern.casefold().replace("[", "[[]").replace("?", "[?]"))


def _collections(scene: Scene) -> tuple[str, ...]:
    studio = scene.studio
    studios = [studio.name] if studio else []
    if studio and studio.parent:
        studios.append(studio.parent.name)
    return (*studios, *(group.name for group in scene.groups))


def _actor_pictures(scene: Scene, settings: Settings) -> dict[str, str]:
    """The address from which Plex can fetch each performer's picture, by name; Stash's placeholder is left out.

    The address holds no API key, since Plex keeps it permanently and shows it to every user of the library.
    """
    base = settings.stash_url_for_plex.rstrip("/")
    if not base or "performers" in settings.skip:
        return {}
    paths = ((performer.distinct_name, _picture_path(performer)) for performer in scene.performers)
    return {name: base + path for name, path in paths if path}


def _picture_path(performer: Performer) -> str:
    found = _PERFORMER_PICTURE.search(performer.image_path)
    return "" if found is None or _PLACEHOLDER in (found[2] or "").split("&") else found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`different`: ids of the scenes to queue. `unchanged`, `skipped` (not to be pushed, or ignored): numbers."""

    different: tuple[int, ...] = ()
    unchanged: int = 0
    skipped: int = 0


def compare(scenes: Iterable[Scene], settings: Settings, known: LastPushes) -> Comparison:
    """Sort scenes into those that a sync must queue and those that it need not."""
    different, unchanged, skipped = [], 0, 0
    for scene in scenes:
        if scene.id in known.ignored or reason_to_skip(scene, settings, was_pushed=scene.id in known.pushed):
            skipped += 1
        elif known.fingerprints.get(scene.id) in _fingerprints(scene, settings):
            unchanged += 1
        else:
            different.append(scene.id)
    return Comparison(different=tuple(different), unchanged=unchanged, skipped=skipped)


def _fingerprints(scene: Scene, settings: Settings) -> tuple[str, str]:
    wanted, files = wanted_of(scene, settings), plex_files(scene, settings)
    return fingerprint_of(wanted, files, settings), digests_of_version_2(wanted, files, settings)[0]
