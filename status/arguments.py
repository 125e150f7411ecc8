"""Parse the arguments of fast operations. Each function raises Refused, naming the argument and what is allowed."""

from __future__ import annotations

from local.inbox import LARGEST_ID
from status.look import Refused

TYPE_CHECKING = False  # the module `typing` takes time to load
if TYPE_CHECKING:
    from collections.abc import Mapping

GROUPS = ("dead", "waiting", "missing", "ignored")
MOST_SCENES = 200
_DEFAULT_LIMIT = 50
_MOST_QUEUED = 100_000
_SHOWN = 60


def scene_id_of(arguments: Mapping[str, object]) -> int:
    """`scene_id`, given as text or as a number."""
    value = arguments.get("scene_id")
    number = whole_number(value)
    if number is None or not 0 < number <= LARGEST_ID:
        raise Refused(f"scene_id is {show(value)}; it must be the number of a scene, for example 12.")
    return number


def scene_ids_of(arguments: Mapping[str, object]) -> list[int]:
    """`scene_ids`: a list of numbers, each given as text or as a number; none by default."""
    value = arguments.get("scene_ids") or []
    given = value if isinstance(value, list) and len(value) <= _MOST_QUEUED else [None]
    numbers = [number for each in given if (number := whole_number(each)) is not None and 0 < number <= LARGEST_ID]
    if len(numbers) < len(given):
        raise Refused(f"scene_ids is {show(value)}; it must be a list of the numbers of scenes, for example [12, 13].")
    return list(dict.fromkeys(numbers))


def group_of(arguments: Mapping[str, object]) -> str:
    """`group`: "" by default."""
    value = arguments.get("group") or ""
    if value not in ("", *GROUPS):
        raise Refused(f"group is {show(value)}; it must be one of {', '.join(GROUPS)}.")
    return str(value)


def error_class_of(arguments: Mapping[str, object]) -> str:
    """`error_class`: any text; "" by default."""
    value = arguments.get("error_class") or ""
    if not isinstance(value, str):
        raise Refused(f"error_class is {show(value)}; it must be the name of an error class, for example NotInPlex.")
    return value


def limit_of(arguments: Mapping[str, object]) -> int:
    """`limit`: how many scenes at most; 50 by default."""
    value = arguments.get("limit", _DEFAULT_LIMIT)
    number = whole_number(value)
    if number is None or not 0 < number <= MOST_SCENES:
        raise Refused(f"limit is {show(value)}; it must be a number from 1 to {MOST_SCENES}.")
    return number


def offset_of(arguments: Mapping[str, object]) -> int:
    """`offset`: how many scenes to leave out; 0 by default."""
    value = arguments.get("offset", 0)
    number = whole_number(value)
    if number is None or not 0 <= number <= LARGEST_ID:
        raise Refused(f"offset is {show(value)}; it must be a number from 0 on.")
    return number


def whole_number(value: object) -> int | None:
    """A number from 0 on, given as text or as a number; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def show(value: object) -> str:
    """The value as a message quotes it."""
    return repr(value)[:_SHOWN]
