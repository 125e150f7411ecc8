"""A scene with the fields that PlexSync needs, and the GraphQL fragment that requests exactly these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from stash.errors import StashRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

_FIELDS = """
  id title details date director rating100 organized updated_at
  paths { screenshot }
  studio { id name parent_studio { id name } }
  performers { id name disambiguation image_path }
  tags { id name }
  files { path size }
"""
# Far beyond what Plex is sent of any text; a batch of scenes stays small, whatever people write.
LONGEST_TEXT = 100_000
# SQLite, which both Stash and PlexSync store numbers in, has none that is longer.
_LONGEST_NUMBER = 18
# What a version of Stash may lack. Before 0.27, a scene has movies instead of groups.
OPTIONAL_FIELDS: Final[Mapping[str, str]] = {"Scene.groups": "groups { group { id name } }"}


def scene_fragment(left_out: Collection[str] = ()) -> str:
    """The fragment `PlexSyncScene`, without these of OPTIONAL_FIELDS."""
    optional = " ".join(text for name, text in OPTIONAL_FIELDS.items() if name not in left_out)
    return f"\nfragment PlexSyncScene on Scene {{{_FIELDS}  {optional}\n}}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFile:
    """`path` as Stash sees it (Plex may see another); `size` in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A tag, a group or a parent studio."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """`image_path` is a URL of Stash; it contains `default=true` if the picture is only Stash's placeholder.

    `namesakes`: ids of the other performers of this name, known only for one with a disambiguation (see namesakes.py).
    """

    id: int
    name: str
    image_path: str
    disambiguation: str = ""
    namesakes: tuple[int, ...] = ()

    @property
    def distinct_name(self) -> str:
        """`Ann Lee (CZ)` if another performer is called Ann Lee, else `Ann Lee`."""
        return f"{self.name} ({self.disambiguation})" if self.disambiguation and self.namesakes else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Studio:
    """`parent` is the direct parent studio, if any."""

    id: int
    name: str
    parent: Named | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The scene as Stash returned it, not validated: a date may be `2004`, a rating -5 or 101; text may contain NUL.

    `updated_at` is Stash's text, with its UTC offset and whole seconds. Missing text is "".
    """

    id: int
    title: str
    details: str
    date: str
    director: str
    rating100: int | None
    organized: bool
    updated_at: str
    studio: Studio | None
    performers: tuple[Performer, ...]
    tags: tuple[Named, ...]
    groups: tuple[Named, ...]
    files: tuple[SceneFile, ...]  # primary file first
    screenshot_url: str


class _ShapeError(ValueError):
    """Part of the response does not match the schema."""


def parse_scene(data: object) -> Scene:
    """Parse the response to `scene_fragment`. Raises StashRefused, which names the scene, if it has another shape."""
    try:
        return _scene(_mapping(data))
    except _ShapeError as error:
        number = data.get("id") if isinstance(data, Mapping) else None
        raise StashRefused(f"Stash describes scene {str(number)[:20]} in an unknown way: {error}") from error


def parse_files(data: Mapping[str, object]) -> tuple[SceneFile, ...]:
    """The files in the response for one scene. Raises StashRefused if they have another shape."""
    try:
        return _files(data)
    except _ShapeError as error:
        raise StashRefused(f"Stash lists the files of a scene in an unknown way: {error}") from error


def _files(data: Mapping[str, object]) -> tuple[SceneFile, ...]:
    return _each(data, "files", lambda file: SceneFile(path=_text(file, "path"), size=_integer(file, "size")))


def _scene(data: Mapping[str, object]) -> Scene:
    rating = data.get("rating100")
    studio = data.get("studio")
    return Scene(
        id=_integer(data, "id"),
        title=_text(data, "title"),
        details=_text(data, "details"),
        date=_text(data, "date"),
        director=_text(data, "director"),
        rating100=None if rating is None else _integer(data, "rating100"),
        organized=_boolean(data, "organized"),
        updated_at=_text(data, "updated_at"),
        studio=None if studio is None else _studio(_mapping(studio)),
        performers=_each(data, "performers", _performer),
        tags=_each(data, "tags", _named),
        groups=_each(data, "groups", lambda entry: _named(_mapping(entry.get("group")))),
        files=_files(data),
        screenshot_url=_text(_mapping(data.get("paths") or {}), "screenshot"),
    )


def _studio(data: Mapping[str, object]) -> Studio:
    parent = data.get("parent_studio")
    return Studio(
        id=_integer(data, "id"),
        name=_text(data, "name"),
        parent=None if parent is None else _named(_mapping(parent)),
    )


def _performer(data: Mapping[str, object]) -> Performer:
    return Performer(
        id=_integer(data, "id"),
        name=_text(data, "name"),
        image_path=_text(data, "image_path"),
        disambiguation=_text(data, "disambiguation").strip(),
    )


def _named(data: Mapping[str, object]) -> Named:
    return Named(id=_integer(data, "id"), name=_text(data, "name"))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise _ShapeError(f"{type(value).__name__} instead of an object")
    return value


def _each(data: Mapping[str, object], key: str, parse: Callable[[Mapping[str, object]], T]) -> tuple[T, ...]:
    values = data.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise _ShapeError(f"{key} is {type(values).__name__} instead of a list")
    return tuple(parse(_mapping(value)) for value in values)


def _text(data: Mapping[str, object], key: str) -> str:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise _ShapeError(f"{key} is {type(value).__name__} instead of text")
    return (value or "")[:LONGEST_TEXT]


def _integer(data: Mapping[str, object], key: str) -> int:
    """Stash sends ids as text, sizes and ratings as numbers."""
    value = data.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 10**_LONGEST_NUMBER:
        raise _ShapeError(f"{key} is {type(value).__name__} instead of a whole number")
    return value


def _boolean(data: Mapping[str, object], key: str) -> bool:
    value = data.get(key)
    if not isinstance(value, bool):
        raise _ShapeError(f"{key} is {type(value).__name__} instead of true or false")
    return value
