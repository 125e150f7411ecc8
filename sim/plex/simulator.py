"""A simulated Plex Media Server over HTTP, awkward parts included, for tests and the demonstration.

    with PlexSim(token="t0k3n") as plex:
        movies = plex.add_section("Movies", locations=["/media"])
        key = plex.add_item(movies, files=[("/media/a.mp4", 1000)], genres=("Drama",))
        plex.fault(Fault.dropped(after=True), method="PUT", times=1)

Where Plex surprises is said in the docstrings of `plex_edits`, `plex_library`, `plex_routes`, `plex_tags`, `plex_xml`.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sim.faults import Fault, FaultKind, FaultRule, Request
from sim.plex.edits import Edit
from sim.plex.library import File, PlexLibrary, Version, as_edit
from sim.plex.model import VALUE_FIELDS, VALUE_TAGS, ItemView, Values
from sim.plex.routes import Quirks, Routes
from sim.plex.server import PlexHandler, PlexService
from sim.port import HOST, Port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

_VALUE_NAMES = frozenset(each.name for each in fields(Values))

VERSION = "1.43.3.10828-a1b2c3d4e"


class PlexSim:
    """The server, a person at it, and what can go wrong with it. All methods may be called from any thread.

    `clock` answers epoch seconds. `token` and `latency_s` (before every answer) may be set at any time.
    """

    def __init__(
        self,
        *,
        token: str = "plex-token",  # noqa: S107 - made up
        name: str = "Simulated Plex",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._library = PlexLibrary(clock)
        identifier = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        self._routes = Routes(self._library, name=name, machine_identifier=identifier, version=VERSION)
        self._service = PlexService(self._routes, token=token, clock=clock)
        self._port = Port(PlexHandler, daemon_threads=False)

    def __enter__(self) -> PlexSim:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._port.open(self._service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything, also what hangs."""
        self._port.release()

    # --- where it is

    @property
    def port(self) -> int:
        """The same from the beginning to the end, also while nobody listens at it."""
        return self._port.number

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def token(self) -> str:
        """The only token that is right."""
        return self._service.token

    @token.setter
    def token(self, token: str) -> None:
        self._service.token = token

    @property
    def latency_s(self) -> float:
        """Seconds before every answer."""
        return self._service.latency_s

    @latency_s.setter
    def latency_s(self, seconds: float) -> None:
        self._service.latency_s = seconds

    @property
    def quirks(self) -> Quirks:
        """What differs between servers."""
        return self._routes.quirks

    # --- the library

    def add_section(self, title: str, *, locations: Sequence[str] = (), section_type: str = "movie") -> int:
        """Make a library; returns its key. A title may be given twice, as in Plex."""
        return self._library.add_section(title, section_type=section_type, locations=locations)

    def rename_section(self, key: int, title: str) -> None:
        """Give a library another title."""
        self._library.rename_section(key, title)

    def add_item(self, section: int, *, files: Sequence[Version], added_at: int | None = None, **values: Any) -> int:
        """Add an item; returns its rating key.

        `files`: for each version a (path, size in bytes), or a list of those when it has several parts. `values`: see
        `Values`; they are the agent's, which is what a metadata refresh brings back. No title: the file's stem.
        """
        return self._library.add_item(section, files, _values(values), added_at=added_at)

    def put_on_disk(self, section: int, *, files: Sequence[Version], **values: Any) -> None:
        """Like `add_item`, but Plex does not know it before its next scan of that folder."""
        self._library.put_on_disk(section, files, _values(values))

    def scan(self, section: int, path: str = "") -> list[int]:
        """Scan a section or one folder of it; returns the new rating keys."""
        return self._library.scan(section, path)

    def item(self, rating_key: int) -> ItemView:
        """The item as it is now. Raises KeyError when there is none."""
        return self._library.view(rating_key)

    def items(self, section: int) -> list[ItemView]:
        """All items of a section by title."""
        with self._library.lock:
            return [self._library.view(item.rating_key) for item in self._library.ordered(section)]

    def remove_item(self, rating_key: int) -> None:
        """Delete an item."""
        self._library.remove_item(rating_key)

    def replace_file(self, rating_key: int, *, files: Sequence[Version] | None = None) -> int:
        """Replace the files (by default each by one of the same path and another size): a new rating key, nothing of
        what was edited is left. Returns the new key.
        """
        if files is None:
            files = [(path, size + 1) for path, size in self.item(rating_key).files]
        return self._library.replace_file(rating_key, files)

    def edit_by_hand(self, rating_key: int, *, locked: bool = True, **values: Any) -> None:
        """What a person does in Plex: sets fields and whole lists, named as in `Values`, and so locks them."""
        wanted, names = as_edit(_values(values)), {**VALUE_FIELDS, **VALUE_TAGS}
        with self._library.lock:
            before = self.item(rating_key)
            edit = Edit(
                # From `values`: a person may empty a field, which `Values` cannot tell from leaving it alone.
                values={VALUE_FIELDS[name]: text for name, text in values.items() if name in VALUE_FIELDS},
                locks={names[name]: True for name in values} if locked else {},
                removed={VALUE_TAGS[name]: getattr(before, name) for name in values if name in VALUE_TAGS},
                added=wanted.added,
            )
            self._library.edit([rating_key], edit)

    def unlock_by_hand(self, rating_key: int, names: Iterable[str]) -> None:
        """A person opens locks; the names are Plex's: `title`, `genre`, `originallyAvailableAt`…"""
        self._library.edit([rating_key], Edit(locks=dict.fromkeys(names, False)))

    def rate_by_hand(self, rating_key: int, rating: float | None) -> None:
        """A person rates, 0 to 10; None takes the rating away."""
        self._library.rate(rating_key, rating)

    def metadata_refresh(self, rating_key: int) -> None:
        """Plex's agent visits: every field and list that is not locked goes back to what the agent knows."""
        self._library.metadata_refresh(rating_key)

    # --- the log

    @property
    def requests(self) -> list[Request]:
        """All requests in the order of arrival; one that is not yet or never answered has no status."""
        return list(self._service.log)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._service.log.clear()

    def wait_for_requests(
        self, count: int, *, timeout_s: float = 10.0, when: Callable[[Request], bool] = lambda _request: True
    ) -> bool:
        """Wait until `count` requests that fit `when` have arrived; False when the time is over first."""
        return self._service.log.wait_for(lambda log: sum(map(when, log)) >= count, timeout_s)

    # --- faults

    def fault(
        self,
        fault: Fault,
        *,
        when: Callable[[Request], bool] | None = None,
        path: str = "",
        method: str = "",
        rating_key: int | None = None,
        times: int | None = None,
    ) -> FaultRule:
        """From now on strike what fits all conditions (`path`: a beginning), `times` times or until healed.

        `Fault.refused()` strikes the whole server and takes no conditions.
        """
        rule = FaultRule(fault=fault, when=_condition(when, path, method, rating_key), left=times)
        if fault.kind is FaultKind.REFUSED:
            if when or path or method or rating_key is not None or times is not None:
                raise ValueError("a closed port refuses everybody: Fault.refused() takes no conditions")
            self._port.close()
            return rule
        self._service.faults.add(rule)
        return rule

    def heal(self, rule: FaultRule | None = None) -> None:
        """End one fault, or all, and let go of what hangs in it; a closed port opens again."""
        self._service.faults.heal(rule)
        if rule is None or rule.fault.kind is FaultKind.REFUSED:
            self._port.open(self._service)


def _condition(
    when: Callable[[Request], bool] | None, path: str, method: str, rating_key: int | None
) -> Callable[[Request], bool]:
    def fits(request: Request) -> bool:
        return (
            request.path.startswith(path)
            and method in {"", request.method}
            and (rating_key is None or rating_key in request.rating_keys)
            and (when is None or when(request))
        )

    return fits


def _values(values: dict[str, Any]) -> Values:
    if unknown := values.keys() - _VALUE_NAMES:
        raise TypeError(f"no values of an item: {sorted(unknown)}; there are {sorted(_VALUE_NAMES)}")
    given: dict[str, Any] = {name: tuple(value) if name in VALUE_TAGS else value for name, value in values.items()}
    return Values(**given)


__all__ = ["Fault", "FaultRule", "File", "ItemView", "PlexSim", "Request", "Values", "Version"]
