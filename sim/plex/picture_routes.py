"""The posters and backgrounds of an item: listing, uploading and selecting them."""

from __future__ import annotations

import urllib.error
import urllib.request

from sim.plex.calls import INTERNAL_ERROR, NOT_FOUND, PlexAnswer, PlexCall
from sim.plex.library import AGENT_PICTURE, PlexLibrary
from sim.plex.model import PICTURE_LOCKS
from sim.plex.xml_answers import document, picture_elements

# Plex answers an upload of more bytes than about this many with 500.
PICTURE_LIMIT_BYTES = 10_480_000


class PictureRoutes:
    """Paths below `/library/metadata/1`; `key` is the item's rating key."""

    def __init__(self, library: PlexLibrary) -> None:
        self._library = library

    def listing(self, call: PlexCall, key: str) -> PlexAnswer:
        """The pictures that can be chosen."""
        item = self._library.item(int(key))
        if item is None:
            return NOT_FOUND
        elements = picture_elements(item, _picture_kind(call))
        return PlexAnswer(body=document({"size": len(elements)}, elements))

    def upload(self, call: PlexCall, key: str) -> PlexAnswer:
        """The body is the picture, or `url=` names one for Plex to fetch. It is selected at once."""
        if self._library.item(int(key)) is None:
            return NOT_FOUND
        url = call.request.first("url")
        data = _fetched(url) if url else call.body
        if not data or len(data) > PICTURE_LIMIT_BYTES:
            return INTERNAL_ERROR
        self._library.upload_picture(int(key), _picture_kind(call), data, url)
        return PlexAnswer()

    def select(self, call: PlexCall, key: str) -> PlexAnswer:
        """The answer is a line of text, not XML."""
        if self._library.item(int(key)) is None:
            return NOT_FOUND
        url = call.request.first("url")
        if not self._library.select_picture(int(key), _picture_kind(call), url):
            return NOT_FOUND
        return PlexAnswer(body=url.encode(), content_type="text/plain")

    def selected(self, call: PlexCall, key: str) -> PlexAnswer:
        """The picture itself."""
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


def _fetched(url: str) -> bytes:
    if not url.startswith(("http://", "https://")):
        return b""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:  # noqa: S310 - the scheme is checked above
            body: bytes = answer.read(PICTURE_LIMIT_BYTES + 1)
            return body
    except (urllib.error.URLError, OSError, ValueError):
        return b""
