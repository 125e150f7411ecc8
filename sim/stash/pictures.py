"""Covers of scenes and pictures of entities, or Stash's placeholders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.stash.library import KINDS
from sim.stash.server import ShownPicture

if TYPE_CHECKING:
    from sim.stash.library import StashLibrary

# Stash's own placeholder for a cover is an SVG of this size; this one is as large and shows nothing.
STAND_IN_BYTES = 733
_SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-384 -104 1280 720">\n<!--'
COVER_STAND_IN = _SVG + b"." * (STAND_IN_BYTES - len(_SVG) - len(b"-->\n</svg>")) + b"-->\n</svg>"
KINDS_OF_BYTES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG", "image/png"), (b"GIF8", "image/gif"))
# The smallest possible PNG, in place of a performer's silhouette, which is a PNG of 12 KB.
SILHOUETTE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154"
    "789c6364f8cf500f0003860180"
    "5a347d6b0000000049454e44ae426082"
)


def content_type_of(content: bytes) -> str:
    """The media type, from the first bytes."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((name for start, name in KINDS_OF_BYTES if content.startswith(start)), "application/octet-stream")


class PictureFinder:
    """Looks up paths like `/scene/1/screenshot` and `/performer/1/image`."""

    def __init__(self, library: StashLibrary) -> None:
        self._library = library

    def __call__(self, path: str) -> ShownPicture | None:
        """None for an unknown scene or entity. Raises ValueError for an id that is not a number."""
        kind, text, _ = path.strip("/").split("/")
        number = int(text)
        if kind == "scene":
            scene = self._library.scenes.get(number)
            return None if scene is None else _shown(scene.cover, COVER_STAND_IN, "image/svg+xml")
        if kind not in KINDS or number not in self._library.entities[kind]:
            return None
        return _shown(self._library.entities[kind][number].image, SILHOUETTE, "image/png")


def _shown(own: bytes | None, stand_in: bytes, stand_in_type: str) -> ShownPicture:
    if own is None:
        return ShownPicture(content=stand_in, content_type=stand_in_type, is_stand_in=True)
    return ShownPicture(content=own, content_type=content_type_of(own))
