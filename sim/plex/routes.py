"""The simulated Plex's answers by path; transport, token and faults are in `sim/plex/server.py`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from sim.plex.accounts import RATE_PATH, Accounts
from sim.plex.calls import BAD_REQUEST, INTERNAL_ERROR, NOT_FOUND, PAGE_SIZE, PlexAnswer, PlexCall, refusal
from sim.plex.edits import parse_edit
from sim.plex.filters import filtered, in_order
from sim.plex.meta import meta_element
from sim.plex.model import TAG_ELEMENTS
from sim.plex.picture_routes import PictureRoutes
from sim.plex.xml_answers import (
    Rendering,
    account_element,
    choice_element,
    detailed_item,
    document,
    listed_item,
    section_element,
)

if TYPE_CHECKING:
    from sim.plex.library import PlexLibrary
    from sim.plex.model import Item, SimulatedSection

MOVIE_TYPE = "1"
RATINGS = ("userRating", "lastRatedAt")

Route = Callable[[PlexCall, str], PlexAnswer]  # the second argument: the key in the path, if there is one


class Routes:
    """The paths of a Plex Media Server that a metadata tool uses."""

    def __init__(
        self, library: PlexLibrary, accounts: Accounts, *, name: str, machine_identifier: str, version: str
    ) -> None:
        self.machine_identifier = machine_identifier
        self._library, self._accounts, self._name, self._version = library, accounts, name, version
        self._pictures = PictureRoutes(library)
        number = r"(?P<key>\d+)"
        section, metadata = f"/library/sections/{number}", f"/library/metadata/{number}"
        table: list[tuple[str, str, Route]] = [
            ("GET", "/identity", self._server_identity),
            ("GET", "/accounts", self._list_accounts),
            ("GET", "/", self._root),
            ("GET", "/library/?", self._library_root),
            ("GET", "/library/sections(?:/all)?/?", self._sections),
            ("GET|POST", "/library/sections/(?P<key>all)/refresh", self._scan),
            ("GET|POST", f"{section}/refresh", self._scan),
            ("DELETE", f"{section}/refresh", self._nothing),
            ("GET", f"{section}/all", self._paged(self._listing)),
            ("PUT", f"{section}/all", self._edit_by_section),
            ("GET", f"{section}/[a-z]+", self._paged(self._choices)),
            ("GET", r"/library/metadata/(?P<key>[\d,]+)", self._paged(self._items)),
            ("PUT", metadata, self._edit_by_key),
            # A server setting, off by default, allows the deletion of items.
            ("DELETE", metadata, lambda _call, _key: refusal(403)),
            ("PUT", f"{metadata}/refresh", self._refresh_item),
            ("PUT", f"{metadata}/analyze", self._nothing),
            ("PUT|GET", RATE_PATH, self._rate),
            ("GET", f"{metadata}/(?:posters|arts)", self._paged(self._pictures.listing)),
            ("POST", f"{metadata}/(?:posters|arts)", self._pictures.upload),
            # plexapi selects with the singular: PUT …/poster?url=<ratingKey of the picture>
            ("PUT", f"{metadata}/(?:posters?|arts?)", self._pictures.select),
            ("GET", rf"{metadata}/(?:thumb|art)/\d+", self._pictures.selected),
        ]
        self._table = [(methods.split("|"), re.compile(path), answer) for methods, path, answer in table]

    def answer(self, call: PlexCall) -> PlexAnswer:
        """The answer of a healthy server to a valid token."""
        for methods, pattern, route in self._table:
            match = pattern.fullmatch(call.request.path)
            if match and call.request.method in methods:
                return route(call, match.groupdict().get("key", ""))
        return NOT_FOUND

    def _paged(self, route: Route) -> Route:
        """A route that, with `Quirks.needs_page`, refuses requests without a page."""

        def answer(call: PlexCall, key: str) -> PlexAnswer:
            return BAD_REQUEST if self._library.quirks.needs_page and not call.has_page else route(call, key)

        return answer

    # --- the server

    @property
    def _identity(self) -> dict[str, object]:
        return {"machineIdentifier": self.machine_identifier, "version": self._version}

    def _server_identity(self, _call: PlexCall, _key: str) -> PlexAnswer:
        return PlexAnswer(body=document({"size": 0, "claimed": 1, **self._identity}))

    def _list_accounts(self, call: PlexCall, _key: str) -> PlexAnswer:
        if not call.account.is_owner:
            return refusal(403)
        elements = [account_element(account) for account in self._accounts]
        return PlexAnswer(body=document({"size": len(elements), "identifier": "com.plexapp.system.accounts"}, elements))

    def _root(self, _call: PlexCall, _key: str) -> PlexAnswer:
        attributes = {"size": 1, "friendlyName": self._name, "myPlex": 1, "platform": "Linux", **self._identity}
        return PlexAnswer(body=document(attributes, ['<Directory count="1" key="library" title="library"/>']))

    def _library_root(self, _call: PlexCall, _key: str) -> PlexAnswer:
        attributes = {"size": 1, "identifier": "com.plexapp.plugins.library", "title1": "Plex Library"}
        return PlexAnswer(body=document(attributes, ['<Directory key="sections" title="Library Sections"/>']))

    def _nothing(self, _call: PlexCall, _key: str) -> PlexAnswer:
        return PlexAnswer()

    # --- sections

    def _sections(self, _call: PlexCall, _key: str) -> PlexAnswer:
        sections = self._library.sections()
        elements = [section_element(section, section.created_at) for section in sections]
        return PlexAnswer(body=document({"size": len(elements), "allowSync": 0, "title1": "Plex Library"}, elements))

    def _scan(self, call: PlexCall, key: str) -> PlexAnswer:
        """`path=` scans one folder; `force=1` sends the agent to every item, which reverts what is not locked."""
        keys = [section.key for section in self._library.sections()] if key == "all" else [int(key)]
        if any(self._library.section(each) is None for each in keys):
            return NOT_FOUND
        for each in keys:
            self._library.scan(each, call.request.first("path"))
            if call.request.first("force") == "1":
                self._library.refresh_section(each)
        return PlexAnswer()

    def _listing(self, call: PlexCall, key: str) -> PlexAnswer:
        section = self._library.section(int(key))
        if section is None:
            return NOT_FOUND
        item_type = call.request.first("type")
        if call.request.first("file") and not item_type:
            # Some servers answer `file=` without `type=` like this, others do not: a client should always send the
            # type.
            return INTERNAL_ERROR
        with self._library.lock:
            items = self._listed(section, call) if item_type in {"", MOVIE_TYPE} else []
            page = call.page(len(items), self._library.quirks.page_items)
            shown = self._library.as_seen_by(call.account.id, items[page])
            rendering = self._rendering(call)
            elements = [listed_item(item, self._library.tags, rendering) for item in shown]
        if call.request.first("includeMeta") == "1":
            elements.insert(0, meta_element(section.key, section.type))
        attributes = {**_section_attributes(section), **_page_attributes(call, len(shown), len(items), page)}
        return PlexAnswer(body=document(attributes, elements))

    def _listed(self, section: SimulatedSection, call: PlexCall) -> list[Item]:
        has_filter = self._library.quirks.file_filter
        query = [pair for pair in call.request.query if has_filter or pair[0] != "file"]
        items = self._library.ordered(section.key)
        if any(name in f"{field} {value}" for field, value in query for name in RATINGS):
            items = self._library.as_seen_by(call.account.id, items)
        items = filtered(items, query, self._library.now)
        items = in_order(items, call.request.first("sort"))
        limit = call.request.first("limit")
        return items[: int(limit)] if limit.isdigit() else items

    def _rendering(self, call: PlexCall) -> Rendering:
        """`excludeFields=summary,tagline` and `excludeElements=Genre,Role`; `includeFields` only adds rare ones."""
        names = f"{call.request.first('excludeFields')},{call.request.first('excludeElements')}"
        return Rendering(
            left_out=frozenset(name for name in names.split(",") if name),
            has_files=call.account.sees_files,
            shown=dict(self._library.quirks.shown),
        )

    def _choices(self, call: PlexCall, key: str) -> PlexAnswer:
        section = self._library.section(int(key))
        kind = call.request.path.rpartition("/")[2]
        if section is None or kind not in {*TAG_ELEMENTS, "collections"}:
            return NOT_FOUND
        with self._library.lock:
            used = {
                tag_id
                for item in self._library.ordered(section.key)
                for tag_id in item.facts.tags.get(kind.removesuffix("s"), ())
            }
            elements = [choice_element(tag, section.key) for tag in self._library.tags if tag.id in used]
        return PlexAnswer(body=document({"size": len(elements)}, elements))

    # --- items

    def _items(self, call: PlexCall, keys: str) -> PlexAnswer:
        """The items of a list that exist; 404 only if none does. `skipRefresh` and `checkFiles` change nothing here:
        the simulator never refreshes an item because it is read.
        """
        with self._library.lock:
            found = [item for key in keys.split(",") if key and (item := self._library.item(int(key)))]
            if not found:
                return NOT_FOUND
            page = call.page(len(found), self._library.quirks.page_items)
            shown = self._library.as_seen_by(call.account.id, found[page])
            rendering = self._rendering(call)
            elements = [
                detailed_item(item, section, self._library.tags, rendering)
                for item in shown
                if (section := self._library.section(item.section_key))
            ]
        attributes = {"librarySectionID": found[0].section_key, **_page_attributes(call, len(shown), len(found), page)}
        return PlexAnswer(body=document(attributes, elements))

    def _edit_by_section(self, call: PlexCall, key: str) -> PlexAnswer:
        """Edit the items that the filter finds, usually `id=1,2`. Without a filter the whole section is edited."""
        section = self._library.section(int(key))
        if section is None:
            return NOT_FOUND
        edit = parse_edit(call.request.query)
        with self._library.lock:
            asked = [int(part) for part in call.request.first("id").split(",") if part.isdigit()]
            found = [item for item in map(self._library.item, asked) if item is not None]
            keys = [item.rating_key for item in found if item.section_key == section.key]
            if asked and not keys:
                is_silent = self._library.quirks.edit_of_missing == PlexAnswer().status
                return PlexAnswer() if is_silent else NOT_FOUND
            if not asked:
                keys = [item.rating_key for item in self._library.ordered(section.key)]
            if not edit.is_empty:
                self._library.edit(keys, edit, account_id=call.account.id)
        return PlexAnswer()

    def _edit_by_key(self, call: PlexCall, key: str) -> PlexAnswer:
        with self._library.lock:
            if self._library.item(int(key)) is None:
                return NOT_FOUND
            edit = parse_edit(call.request.query)
            if not edit.is_empty:
                self._library.edit([int(key)], edit, account_id=call.account.id)
        return PlexAnswer()

    def _refresh_item(self, _call: PlexCall, key: str) -> PlexAnswer:
        with self._library.lock:
            if self._library.item(int(key)) is None:
                return NOT_FOUND
            self._library.metadata_refresh(int(key))
        return PlexAnswer()

    def _rate(self, call: PlexCall, _key: str) -> PlexAnswer:
        """0 to 10; -1 removes the rating."""
        key, rating = call.request.first("key"), call.request.first("rating")
        try:
            value = float(rating)
        except ValueError:
            return BAD_REQUEST
        if not key.isdigit() or value > 10:  # noqa: PLR2004 - ten is five stars
            return BAD_REQUEST
        with self._library.lock:
            if self._library.item(int(key)) is None:
                return NOT_FOUND
            self._library.rate(int(key), value if value >= 0 else None, account_id=call.account.id)
        return PlexAnswer()


def _section_attributes(section: SimulatedSection) -> dict[str, object]:
    return {
        "allowSync": 1,
        "identifier": "com.plexapp.plugins.library",
        "librarySectionID": section.key,
        "librarySectionTitle": section.title,
        "librarySectionUUID": section.uuid,
        "title1": section.title,
        "viewGroup": section.type,
    }


def _page_attributes(call: PlexCall, size: int, total: int, page: slice) -> dict[str, object]:
    """`totalSize` and `offset` are present in pages only; `size` is the number of items in this answer."""
    place = {"totalSize": total, "offset": page.start} if call.header_or_query(PAGE_SIZE) else {}
    return {"size": size, **place}
