"""The JSON state files: locked read-modify-write, replaced in one step, set aside when they are not readable.

Every file carries a `version`. One that is corrupt, or of a version not known here, is renamed to
`<name>.corrupt-<epoch seconds>`, reported once, and its safe default taken in its stead.

A file holds a frozen dataclass, checked field by field. Types that may occur: bool, int, float, str, None, `X | None`,
`tuple[X, ...]`, enums with text values and further dataclasses. Numbers must be finite. A field that is absent takes
its default, an unknown one is ignored, so that a field can be added without a new version of the file.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from local.files import replace_patiently, write_atomically
from local.storage import LocalStorage

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from filelock import FileLock

    from local.clock import Clock

T = TypeVar("T")

# A change takes milliseconds (two fsyncs on a slow disk: a second); whoever waits longer waits for a broken disk.
LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.01
_LARGEST = 1e300


class StateFile(Generic[T]):
    """One file that holds one frozen dataclass with a default for every field.

    `consistent` repairs or refuses (ValueError) a value whose fields each are valid but do not fit together.
    Every method raises LocalStorage when the system refuses.
    """

    def __init__(
        self,
        path: str,
        default: T,
        *,
        clock: Clock,
        log: logging.Logger,
        version: int = 1,
        consistent: Callable[[T], T] = lambda value: value,
    ) -> None:
        self._path = path
        self._default = default
        self._clock = clock
        self._log = log
        self._version = version
        self._consistent = consistent
        self._lock: FileLock | None = None

    def read(self) -> T:
        """What the file says now; the default when there is none. Takes the lock only to set a corrupt file aside."""
        try:
            return self._parsed()
        except ValueError:
            # Unlocked, the file might be replaced by a good one between this look and the renaming.
            with self.locked():
                return self._read_or_set_aside()

    def make(self) -> None:
        """Write the default where there is no file yet, so that whoever looks finds one."""
        if not os.path.exists(self._path):
            with self.locked():
                if not os.path.exists(self._path):
                    self._write(self._default)

    def update(self, change: Callable[[T], T]) -> T:
        """Read, change and write under the lock; returns the new value. What `change` leaves equal is not written."""
        with self.locked():
            before = self._read_or_set_aside()
            after = change(before)
            if after != before:
                self._write(after)
            return after

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the file. May be nested; `read` and `update` work inside."""
        # Imported here: a report only reads, and must work before any package is installed.
        try:
            from filelock import FileLock, Timeout  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise LocalStorage(
                f"{self._path} cannot be used, nor begun anew before the package filelock is installed: run Health "
                "Check."
            ) from error
        if self._lock is None:
            # The mode is explicit since the lock files are made with 0666 otherwise.
            self._lock = FileLock(f"{self._path}.lock", mode=0o600)
        try:
            self._lock.acquire(timeout=LOCK_TIMEOUT_S, poll_interval=_LOCK_POLL_S)
        except Timeout as error:
            raise LocalStorage(
                f"{self._path} has been locked by another process for {LOCK_TIMEOUT_S:.0f} s. If no PlexSync task is "
                "running, the disk does not answer: look at it, or set PLEXSYNC_DATA_DIR to a local disk."
            ) from error
        except (OSError, NotImplementedError) as error:
            self._refuse("lock", error)
        try:
            yield
        finally:
            self._lock.release()

    def _read_or_set_aside(self) -> T:
        try:
            return self._parsed()
        except ValueError as error:
            self._set_aside(error)
            return self._default

    def _parsed(self) -> T:
        try:
            with open(self._path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return self._default
        except OSError as error:
            self._refuse("read", error)
        data = _decoded(content)
        if not isinstance(data, dict) or data.get("version") != self._version:
            raise ValueError(f"it is not of version {self._version}")
        return self._consistent(from_json(type(self._default), data))

    def _set_aside(self, error: ValueError) -> None:
        aside = f"{self._path}.corrupt-{int(self._clock.now())}"
        try:
            replace_patiently(self._path, aside)
        except OSError as refusal:
            self._refuse("set aside", refusal)
        self._log.error(
            "%s cannot be used (%s). It was set aside as %s and PlexSync starts that record anew; no job is lost.",
            self._path,
            error,
            os.path.basename(aside),
        )

    def _write(self, value: T) -> None:
        data = {"version": self._version, **to_json(value)}
        try:
            write_atomically(self._path, json.dumps(data, indent=1, allow_nan=False).encode() + b"\n")
        except OSError as error:
            self._refuse("write", error)

    def _refuse(self, what: str, error: Exception) -> NoReturn:
        # The system's words alone: the rest of an OSError's text names a temporary file, each time another.
        words = getattr(error, "strerror", None) or str(error)
        raise LocalStorage(
            f"cannot {what} {self._path}: {words}. Make room on that disk, or make the folder writable for the user "
            "that runs Stash; PlexSync goes on by itself then."
        ) from error


def _decoded(content: bytes) -> Any:
    """ValueError for all that is not JSON, deep nesting included."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


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
        elif field.default is MISSING and field.default_factory is MISSING:
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
