"""Frozen dataclasses to JSON and back, checked field by field.

Types that may occur: bool, int, float, str, None, `X | None`, `tuple[X, ...]`, enums with text values and further
dataclasses. Numbers must be finite. A field that is absent takes its default, an unknown one is ignored, so that a
field can be added without a new version of the file.
"""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LARGEST = 1e300


def to_json(value: object) -> Any:
    """The value as `json.dumps` takes it."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], data: object, where: str = "the file") -> T:
    """An instance of the dataclass `kind`; ValueError names the field that does not fit."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not a JSON object")  # noqa: TRY004 - what is wrong is the file's content
    hints, values = get_type_hints(kind), {}
    for field in fields(kind):  # type: ignore[arg-type]  # every caller passes a dataclass
        if field.name in data:
            values[field.name] = _converted(hints[field.name], data[field.name], field.name)
        elif field.default is MISSING:
            raise ValueError(f"{where} lacks {field.name}")
    return kind(**values)


def _converted(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (UnionType, Union):
        inner = next(option for option in get_args(hint) if option is not type(None))
        return None if data is None else _converted(inner, data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_converted(get_args(hint)[0], item, where) for item in data)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, data, where)
    if issubclass(hint, Enum):
        return hint(data)
    return _scalar(hint, data, where)


def _scalar(hint: type[Any], data: Any, where: str) -> Any:
    """In JSON true is no number, 5 may stand for 5.0, and Python reads NaN and integers that no float can hold."""
    if hint is float and type(data) in (int, float) and -_LARGEST <= data <= _LARGEST:
        return float(data)
    if hint is not float and type(data) is hint:
        return data
    raise ValueError(f"{where} is {data!r:.50}, which is no {hint.__name__}")
