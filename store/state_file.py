"""JSON state files: changed under a lock, replaced atomically, and set aside if unreadable.

Every file has a `version`. A corrupt file, or one of an unknown version, is renamed to `<name>.corrupt-<epoch seconds>`
and reported once, and the safe default is used instead.

A file holds a frozen dataclass, checked field by field. Allowed types are bool, int, float, str, None, `X | None`,
`tuple[X, ...]`, enums with text values, and nested dataclasses. Numbers must be finite. A missing field gets its
default and an unknown field is ignored, so fields can be added without a new version of the file.
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
from local.storage import MAKE_ROOM, LocalStorage, forget_older_damage

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from filelock import FileLock

    from local.clock import Clock

T = TypeVar("T")

# A change takes milliseconds, or a second for two fsyncs on a slow disk. A longer wait means a broken disk.
LOCK_TIMEOUT_S = 10.0
_LOCK_POLL_S = 0.01
_MAX_NUMBER = 1e300


class StateFile(Generic[T]):
    """A file that holds one frozen dataclass with a default for every field.

    `validate` gets a value whose fields are each valid. It returns the value, repaired if necessary, or raises
    ValueError if the fields contradict each other. Every method raises LocalStorage if the system reports an error.
    """

    def __init__(
        self,
        path: str,
        default: T,
        *,
        clock: Clock,
        log: logging.Logger,
        version: int = 1,
        validate: Callable[[T], T] = lambda value: value,
    ) -> None:
        self._path = path
        self._default = default
        self._clock = clock
        self._log = log
        self._version = version
        self._validate = validate
        self._lock: FileLock | None = None

    def read(self) -> T:
        """Read the file; the default if there is none. Takes the lock only to set a corrupt file aside."""
        try:
            return self._load()
        except ValueError:
            # Without the lock, a good file could replace this one before it is renamed.
            with self.locked():
                return self._read_or_set_aside()

    def create(self) -> None:
        """Write the default if there is no file yet, so that other programs find one."""
        if not os.path.exists(self._path):
            with self.locked():
                if not os.path.exists(self._path):
                    self._write(self._default)

    def update(self, change: Callable[[T], T]) -> T:
        """Read, change and write under the lock; return the new value. An unchanged value is not written."""
        with self.locked():
            before = self._read_or_set_aside()
            after = change(before)
            if after != before:
                self._write(after)
            return after

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Prevent other processes from changing the file. May be nested; `read` and `update` work inside."""
        # Imported late, because a report only reads and must work before any package is installed.
        try:
            from filelock import FileLock, Timeout  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise LocalStorage(
                f"{self._path} cannot be used until the package filelock is installed: run Health Check."
            ) from error
        if self._lock is None:
            # Without an explicit mode, lock files would get 0666.
            self._lock = FileLock(f"{self._path}.lock", mode=0o600)
        try:
            self._lock.acquire(timeout=LOCK_TIMEOUT_S, poll_interval=_LOCK_POLL_S)
        except Timeout as error:
            raise LocalStorage(
                f"{self._path} has been locked by another process for {LOCK_TIMEOUT_S:.0f} s. If no PlexSync task is "
                "running, the disk does not answer: check it, or set PLEXSYNC_DATA_DIR to a local disk."
            ) from error
        except (OSError, NotImplementedError) as error:
            self._raise_local_storage("lock", error)
        try:
            yield
        finally:
            self._lock.release()

    def _read_or_set_aside(self) -> T:
        try:
            return self._load()
        except ValueError as error:
            self._set_aside(error)
            return self._default

    def _load(self) -> T:
        try:
            with open(self._path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return self._default
        except OSError as error:
            self._raise_local_storage("read", error)
        data = _parse(content)
        if not isinstance(data, dict) or data.get("version") != self._version:
            raise ValueError(f"it is not of version {self._version}")
        return self._validate(from_json(type(self._default), data))

    def _set_aside(self, error: ValueError) -> None:
        aside = f"{self._path}.corrupt-{int(self._clock.now())}"
        try:
            replace_patiently(self._path, aside)
        except OSError as refusal:
            self._raise_local_storage("set aside", refusal)
        forget_older_damage(self._path)
        self._log.error(
            "%s cannot be used (%s). PlexSync set it aside as %s and started a new one; no job is lost.",
            self._path,
            error,
            os.path.basename(aside),
        )

    def _write(self, value: T) -> None:
        data = {"version": self._version, **to_json(value)}
        try:
            write_atomically(self._path, json.dumps(data, indent=1, allow_nan=False).encode() + b"\n")
        except OSError as error:
            self._raise_local_storage("write", error)

    def _raise_local_storage(self, what: str, error: Exception) -> NoReturn:
        # Only the system's words: the rest of an OSError's text names a temporary file, a different one each time.
        words = getattr(error, "strerror", None) or str(error)
        raise LocalStorage(
            f"cannot {what} {self._path}: {words}. {MAKE_ROOM}."
        ) from error


def _parse(content: bytes) -> Any:
    """Parse JSON; ValueError for anything else, including JSON nested too deeply for Python."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def to_json(value: object) -> Any:
    """Convert a dataclass, enum, tuple or scalar to values that `json.dumps` accepts."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(kind: type[T], data: object, where: str = "the file") -> T:
    """Build an instance of the dataclass `kind`; ValueError names the field that does not fit."""
    if not isinstance(data, dict):
        raise ValueError(f"{where} is not a JSON object")  # noqa: TRY004 - what is wrong is the file's content
    hints, values = get_type_hints(kind), {}
    for field in fields(kind):  # type: ignore[arg-type]  # every caller passes a dataclass
        if field.name in data:
            values[field.name] = _convert(hints[field.name], data[field.name], field.name)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where} lacks {field.name}")
    return kind(**values)


def _convert(hint: Any, data: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (UnionType, Union):
        inner = next(option for option in get_args(hint) if option is not type(None))
        return None if data is None else _convert(inner, data, where)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_convert(get_args(hint)[0], item, where) for item in data)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, data, where)
    if issubclass(hint, Enum):
        return hint(data)
    return _scalar(hint, data, where)


def _scalar(hint: type[Any], data: Any, where: str) -> Any:
    """Check a scalar. true is not a number, but 5 may stand for 5.0.

    Floats are bounded because Python's JSON parser accepts NaN and integers too large for a float.
    """
    if hint is float and type(data) in (int, float) and -_MAX_NUMBER <= data <= _MAX_NUMBER:
        return float(data)
    if hint is not float and type(data) is hint:
        return data
    raise ValueError(f"{where} is {data!r:.50}, which is no {hint.__name__}")
