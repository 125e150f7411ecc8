"""Which scenes `findScenes` returns, and in which order: Stash's filters, sorting and paging."""

from __future__ import annotations

import os
import random
import re
from typing import TYPE_CHECKING, Any

from sim.stash.library import ResolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sim.stash.library import Entity, SimulatedScene, StashLibrary, VideoFile

DEFAULT_PER_PAGE = 25
EVERYTHING = -1
TIMES = ("created_at", "updated_at")
NUMBER = re.compile(r"\s*[+-]?\d+(\.\d*)?\s*")
RELATED = {"tags": "tag", "performers": "performer", "studios": "studio", "groups": "group"}


def natural(text: str) -> list[tuple[int, int]]:
    """A sort key that puts `2` before `10` and ignores case; everything else goes by code point."""
    parts = re.findall(r"[0-9]+|[^0-9]", text.lower())
    return [(ord("0"), int(part)) if part.isdecimal() and part.isascii() else (ord(part), 0) for part in parts]


def page_of(found: list[Any], options: dict[str, Any]) -> list[Any]:
    """One page. `options` is a FindFilterType; `per_page` is 25 by default, -1 means all, 0 none."""
    per_page = options.get("per_page")
    per_page = DEFAULT_PER_PAGE if per_page is None else per_page
    if per_page == EVERYTHING:
        return found
    start = (max(options.get("page") or 1, 1) - 1) * per_page
    return found[start : start + per_page]


# --- sorting ---

SCENE_SORTS: dict[str, Callable[[SimulatedScene], Any]] = {
    "id": lambda scene: scene.id,
    "title": lambda scene: natural(scene.title or (os.path.basename(scene.files[0].path) if scene.files else "")),
    "path": lambda scene: natural(scene.files[0].path if scene.files else ""),
    "date": lambda scene: scene.date or "",
    "rating": lambda scene: -1000 if scene.rating100 is None else scene.rating100,
    "created_at": lambda scene: scene.created_at,
    "updated_at": lambda scene: scene.updated_at,
    "organized": lambda scene: scene.organized,
    "filesize": lambda scene: sum(file.size for file in scene.files),
    "file_mod_time": lambda scene: scene.files[0].mod_time if scene.files else "",
    "play_count": lambda scene: scene.play_count,
    "o_counter": lambda scene: scene.o_counter,
}


def sort_scenes(scenes: list[SimulatedScene], options: dict[str, Any]) -> list[SimulatedScene]:
    """Ties go by title, else id. Raises ResolverError for a sort that Stash or this simulator does not know."""
    sort = options.get("sort") or "title"
    if sort.startswith("random"):
        return random.Random(sort).sample(scenes, len(scenes))
    if sort not in SCENE_SORTS:
        raise ResolverError(f"invalid sort: {sort}")
    if sort != "id":
        scenes = sorted(scenes, key=lambda scene: natural(scene.title or str(scene.id)))
    return sorted(scenes, key=SCENE_SORTS[sort], reverse=options.get("direction") == "DESC")


def sort_entities(entities: Iterable[Entity], options: dict[str, Any]) -> list[Entity]:
    """By name by default; a tag's sort name takes precedence."""
    sort = options.get("sort") or "name"
    sorts: dict[str, Callable[[Entity], Any]] = {
        "id": lambda entity: entity.id,
        "name": lambda entity: natural(entity.fields.get("sort_name") or entity.name),
        "created_at": lambda entity: entity.created_at,
        "updated_at": lambda entity: entity.updated_at,
    }
    if sort not in sorts:
        raise ResolverError(f"invalid sort: {sort}")
    return sorted(sorted(entities, key=sorts["name"]), key=sorts[sort], reverse=options.get("direction") == "DESC")


FILE_SORTS: dict[str, Callable[[VideoFile], Any]] = {
    "id": lambda file: file.id,
    "path": lambda file: os.path.split(file.path),
    "created_at": lambda file: file.created_at,
    "updated_at": lambda file: file.updated_at,
}


def sort_files(files: list[VideoFile], options: dict[str, Any]) -> list[VideoFile]:
    """Unsorted by default: in the order of their ids."""
    sort = options.get("sort") or "id"
    if sort not in FILE_SORTS:
        raise ResolverError(f"invalid sort: {sort}")
    files = sorted(files, key=lambda file: file.id)
    return sorted(files, key=FILE_SORTS[sort], reverse=options.get("direction") == "DESC")


# --- criteria ---


def compare(actual: Any, criterion: dict[str, Any]) -> bool:
    """Compare a text, a number or a time (as text). An unset value matches IS_NULL, NOT_EQUALS and EXCLUDES only."""
    modifier, value = criterion["modifier"], criterion["value"]
    if modifier in {"IS_NULL", "NOT_NULL"}:
        return (actual in {None, ""}) is (modifier == "IS_NULL")
    if modifier not in COMPARISONS:
        raise ResolverError(f"modifier {modifier} is not valid here")
    if actual is None:
        return modifier in {"NOT_EQUALS", "EXCLUDES"}
    second = criterion.get("value2")
    return bool(COMPARISONS[modifier](actual, value, value if second is None else second))


def compare_time(actual: str, criterion: dict[str, Any]) -> bool:
    """Compare as text. SQLite reads a value that looks like a number as one; every text is greater than any number."""
    bounds = [criterion["value"], criterion.get("value2")]
    value, second = ("" if bound and NUMBER.fullmatch(bound) else bound for bound in bounds)
    return compare(actual, {**criterion, "value": value, "value2": second})


def compare_path(actual: str, criterion: dict[str, Any]) -> bool:
    """Compare a path as Stash does (criterion_handlers.go): by LIKE, so that `%` and `_` in the value are wildcards.

    INCLUDES finds any of the value's words, unless the value is in double quotes.
    """
    modifier, value = criterion["modifier"], criterion["value"]
    if modifier == "EQUALS":
        return _is_like(actual, value)
    if modifier != "INCLUDES":
        return compare(actual, criterion)
    trimmed = value.strip()
    quoted = trimmed.strip('"')
    words = [quoted] if quoted != trimmed else re.split(r"\s+", trimmed)
    return any(_is_like(actual, f"%{word}%") for word in words)


def _is_like(text: str, pattern: str) -> bool:
    """SQLite's LIKE: case counts except in ASCII."""
    shape = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(shape, text, re.DOTALL | re.IGNORECASE | re.ASCII) is not None


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


COMPARISONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "EQUALS": lambda actual, value, _: _folded(actual) == _folded(value),
    "NOT_EQUALS": lambda actual, value, _: _folded(actual) != _folded(value),
    "GREATER_THAN": lambda actual, value, _: actual > value,
    "LESS_THAN": lambda actual, value, _: actual < value,
    "BETWEEN": lambda actual, value, second: value <= actual <= second,
    "NOT_BETWEEN": lambda actual, value, second: not value <= actual <= second,
    "INCLUDES": lambda actual, value, _: _folded(value) in _folded(actual),
    "EXCLUDES": lambda actual, value, _: _folded(value) not in _folded(actual),
    "MATCHES_REGEX": lambda actual, value, _: re.search(value, actual),
    "NOT_MATCHES_REGEX": lambda actual, value, _: not re.search(value, actual),
}


def _ids(values: Iterable[Any] | None) -> list[int]:
    found = list(values or ())
    bad = [value for value in found if not re.fullmatch(r"[+-]?\d+", str(value))]
    if bad:
        raise ResolverError(f"no such column: {bad[0]}")
    return [int(value) for value in found]


class SceneFilter:
    """A SceneFilterType as a predicate of scenes."""

    def __init__(self, library: StashLibrary, criteria: dict[str, Any]) -> None:
        self._library = library
        self.fits = self._combined(criteria)

    def _combined(self, criteria: dict[str, Any]) -> Callable[[SimulatedScene], bool]:
        """The criteria and AND must all match, or OR must; NOT must not."""
        own = {key: value for key, value in criteria.items() if key not in {"AND", "OR", "NOT"} and value is not None}
        tests = [self._test(key, value) for key, value in own.items()]
        branches = {key: self._combined(criteria[key]) for key in ("AND", "OR", "NOT") if criteria.get(key)}

        def fits(scene: SimulatedScene) -> bool:
            fits_own = all(test(scene) for test in tests)
            if "OR" in branches:
                return (bool(tests) and fits_own) or branches["OR"](scene)
            if "AND" in branches:
                return fits_own and branches["AND"](scene)
            return fits_own and not ("NOT" in branches and branches["NOT"](scene))

        return fits

    def _test(self, key: str, criterion: Any) -> Callable[[SimulatedScene], bool]:
        if key in RELATED:
            return self._related(RELATED[key], criterion)
        if key == "organized":
            return lambda scene: scene.organized == criterion
        if key == "file_count":
            return lambda scene: compare(len(scene.files), criterion)
        if key == "path":
            return lambda scene: any(compare_path(file.path, criterion) for file in scene.files)
        test = compare_time if key in TIMES else compare
        return lambda scene: test(getattr(scene, key), criterion)

    def _related(self, kind: str, criterion: dict[str, Any]) -> Callable[[SimulatedScene], bool]:
        depth = criterion.get("depth") or 0
        wanted = [self._with_descendants(kind, each, depth) for each in _ids(criterion.get("value"))]
        excluded = set(_ids(criterion.get("excludes")))
        modifier, library = criterion["modifier"], self._library

        def fits(scene: SimulatedScene) -> bool:
            has = set(library.references(kind, scene))
            if modifier in {"IS_NULL", "NOT_NULL"}:
                return bool(has) is (modifier == "NOT_NULL")
            hits = [bool(group & has) for group in wanted]
            if excluded & has or (modifier == "EQUALS" and len(has) != len(wanted)):
                return False
            if modifier == "EXCLUDES":
                return not any(hits)
            return all(hits) if modifier in {"INCLUDES_ALL", "EQUALS"} else any(hits) or not wanted

        if modifier not in {"IS_NULL", "NOT_NULL", "EQUALS", "INCLUDES", "INCLUDES_ALL", "EXCLUDES"}:
            raise ResolverError(f"modifier {modifier} is not valid here")
        return fits

    def _with_descendants(self, kind: str, entity_id: int, depth: int) -> set[int]:
        """The entity and `depth` levels of descendants, -1 for all levels."""
        found, level = {entity_id}, {entity_id}
        while level and depth != 0:
            table = self._library.entities[kind].values()
            level = {entity.id for entity in table if level & set(entity.parent_ids)} - found
            found |= level
            depth -= 1
        return found


def matches_words(texts: Iterable[str], query: str | None) -> bool:
    """Whether every word of the query occurs in one of the texts, in any case."""
    folded = [text.casefold() for text in texts]
    return all(any(word in text for text in folded) for word in (query or "").casefold().split())
