"""Parse the arguments that a caller may pass to a task.

Each function raises TaskError, which names the argument, its value and what is allowed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from local import inbox
from reconciliation.schedule import parse_scope_argument
from status import arguments as of_status
from status.arguments import show, whole_number
from status.look import Refused
from store.judgement import ERROR_CLASSES
from tasks.context import TaskError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

# The class that an outage explains best; the others may have causes of their own.
DEFAULT_ERROR_TYPES = ("PlexServerDown",)
DEFAULT_DAYS = 30.0
_YES_OR_NO: Final[Mapping[str, bool]] = {"": False, "false": False, "true": True}


def scene_id_of(arguments: Mapping[str, object]) -> int:
    """`scene_id`, given as text or as a number."""
    value = arguments.get("scene_id")
    number = whole_number(value)
    if number is None or not 0 < number <= inbox.LARGEST_ID:
        raise TaskError(f"scene_id is {show(value)}; it must be the number of a scene, for example 12.")
    return number


def scene_ids_of(arguments: Mapping[str, object]) -> list[int]:
    """`scene_ids`: a list of numbers, each given as text or as a number; none by default."""
    return _as_in_status(of_status.scene_ids_of, "scene_ids", arguments.get("scene_ids"))


def group_of(arguments: Mapping[str, object]) -> str:
    """`group`: of the operation `needs_you`; "" by default."""
    return _as_in_status(of_status.group_of, "group", arguments.get("group"))


def error_class_of(arguments: Mapping[str, object]) -> str:
    """`error_class`: any text; "" by default."""
    return _as_in_status(of_status.error_class_of, "error_class", arguments.get("error_class"))


def error_types_of(arguments: Mapping[str, object]) -> tuple[str, ...]:
    """`error_types`: class names separated by commas, in any case, or `all`."""
    value = arguments.get("error_types")
    if value is None or value == "":
        return DEFAULT_ERROR_TYPES
    names = value if isinstance(value, list) else str(value).split(",")
    wanted = [str(name).strip().casefold() for name in names if str(name).strip()]
    if "all" in wanted:
        return ERROR_CLASSES
    known = {name.casefold(): name for name in ERROR_CLASSES}
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise TaskError(
            f"error_types is {show(value)}; it must be all, or some of {', '.join(ERROR_CLASSES)}, "
            "separated by commas."
        )
    return tuple(known[name] for name in dict.fromkeys(wanted))


def outage_of(arguments: Mapping[str, object]) -> int | None:
    """`outage`: the id of an outage; None means the last one."""
    value = arguments.get("outage")
    if value is None or value == "":
        return None
    number = whole_number(value)
    if number is None:
        raise TaskError(f"outage is {show(value)}; it must be an outage's id, as Outage Summary Report lists them.")
    return number


def days_of(arguments: Mapping[str, object]) -> float:
    """`days`: 0 or more, fractions included."""
    value = arguments.get("days")
    if value is None or value == "":
        return DEFAULT_DAYS
    try:
        days = float(str(value))
    except ValueError:
        days = -1.0
    if isinstance(value, bool) or not 0 <= days < float("inf"):
        raise TaskError(f"days is {show(value)}; it must be a number, 0 or more.")
    return days


def scope_of(arguments: Mapping[str, object], default: str) -> str:
    """`scope`: which scenes to compare, in the words of the setting `reconcile_scope`."""
    try:
        return parse_scope_argument(arguments.get("scope"), default)
    except ValueError as error:
        raise TaskError(str(error)) from error


def preview_of(arguments: Mapping[str, object]) -> bool:
    """`preview`: true or false, also as text. Anything else is an error: it must not become the real thing."""
    return _yes_or_no("preview", arguments.get("preview"))


def bad_is_error_of(arguments: Mapping[str, object]) -> bool:
    """`bad_is_error`: true or false, also as text."""
    return _yes_or_no("bad_is_error", arguments.get("bad_is_error"))


def server_of(arguments: Mapping[str, object]) -> str:
    """`server`: name or identifier of a Plex server; "" means the only one."""
    return str(arguments.get("server") or "").strip()


def library_of(arguments: Mapping[str, object]) -> str:
    """`library`: the name of one configured library; "" means all of them. The worker checks the name."""
    return str(arguments.get("library") or "").strip()


def _as_in_status(parse: Callable[[Mapping[str, object]], T], name: str, value: object) -> T:
    try:
        return parse({name: value})
    except Refused as error:
        raise TaskError(str(error)) from error


def _yes_or_no(name: str, value: object) -> bool:
    text = "" if value is None else str(value).strip().casefold()
    if text not in _YES_OR_NO:
        raise TaskError(f"{name} is {show(value)}; it must be true or false.")
    return _YES_OR_NO[text]
