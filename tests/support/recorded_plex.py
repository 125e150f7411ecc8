"""A Plex made of recorded answers of real servers, for the tests that compare against the original.

`PLEXSYNC_TEST_RECORDED` names a folder of files like `all-movies-1.25.xml`: the name begins with what was answered
(`sections`, `all`, `metadata`, `posters`) and ends with the server. What a server's recordings lack is derived from
the others: libraries from listings, an item from the listing that shows it, a listing from items.
"""

from __future__ import annotations

import os
import re
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

from sim.faults import FaultPlan, Request
from sim.plex.edits import parse_edit, rating_of
from sim.plex.model import TAG_ELEMENTS, ascii_fold
from sim.port import HOST, Handler, Port, Server

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sim.plex.edits import Edit

FOLDER = "PLEXSYNC_TEST_RECORDED"
NO_RECORDINGS = pytest.mark.skip(reason=f"{FOLDER} names no folder of recordings")
OF_A_PAGE = ("size", "totalSize", "offset")
PAGE_HEADERS = ("X-Plex-Container-Start", "X-Plex-Container-Size")


def recordings() -> list[Path]:
    """All recordings; none if the variable is not set."""
    folder = os.environ.get(FOLDER)
    return sorted(Path(folder).glob("*.xml")) if folder else []


def recorded_servers() -> dict[str, list[Path]]:
    """The recordings by server."""
    found: dict[str, list[Path]] = {}
    for path in recordings():
        found.setdefault(path.stem.rpartition("-")[2], []).append(path)
    return found


class RecordedPlex:
    """One server; it accepts any token. `writes` are the requests other than GETs. They are refused with 403; with
    `takes_edits`, edits and ratings of items are applied to the answers, in memory.
    """

    def __init__(self, name: str, paths: Iterable[Path], *, takes_edits: bool = False) -> None:
        self.faults = FaultPlan()  # see Port
        self.writes: list[Request] = []
        self.takes_edits = takes_edits
        self._identity = {"machineIdentifier": f"recorded-{name}", "version": name}
        self._sections: list[ET.Element] = []
        self._containers: dict[str, dict[str, str]] = {}  # by section key, the attributes of its listing
        self._listed: dict[str, dict[str, ET.Element]] = {}  # by section key and rating key
        self._whole: dict[str, ET.Element] = {}
        self._photos: dict[str, list[ET.Element]] = {}
        for path in paths:
            self._take_in(path.name.partition("-")[0], ET.parse(path).getroot())
        self._complete()
        self._port = Port(_RecordedHandler, daemon_threads=True)
        self.url = f"http://{HOST}:{self._port.number}"

    def __enter__(self) -> RecordedPlex:  # noqa: PYI034 - Python 3.10 has no typing.Self
        self._port.open(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._port.release()

    def items(self) -> list[tuple[str, str]]:
        """Section key and rating key of every item."""
        return [(section, key) for section, videos in self._listed.items() for key in videos]

    def files(self) -> Iterator[tuple[str, str, int]]:
        """Section key, path and size in bytes (0: not recorded) of every file."""
        for section, videos in self._listed.items():
            for video in videos.values():
                for part in video.iter("Part"):
                    yield section, part.get("file", ""), int(part.get("size", "0"))

    def _take_in(self, what: str, root: ET.Element) -> None:
        if what == "sections":
            self._sections += root.findall("Directory")
        elif what == "posters":
            keys = (re.match(r"/library/metadata/(\d+)/", photo.get("key", "")) for photo in root)
            self._photos |= {key[1]: list(root) for key in keys if key}
        else:
            section = root.get("librarySectionID", "")
            attributes = {name: value for name, value in root.attrib.items() if name not in OF_A_PAGE}
            self._containers[section] = {**attributes, **self._containers.get(section, {})}
            videos = {video.get("ratingKey", ""): video for video in root.findall("Video")}
            if what == "metadata":
                self._whole |= videos
            self._listed[section] = {**videos, **self._listed.get(section, {})}

    def _complete(self) -> None:
        known = {section.get("key") for section in self._sections}
        for key, container in self._containers.items():
            if key not in known:
                attributes = {"key": key, "type": "movie", "title": container.get("librarySectionTitle", key)}
                made = ET.Element("Directory", attributes)
                paths = [file for section, file, _ in self.files() if section == key]
                for number, folder in enumerate(sorted({_folder(path) for path in paths}), 1):
                    ET.SubElement(made, "Location", {"id": str(number), "path": folder})
                self._sections.append(made)
            for rating_key, video in self._listed[key].items():
                self._whole.setdefault(rating_key, deepcopy(video))

    # --- answers

    def read(self, path: str, query: dict[str, str], page: tuple[int, int | None]) -> ET.Element | None:
        """The answer to a GET; None: there is none."""
        parts = path.strip("/").split("/")
        if parts == ["identity"]:
            return _container([], self._identity)
        if parts == ["library", "sections"]:
            return _container(self._sections, {"allowSync": "0", "title1": "Plex Library"})
        if parts[:2] == ["library", "sections"] and parts[3:] == ["all"] and parts[2] in self._listed:
            return self._listing(parts[2], query, page)
        if parts[:2] == ["library", "metadata"] and parts[3:] in (["posters"], ["arts"]):
            return _container(self._photos.get(parts[2], []) if parts[3] == "posters" else [], {})
        if parts[:2] == ["library", "metadata"] and len(parts) == 3:
            found = [self._whole[key] for key in parts[2].split(",") if key in self._whole]
            section = next((key for key, videos in self._listed.items() if parts[2].split(",")[0] in videos), "")
            return _container(found, self._containers[section]) if found else None
        return None

    def _listing(self, section: str, query: dict[str, str], page: tuple[int, int | None]) -> ET.Element:
        wanted = [ascii_fold(text) for text in query.get("file", "").split(",") if text]
        videos = [video for video in self._listed[section].values() if not wanted or _has_file(video, wanted)]
        if query.get("type", "1") != "1":
            videos = []
        start, size = page
        shown = videos[start:] if size is None else videos[start : start + size]
        place = {} if size is None else {"totalSize": str(len(videos)), "offset": str(start)}
        return _container(shown, {**self._containers[section], **place})

    def write(self, request: Request) -> int:
        """The status of a request other than a GET."""
        self.writes.append(request)
        if not self.takes_edits or request.method != "PUT":
            return 403
        for key in map(str, request.rating_keys):
            for video in (self._whole.get(key), *(videos.get(key) for videos in self._listed.values())):
                if video is not None and request.path == "/:/rate":
                    video.set("userRating", f"{rating_of(request.first('rating')) or 0:.1f}")
                elif video is not None:
                    _apply(video, parse_edit(request.query))
        return 200


class _RecordedHandler(Handler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        target = urlsplit(self.path)
        query = dict(parse_qsl(target.query, keep_blank_values=True))
        start, size = (query.get(name) or self.headers.get(name) or "" for name in PAGE_HEADERS)
        page = int(start) if start.isdigit() else 0, int(size) if size.isdigit() else None
        found = self.server.service.read(target.path, query, page)
        self._send(404 if found is None else 200, b"" if found is None else ET.tostring(found, encoding="utf-8"))

    def do_PUT(self) -> None:  # noqa: N802 - the library's name
        target, length = urlsplit(self.path), int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        pairs = tuple(parse_qsl(target.query, keep_blank_values=True))
        request = Request(method=self.command, path=unquote(target.path), query=pairs, body_bytes=length)
        self._send(self.server.service.write(request))

    do_POST = do_DELETE = do_PUT  # noqa: N815 - the base class's names

    def _send(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/xml;charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _container(children: Iterable[ET.Element], attributes: dict[str, str]) -> ET.Element:
    listed = list(children)
    made = ET.Element("MediaContainer", {"size": str(len(listed)), **attributes})
    made.extend(listed)
    return made


def _folder(path: str) -> str:
    slash = "\\" if "\\" in path else "/"
    return path.rpartition(slash)[0]


def _has_file(video: ET.Element, wanted: list[str]) -> bool:
    paths = [ascii_fold(part.get("file", "")) for part in video.iter("Part")]
    return any(text in path for path in paths for text in wanted)


def _apply(video: ET.Element, edit: Edit) -> None:
    """Apply an edit to an item's XML: attributes, locks, tags."""
    for name, value in edit.values.items():
        video.set(name, value)
    for name, is_locked in edit.locks.items():
        for field in video.findall(f"Field[@name='{name}']"):
            video.remove(field)
        if is_locked:
            ET.SubElement(video, "Field", {"locked": "1", "name": name})
    _apply_tags(video, edit)


def _apply_tags(video: ET.Element, edit: Edit) -> None:
    for kind, names in edit.removed.items():
        gone = {ascii_fold(name) for name in names}
        for element in video.findall(TAG_ELEMENTS[kind]):
            if ascii_fold(element.get("tag", "")) in gone:
                video.remove(element)
    for kind, added in edit.added.items():
        there = {ascii_fold(element.get("tag", "")): element for element in video.findall(TAG_ELEMENTS[kind])}
        for credit in added:
            name = ascii_fold(credit.name)
            if name not in there:
                there[name] = ET.SubElement(video, TAG_ELEMENTS[kind], {"tag": credit.name})
            given = {"role": credit.role, "thumb": credit.thumb}
            there[name].attrib |= {attribute: text for attribute, text in given.items() if text}
