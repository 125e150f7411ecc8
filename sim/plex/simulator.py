"""A simulated Plex Media Server over HTTP, quirks included, for tests and the demonstration.

    with PlexSim(token="t0k3n") as plex:
        movies = plex.add_section("Movies", locations=["/media"])
        key = plex.add_item(movies, files=[("/media/a.mp4", 1000)], genres=("Drama",))
        plex.fault(Fault.dropped(after=True), method="PUT", times=1)

The docstrings of the modules in `sim/plex/` say where Plex behaves unexpectedly.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sim.faults import Fault, FaultKind, FaultRule, Request
from sim.plex.accounts import Accounts
from sim.plex.edits import Edit
from sim.plex.guids import DEFAULT_AGENT
from sim.plex.item_view import as_edit
from sim.plex.library import File, PlexLibrary, Version
from sim.plex.model import VALUE_FIELDS, VALUE_TAGS, ItemView, Values
from sim.plex.routes import Routes
from sim.plex.server import PlexHandler, PlexService
from sim.port import HOST, Port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from sim.plex.quirks import Quirks

_VALUE_NAMES = frozenset(each.name for each in fields(Values))

VERSION = "1.43.3.10828-a1b2c3d4e"


class PlexSim:
    """The server, a person who uses it, and its faults. All methods may be called from any thread.

    `clock` returns epoch seconds. `token` and `latency_s` may be set at any time.
    """

    def __init__(
        self,
        *,
        token: str = "plex-token",  # noqa: S107 - made up
        name: str = "Simulated Plex",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._library = PlexLibrary(clock)
        self._accounts = Accounts(token)
        identifier = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        self._routes = Routes(self._library, self._accounts, name=name, machine_identifier=identifier, version=VERSION)
        self._service = PlexService(self._routes, self._accounts, self._library.quirks, clock=clock)
        self._port = Port(PlexHandler, daemon_threads=False)

    def __enter__(self) -> PlexSim:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._port.open(self._service)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop for good and release everything, including hanging requests."""
        self._port.release()

    # --- its address

    @property
    def port(self) -> int:
        """Constant, even while nothing listens on it."""
        return self._port.number

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    @property
    def token(self) -> str:
        """The owner's token; the only valid one unless users are added."""
        return self._accounts.owner_token

    @token.setter
    def token(self, token: str) -> None:
        self._accounts.owner_token = token

    def add_user(
        self,
        token: str,
        *,
        name: str = "guest",
        edit_status: int = 403,
        may_rate: bool = True,
        sees_files: bool = True,
    ) -> None:
        """Add a shared or home user, whose token reads everything and gets `edit_status`, 403 or 401, for every edit.

        A user who `may_rate` has ratings of their own. `sees_files` False: Parts have no file.
        """
        self._accounts.add(token, name=name, edit_status=edit_status, may_rate=may_rate, sees_files=sees_files)

    def expire_token(self, token: str, *, status: int = 498) -> None:
        """Refuse this token from now on: plex.tv's short-lived tokens end with 498 or 401."""
        self._accounts.expire(token, status)

    @property
    def machine_identifier(self) -> str:
        """Identifies the server; with another one, the same address is another server."""
        return self._routes.machine_identifier

    @machine_identifier.setter
    def machine_identifier(self, identifier: str) -> None:
        self._routes.machine_identifier = identifier

    @property
    def latency_s(self) -> float:
        """Seconds before every answer."""
        return self._service.latency_s

    @latency_s.setter
    def latency_s(self, seconds: float) -> None:
        self._service.latency_s = seconds

    @property
    def quirks(self) -> Quirks:
        """Differences between servers."""
        return self._library.quirks

    # --- the library

    def add_section(
        self,
        title: str,
        *,
        locations: Sequence[str] = (),
        section_type: str = "movie",
        agent: str = DEFAULT_AGENT,
    ) -> int:
        """Make a library; returns its key. As in Plex, two may have the same title. `agent`: see `guids.py`."""
        return self._library.add_section(title, section_type=section_type, locations=locations, agent=agent)

    def delete_section(self, key: int) -> None:
        """Delete a library with its items."""
        self._library.delete_section(key)

    def remake_section(self, key: int) -> int:
        """Delete a library and make it again with the same title, folders and files; returns its new key.

        The items get new rating keys and lose all edits.
        """
        return self._library.remake_section(key)

    def rename_section(self, key: int, title: str) -> None:
        """Change the title of a library."""
        self._library.rename_section(key, title)

    def set_locations(self, key: int, locations: Sequence[str]) -> None:
        """Give a library other folders."""
        self._library.set_locations(key, locations)

    def add_item(
        self,
        section: int,
        *,
        files: Sequence[Version],
        added_at: int | None = None,
        guid: str = "",
        subtype: str | None = None,
        **values: Any,
    ) -> int:
        """Add an item; returns its rating key. The defaults of `guid` and `subtype` are those of the library's agent.

        `files`: one entry for each version, a (path, size in bytes) or a list of these for several parts. `values`: see
        `Values`; they are the agent's, so a metadata refresh restores them. The default title is the file's stem.
        """
        return self._library.add_item(
            section, files, _values(values), added_at=added_at, guid=guid, subtype=subtype
        )

    def add_optimized_version(self, rating_key: int, target: str = "Optimized for Mobile") -> str:
        """Have Plex make a version for a kind of device, in a folder "Plex Versions"; returns its path."""
        return self._library.add_optimized_version(rating_key, target)

    def put_on_disk(self, section: int, *, files: Sequence[Version], **values: Any) -> None:
        """Like `add_item`, but Plex finds it only when it next scans the folder."""
        self._library.put_on_disk(section, files, _values(values))

    def scan(self, section: int, path: str = "") -> list[int]:
        """Scan a section or one folder of it; returns the new rating keys."""
        return self._library.scan(section, path)

    def item(self, rating_key: int) -> ItemView:
        """The item as it is now. Raises KeyError if there is none."""
        return self._library.view(rating_key)

    def items(self, section: int) -> list[ItemView]:
        """All items of a section by title."""
        with self._library.lock:
            return [self._library.view(item.rating_key) for item in self._library.ordered(section)]

    def remove_item(self, rating_key: int) -> None:
        """Delete an item."""
        self._library.remove_item(rating_key)

    def replace_file(self, rating_key: int, *, files: Sequence[Version] | None = None) -> int:
        """Replace the files, by default each with one of the same path and another size: the item gets a new rating key
        and loses all edits. Returns the new key.
        """
        if files is None:
            files = [(path, size + 1) for path, size in self.item(rating_key).files]
        return self._library.replace_file(rating_key, files)

    def edit_by_hand(self, rating_key: int, *, locked: bool = True, **values: Any) -> None:
        """Edit as a person does in Plex: sets fields and whole lists, named as in `Values`, and thereby locks them."""
        wanted, names = as_edit(_values(values)), {**VALUE_FIELDS, **VALUE_TAGS}
        with self._library.lock:
            before = self.item(rating_key)
            edit = Edit(
                # From `values`: a person may clear a field, and an empty `Values` field means unchanged.
                values={VALUE_FIELDS[name]: text for name, text in values.items() if name in VALUE_FIELDS},
                locks={names[name]: True for name in values} if locked else {},
                removed={VALUE_TAGS[name]: getattr(before, name) for name in values if name in VALUE_TAGS},
                added=wanted.added,
            )
            self._library.edit_by_hand(rating_key, edit)

    def unlock_by_hand(self, rating_key: int, names: Iterable[str]) -> None:
        """Unlock fields as a person does; the names are Plex's: `title`, `genre`, `originallyAvailableAt`…"""
        self._library.edit([rating_key], Edit(locks=dict.fromkeys(names, False)))

    def choose_picture_by_hand(self, rating_key: int, kind: str, data: bytes) -> str:
        """Upload and select a picture as a person does; `kind`: posters or arts. Returns its key."""
        return self._library.upload_picture(rating_key, kind, data)

    def rate_by_hand(self, rating_key: int, rating: float | None) -> None:
        """Rate as a person does, 0 to 10; None removes the rating."""
        self._library.rate(rating_key, rating)

    def metadata_refresh(self, rating_key: int) -> None:
        """Plex's agent visits: every unlocked field and list goes back to the agent's value."""
        self._library.metadata_refresh(rating_key)

    # --- the log

    @property
    def requests(self) -> list[Request]:
        """All requests in order of arrival; one without an answer has no status."""
        return list(self._service.log)

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._service.log.clear()

    def wait_for_requests(
        self, count: int, *, timeout_s: float = 10.0, when: Callable[[Request], bool] = lambda _request: True
    ) -> bool:
        """Wait until `count` requests that match `when` have arrived; False on timeout."""
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
        """From now on apply a fault to what matches all conditions (`path`: a prefix), `times` times or until healed.

        `Fault.refused()` applies to the whole server and takes no conditions.
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
        """End one fault, or all, and release the requests that hang in it; a closed port opens again."""
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
