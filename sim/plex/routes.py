"""The simulated Plex's answers by path; transport, token and faults are in `sim/plex/server.py`."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sim.plex.edits import parse_edit
from sim.plex.filters import filtered, in_order
from sim.plex.library import AGENT_PICTURE, PlexLibrary
from sim.plex.meta import meta_element
from sim.plex.model import PICTURE_LOCKS, TAG_ELEMENTS
from sim.plex.xml_answers import choice_element, detailed_item, document, listed_item, picture_elements, section_element

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sim.faults import Request
    from sim.plex.model import Item, SimulatedSection

# The largest picture that Plex accepts; a larger one is answered with 500.
PICTURE_LIMIT_BYTES = 10 * 1024 * 1024

MOVIE_TYPE = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexCall:
    """A request with what the log does not keep: the values of headers (names in lower case) and the body."""

    request: Request
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def header_or_query(self, name: str) -> str:
        """An X-Plex-… parameter: Plex accepts these in the query, which takes precedence, and as headers."""
        return self.request.first(name) or self.headers.get(name.lower(), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexAnswer:
    """What is sent back."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/xml;charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: int, title: str) -> PlexAnswer:
    """An error in Plex's form: a page of HTML, even for those who asked for XML."""
    page = f"<html><head><title>{title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return PlexAnswer(status=status, body=page.encode(), content_type="text/html")


NOT_FOUND = refusal(404, "Not Found")
BAD_REQUEST = refusal(400, "Bad Request")
INTERNAL_ERROR = refusal(500, "Internal Server Error")


@dataclass(slots=True, kw_only=True)
class Quirks:
    """Differences between servers. `file_filter` False: `file=` is ignored and everything is listed. `edit_of_missing`:
    the status of an edit by section for an item that is gone.
    """

    file_filter: bool = True
    edit_of_missing: int = 404


class Routes:
    """The paths of a Plex Media Server that a metadata tool uses."""

    def __init__(self, library: PlexLibrary, *, name: str, machine_identifier: str, version: str) -> None:
        self.quirks = Quirks()
        self._library = library
        self._name = name
        self._identity = {"machineIdentifier": machine_identifier, "version": version}
        number = r"(?P<key>\d+)"
        section, metadata = f"/library/sections/{number}", f"/library/metadata/{number}"
        table: list[tuple[str, str, Callable[[PlexCall, str], PlexAnswer]]] = [
            ("GET", "/identity", self._server_identity),
            ("GET", "/", self._root),
            ("GET", "/library/?", self._library_root),
            ("GET", "/library/sections(?:/all)?/?", self._sections),
            ("GET|POST", "/library/sections/(?P<key>all)/refresh", self._scan),
            ("GET|POST", f"{section}/refresh", self._scan),
            ("DELETE", f"{section}/refresh", self._nothing),
            ("GET", f"{section}/all", self._listing),
            ("PUT", f"{section}/all", self._edit_by_section),
            ("GET", f"{section}/[a-z]+", self._choices),
            ("GET", r"/library/metadata/(?P<key>[\d,]+)", self._items),
            ("PUT", metadata, self._edit_by_key),
            # A server setting, off by default, allows the deletion of items.
            ("DELETE", metadata, lambda _call, _key: refusal(403, "Forbidden")),
            ("PUT", f"{metadata}/refresh", self._refresh_item),
            ("PUT", f"{metadata}/analyze", self._nothing),
            ("PUT|GET", "/:/rate", self._rate),
            *self._picture_routes(metadata),
        ]
        self._table = [(methods.split("|"), re.compile(path), answer) for methods, path, answer in table]

    def answer(self, call: PlexCall) -> PlexAnswer:
        """The answer of a healthy server to a valid token."""
        for methods, pattern, route in self._table:
            match = pattern.fullmatch(call.request.path)
            if match and call.request.method in methods:
                return route(call, match.groupdict().get("key", ""))
        return NOT_FOUND

    # --- the server

    def _server_identity(self, _call: PlexCall, _key: str) -> PlexAnswer:
        return PlexAnswer(body=document({"size": 0, "claimed": 1, **self._identity}))

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
            start, size = self._page(call, len(items))
            page = items[start : start + size]
            left_out = _left_out(call)
            elements = [listed_item(item, self._library.tags, left_out) for item in page]
        if call.request.first("includeMeta") == "1":
            elements.insert(0, meta_element(section.key, section.type))
        return PlexAnswer(body=document(_listing_attributes(section, call, len(page), len(items), start), elements))

    def _listed(self, section: SimulatedSection, call: PlexCall) -> list[Item]:
        query = [pair for pair in call.request.query if self.quirks.file_filter or pair[0] != "file"]
        items = filtered(self._library.ordered(section.key), query, self._library.now)
        items = in_order(items, call.request.first("sort"))
        limit = call.request.first("limit")
        return items[: int(limit)] if limit.isdigit() else items

    @staticmethod
    def _page(call: PlexCall, total: int) -> tuple[int, int]:
        start, size = (call.header_or_query(f"X-Plex-Container-{name}") for name in ("Start", "Size"))
        return int(start) if start.isdigit() else 0, int(size) if size.isdigit() else total

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
        """The items of a list that exist; 404 only if none does."""
        with self._library.lock:
            found = [item for key in keys.split(",") if key and (item := self._library.item(int(key)))]
            if not found:
                return NOT_FOUND
            left_out = _left_out(call)
            elements = [
                detailed_item(item, section, self._library.tags, left_out)
                for item in found
                if (section := self._library.section(item.section_key))
            ]
        attributes = {"size": len(elements), "librarySectionID": found[0].section_key}
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
                return PlexAnswer() if self.quirks.edit_of_missing == PlexAnswer().status else NOT_FOUND
            if not asked:
                keys = [item.rating_key for item in self._library.ordered(section.key)]
            if not edit.is_empty:
                self._library.edit(keys, edit)
        return PlexAnswer()

    def _edit_by_key(self, call: PlexCall, key: str) -> PlexAnswer:
        with self._library.lock:
            if self._library.item(int(key)) is None:
                return NOT_FOUND
            edit = parse_edit(call.request.query)
            if not edit.is_empty:
                self._library.edit([int(key)], edit)
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
            self._library.rate(int(key), value if value >= 0 else None)
        return PlexAnswer()

    # --- pictures

    def _picture_routes(self, metadata: str) -> list[tuple[str, str, Callable[[PlexCall, str], PlexAnswer]]]:
        return [
            ("GET", f"{metadata}/(?:posters|arts)", self._pictures),
            ("POST", f"{metadata}/(?:posters|arts)", self._upload),
            # plexapi selects with the singular: PUT …/poster?url=<ratingKey of the picture>
            ("PUT", f"{metadata}/(?:posters?|arts?)", self._select),
            ("GET", rf"{metadata}/(?:thumb|art)/\d+", self._selected_picture),
        ]

    def _pictures(self, call: PlexCall, key: str) -> PlexAnswer:
        item = self._library.item(int(key))
        if item is None:
            return NOT_FOUND
        elements = picture_elements(item, _picture_kind(call))
        return PlexAnswer(body=document({"size": len(elements)}, elements))

    def _upload(self, call: PlexCall, key: str) -> PlexAnswer:
        """The body is the picture, or `url=` names one for Plex to fetch. Uploads are never compared, cannot be
        deleted, are selected at once and lock the field.
        """
        if self._library.item(int(key)) is None:
            return NOT_FOUND
        url = call.request.first("url")
        data = _fetched(url) if url else call.body
        if not data or len(data) > PICTURE_LIMIT_BYTES:
            return INTERNAL_ERROR
        self._library.upload_picture(int(key), _picture_kind(call), data, url)
        return PlexAnswer()

    def _select(self, call: PlexCall, key: str) -> PlexAnswer:
        """The answer is a line of text, not XML."""
        if self._library.item(int(key)) is None:
            return NOT_FOUND
        url = call.request.first("url")
        if not self._library.select_picture(int(key), _picture_kind(call), url):
            return NOT_FOUND
        return PlexAnswer(body=url.encode(), content_type="text/plain")

    def _selected_picture(self, call: PlexCall, key: str) -> PlexAnswer:
        item = self._library.item(int(key))
        if item is None:
            return NOT_FOUND
        kind = "arts" if "/art/" in call.request.path else "posters"
        uploaded = {picture.key: picture.data for picture in item.pictures.get(kind, ())}
        data = uploaded.get(item.selected.get(kind, ""), AGENT_PICTURE)
        return PlexAnswer(body=data, content_type="image/jpeg")


def _picture_kind(call: PlexCall) -> str:
    name = call.request.path.rpartition("/")[2].removesuffix("s") + "s"
    return name if name in PICTURE_LOCKS else "posters"


def _left_out(call: PlexCall) -> frozenset[str]:
    """`excludeFields=summary,tagline` and `excludeElements=Genre,Role`; `includeFields` only adds rarely shown ones."""
    names = f"{call.request.first('excludeFields')},{call.request.first('excludeElements')}"
    return frozenset(name for name in names.split(",") if name)


def _listing_attributes(
    section: SimulatedSection, call: PlexCall, size: int, total: int, start: int
) -> dict[str, object]:
    """`totalSize` and `offset` are present in pages only; `size` is the number of items in this answer."""
    attributes: dict[str, object] = {
        "size": size,
        "allowSync": 1,
        "identifier": "com.plexapp.plugins.library",
        "librarySectionID": section.key,
        "librarySectionTitle": section.title,
        "librarySectionUUID": section.uuid,
        "title1": section.title,
        "viewGroup": section.type,
    }
    if call.header_or_query("X-Plex-Container-Size"):
        attributes |= {"totalSize": total, "offset": start}
    return attributes


def _fetched(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        return b""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310 - the scheme is checked above
            body: bytes = answer.read(PICTURE_LIMIT_BYTES + 1)
            return body
    except (urllib.error.URLError, OSError, ValueError):
        return b""
