"""The requests that PlexSync sends to a Plex server, one method for each.

Every method raises a PlexError and nothing else for what the server or the network does.
"""

from __future__ import annotations

from http import HTTPStatus
from operator import attrgetter
from typing import TYPE_CHECKING

from local.clock import SYSTEM, Stopwatch
from plex.edit import PREFERRED_LINE_BYTES
from plex.errors import (
    NOT_PLEX,
    LibraryGone,
    OversizedAnswer,
    PathsHidden,
    PlexAuthError,
    PlexError,
    PlexServerError,
    Rejected,
)
from plex.libraries import Libraries
from plex.model import (
    Identity,
    LeanItem,
    Pictures,
    PlexItem,
    Section,
    parse_items,
    parse_lean_items,
    parse_pictures,
    parse_sections,
)
from plex.pages import listing, short_list, total_of
from plex.paths import is_inside, respell
from plex.puts import MOVIE_TYPE, prepare_edit, send_edit
from plex.search_text import text_of_name, text_of_path
from plex.transport import PAGE_ITEMS, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from xml.etree.ElementTree import Element

    from local.clock import Clock
    from plex.connection import PlexConnection
    from plex.edit import Change
    from plex.model import PictureKind
    from plex.puts import PreparedEdit
    from plex.transport import Page

# A read must not make Plex check the item's files or refresh its metadata.
_AS_IT_IS = (("skipRefresh", "1"), ("checkFiles", "0"))
# Usually nothing has changed.
CHANGES_PAGE_ITEMS = 100
_RECENT_S = 3600
# 100 keys of 7 digits stay far below any limit for a request line; a whole item is about 10 to 50 kB.
_KEYS_PER_READ = 100
# With more candidates for one file name, the server ignored the filter, or the name is too common.
_MAX_CANDIDATES = 200
# Enough to tell a token that sees no paths from a file without one, little enough for a probe.
_SAMPLE = 10
# Even a server that is starting says at once who it is.
_IDENTITY_S = 10.0
# For a token that sees many libraries on a slow server.
_SAMPLES_S = 10.0
_updated_at, _added_at = attrgetter("updated_at"), attrgetter("added_at")
# What a listing leaves out, in python-plexapi's names (base.py, PlexPartialObject._EXCLUDES).
_LEAN = (
    MOVIE_TYPE,
    (
        "excludeElements",
        "Genre,Country,Guid,Rating,Collection,Director,Writer,Role,Producer,Similar,Style,Mood,Format,Image",
    ),
    ("excludeFields", "summary,tagline"),
)


class PlexClient:
    """One server, one session; for one thread at a time.

    `libraries`: the configured ones, as last read. Making a client sends nothing, but raises PlexSetup for an unusable
    connection.
    """

    def __init__(self, connection: PlexConnection, *, clock: Clock = SYSTEM) -> None:
        self._transport = Transport(connection)
        self.libraries = Libraries(self.all_sections, connection.libraries, clock)
        self._saw_path = False  # by the last answer with files; nothing is known before the first

    @property
    def answered_at(self) -> int | None:
        """Plex's own time (epoch seconds) at its last answer, None if the answer gave none."""
        return self._transport.answered_at

    def identity(self) -> Identity:
        """Version and identifier of the server. Needs neither token nor database: a starting server answers too."""
        container = self._transport.read("/identity", page=None, silence_s=_IDENTITY_S)
        return Identity(
            version=container.get("version", ""), machine_identifier=container.get("machineIdentifier", "")
        )

    def all_sections(self) -> tuple[Section, ...]:
        """The libraries of all types, read from Plex on each call."""
        try:
            return tuple(section for page in self._read_whole("/library/sections") for section in parse_sections(page))
        except Rejected as error:  # a proxy's: no scene is at fault
            raise PlexServerError(
                f"{self._transport.address} answers {error.status} when asked for its libraries: {NOT_PLEX}."
            ) from error

    def sections(self) -> tuple[Section, ...]:
        """The configured movie libraries, read from Plex if no list is believed. Raises PlexSetup if one is missing."""
        return self.libraries.current()

    def may_edit(self) -> bool | None:
        """Whether the token may edit: it alone is the owner's that may list the accounts. None if Plex does not say."""
        try:
            self._transport.read("/accounts")
        except PlexAuthError:
            return False
        except PlexError:
            return None
        return True

    def shows_paths(self, sections: Sequence[Section]) -> bool | None:
        """Whether the token sees where files are. Reads a few items of each library until one shows a path, or for a
        few seconds.

        None where these libraries show no files. Fails while Plex's database is not open, and with an invalid token.
        """
        has_files, took = False, Stopwatch(SYSTEM)
        took.start()
        for section in sections:
            if took.passed_s > _SAMPLES_S:
                break
            items = parse_lean_items(self._list(section, (MOVIE_TYPE,), (0, _SAMPLE)), section.key)
            self._note_paths(items)
            if any(item.parts for item in items):
                return True
            has_files = has_files or any(item.has_hidden_files for item in items)
        return False if has_files else None

    def count_items(self, section: Section) -> int | None:
        """How many items the library has, None if Plex does not say. Reads a few of them, as a probe does."""
        return total_of(self._list(section, (MOVIE_TYPE,), (0, _SAMPLE)))

    def hides_paths(self) -> bool:
        """Whether the configured libraries show files, but no path of any. Asks only if no path was seen last."""
        return not self._saw_path and self.shows_paths(self.sections()) is False

    def find_by_name(self, section: Section, file_name: str) -> tuple[LeanItem, ...] | None:
        """Items that may have a file of this name; the caller compares their parts.

        None if the server refuses the filter or it matches too many items: sweep instead.
        """
        return self._filtered(section, text_of_name(file_name))

    def find_by_path(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        """As `find_by_name`, but the text may be any part of a path, in the exact spelling. For common file names."""
        return self._filtered(section, text_of_path(text))

    def _filtered(self, section: Section, text: str) -> tuple[LeanItem, ...] | None:
        if not text:
            return None
        try:
            container = self._list(section, (*_LEAN, ("file", text)), (0, _MAX_CANDIDATES))
        except LibraryGone:
            raise
        except PlexServerError:
            return None  # some servers and library types answer 400 or 500; if Plex is failing, so will the sweep
        items = self._with_paths(container, section)
        return items if max(total_of(container) or 0, len(items)) <= _MAX_CANDIDATES else None

    def sweep(self, section: Section, *, page_size: int = PAGE_ITEMS) -> Iterator[LeanItem]:
        """All items of a section, page by page. `page_size`: more than PAGE_ITEMS counts as PAGE_ITEMS.

        Items may come twice. One that Plex has all the time is absent only if, between two pages, as many items were
        added as were deleted.
        """
        for page in self._pages(section, "addedAt:asc", page_size):
            yield from page

    def changes(
        self, section: Section, *, since: int | None = None, page_size: int = CHANGES_PAGE_ITEMS
    ) -> Iterator[LeanItem]:
        """The items updated or added since then, by Plex's clock, and at least the first page of either.

        `since` None: what changed within the hour before the newest change. The first pages come whole, since after
        Plex's clock was set back what is new looks older than what was seen before.
        """
        seen = set[int]()
        # Sorted, not filtered: filter operators differ between servers. The second order is for items without
        # updatedAt, which were never refreshed.
        for order, changed_at in (("updatedAt:desc", _updated_at), ("addedAt:desc", _added_at)):
            times, is_sorted, oldest = list[int](), True, since
            for number, page in enumerate(self._pages(section, order, page_size)):
                if oldest is None:
                    oldest = max(map(changed_at, page), default=0) - _RECENT_S
                new = [item for item in page if not number or changed_at(item) >= oldest]
                yield from (item for item in new if item.rating_key not in seen)
                seen.update(item.rating_key for item in new)
                times = [*times[-1:], *(changed_at(item) for item in page)]
                is_sorted = is_sorted and times == sorted(times, reverse=True)
                if is_sorted and times[-1:] < [oldest]:
                    break  # the server does sort, so everything that follows is older

    def _pages(self, section: Section, order: str, page_size: int) -> Iterator[tuple[LeanItem, ...]]:
        def ask(page: Page) -> Element:
            return self._list(section, (*_LEAN, ("sort", order)), page)

        name = f"{self._transport.address}: the listing of {section.title}"
        for page in listing(ask, min(page_size, PAGE_ITEMS), name):
            yield self._with_paths(page, section)

    def _with_paths(self, container: Element, section: Section) -> tuple[LeanItem, ...]:
        """The items of a listing. Raises PathsHidden."""
        items = parse_lean_items(container, section.key)
        self._note_paths(items)
        if any(item.has_hidden_files for item in items) and self.hides_paths():
            raise PathsHidden
        return items

    def _note_paths(self, items: Iterable[LeanItem | PlexItem]) -> None:
        items = tuple(items)
        if any(item.parts or item.has_hidden_files for item in items):
            self._saw_path = any(item.parts for item in items)

    def _list(self, section: Section, parameters: tuple[tuple[str, str], ...], page: Page) -> Element:
        try:
            return self._transport.read(f"/library/sections/{section.key}/all", parameters, page=page)
        except Rejected as error:
            self.libraries.reread()
            if all(section.key != each.key for each in self.sections()):  # deleted, or made anew under another key
                raise LibraryGone(
                    f"Plex no longer has the library {section.title} under the number {section.key}; PlexSync uses "
                    "those that it has now."
                ) from error
            raise PlexServerError(
                f"Plex lists the library {section.title} but answers that its number {section.key} does not exist; "
                "if this persists, see Plex's own log."
            ) from error

    def _read_whole(self, path: str, parameters: Sequence[tuple[str, str]] = ()) -> Iterator[Element]:
        def ask(page: Page) -> Element:
            return self._transport.read(path, parameters, page=page)

        return short_list(ask, PAGE_ITEMS, f"GET {self._transport.address}{path}")

    def read_items(self, rating_keys: Sequence[int], *, batch_size: int = _KEYS_PER_READ) -> dict[int, PlexItem]:
        """Whole items by rating key, `batch_size` of them per request. Those that Plex does not have are absent."""
        items: dict[int, PlexItem] = {}
        for first in range(0, len(rating_keys), batch_size):
            items |= self._read_some(rating_keys[first : first + batch_size])
        return items

    def scan(self, section: Section, folder: str) -> None:
        """Start a scan of one folder of the section. Plex answers before it scans."""
        roots = [location for location in section.locations if is_inside(folder, location)]
        path = (respell(folder, roots[0]) or roots[0]) if roots else folder  # Plex knows its own spelling
        try:
            self._transport.ask(f"/library/sections/{section.key}/refresh", (("path", path),))
        except Rejected:
            self.libraries.forget()
            raise

    def edit(self, item: PlexItem, changes: Sequence[Change], *, line_bytes: int = PREFERRED_LINE_BYTES) -> None:
        """Send one step of a plan in one PUT, or in as few as request lines of `line_bytes` allow.

        Raises RequestTooLong after everything shorter has arrived. Where Plex rejects a PUT for one of its fields, the
        other fields are sent without it before Rejected is raised.
        """
        self.send_edit(self.prepare_edit(item, changes, line_bytes=line_bytes))

    def prepare_edit(
        self, item: PlexItem, changes: Sequence[Change], *, line_bytes: int = PREFERRED_LINE_BYTES
    ) -> PreparedEdit:
        """What `edit` sends, for any client of the same connection."""
        return prepare_edit(self._transport, item, changes, line_bytes=line_bytes)

    def send_edit(self, edit: PreparedEdit) -> None:
        """See `edit`."""
        send_edit(self._transport, edit)

    def rate(self, rating_key: int, rating: str) -> None:
        """Set the rating ("0" to "10") of the token's user; "" removes it."""
        parameters = (
            ("key", str(rating_key)),
            ("identifier", "com.plexapp.plugins.library"),
            ("rating", rating or "-1"),
        )
        self._transport.send(self._transport.prepare("/:/rate", parameters, method="put"))

    def list_pictures(self, rating_key: int, kind: PictureKind) -> Pictures:
        """The pictures that the item can show. Raises Rejected (404) for an item that is gone."""
        return parse_pictures(self._transport.read(f"/library/metadata/{rating_key}/{kind}"))

    def upload_picture(self, rating_key: int, kind: PictureKind, content: bytes) -> None:
        """Add a picture and select it; its key is `upload_key`. Some servers lock the field too, others do not.

        Plex never deletes an upload. Raises Rejected (413) if a proxy takes no body of this length.
        """
        path = f"/library/metadata/{rating_key}/{kind}"
        self._transport.send(self._transport.prepare(path, method="post", content=content, answers_text=True))

    def select_picture(self, rating_key: int, kind: PictureKind, key: str) -> None:
        """Select one of the item's pictures, and lock it."""
        name = kind.removesuffix("s")  # as in python-plexapi, BaseResource.select
        path = f"/library/metadata/{rating_key}/{name}"
        self._transport.send(self._transport.prepare(path, (("url", key),), method="put", answers_text=True))

    def lock_fields(
        self, section_key: int, rating_keys: Sequence[int], fields: Sequence[str], *, is_locked: bool = True
    ) -> None:
        """Lock or unlock these fields (`thumb`, `art`, `collection`) of at most 100 items of one section, in one PUT.

        One PUT with 4,387 ids has failed, those with 100 to 300 work (as users report).
        """
        path, ids = f"/library/sections/{section_key}/all", ",".join(map(str, rating_keys))
        locks = ((f"{name}.locked", str(int(is_locked))) for name in fields)
        self._transport.send(self._transport.prepare(path, (MOVIE_TYPE, ("id", ids), *locks), method="put"))

    def close(self) -> None:
        """Close the kept-alive connections; the client can still be used."""
        self._transport.close()

    def _read_some(self, rating_keys: Sequence[int]) -> dict[int, PlexItem]:
        path = f"/library/metadata/{','.join(map(str, rating_keys))}"
        try:
            found = [item for page in self._read_whole(path, _AS_IT_IS) for item in parse_items(page)]
        except OversizedAnswer:
            half = len(rating_keys) // 2
            if not half:
                raise
            return self._read_some(rating_keys[:half]) | self._read_some(rating_keys[half:])
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            if len(rating_keys) == 1:
                return {}
            # At least one is gone: only requests for single items tell which.
            return {key: item for each in rating_keys for key, item in self._read_some([each]).items()}
        self._note_paths(found)
        return {item.rating_key: item for item in found}
