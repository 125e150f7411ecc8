"""Plex's items and sections as values, parsed from its XML. An element without its key, file or name is left out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from plex.text import clean_rating

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from xml.etree.ElementTree import Element

# Posters and backgrounds, by the names in Plex's URLs.
PictureKind = Literal["posters", "arts"]
# The field that is locked once an item's picture of this kind is chosen.
PICTURE_FIELDS: Final[Mapping[PictureKind, str]] = {"posters": "thumb", "arts": "art"}

# SQLite has no numbers that are longer.
_LONGEST_NUMBER = 18
_DATE_LENGTH = len("2004-03-01")
_UPLOAD = "upload://"
# How to recognize a version that Plex converted for a kind of device: by its mark (python-plexapi,
# Media.isOptimizedVersion) or, in a library that shows it as a separate item, by its folder beside the original.
_OPTIMIZED = "42"
_OPTIMIZED_FOLDER = re.compile(r"[/\\]Plex Versions[/\\]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFile:
    """One file of an item; `path` as the Plex server sees it, `size` in bytes, None if unknown."""

    path: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanItem:
    """What a listing shows of an item, enough to find it by its files. Times are epoch seconds, 0 if unknown.

    `parts`: without the versions that Plex made for devices. `has_hidden_files`: it has files, but shows the path of
    none, as for a token that may not see them.
    """

    rating_key: int
    section_key: int
    title: str
    parts: tuple[PartFile, ...]
    updated_at: int
    added_at: int
    rating: str = ""  # by the token's user; rating an item does not change `updated_at`
    has_hidden_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """An actor's entry; "" where there is none.

    `text`: the part played. `thumb`: the address of the picture. `tag_key`: the link to the person's page. Only an
    actor added by a metadata agent has one, and loses it by being removed and added again.
    """

    name: str
    text: str
    thumb: str
    tag_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlexItem:
    """A whole item. Texts are "" if Plex has none; `date` is YYYY-MM-DD; `rating` is by the token's user ("8", "8.5").

    `locked`: Plex's names of the locked fields (title, originallyAvailableAt, genre ...).
    `roles`: the entries behind `actors`, in the same order. `parts` and `has_hidden_files`: as in LeanItem.
    """

    rating_key: int
    section_key: int
    title: str
    summary: str
    date: str
    studio: str
    rating: str
    directors: tuple[str, ...]
    actors: tuple[str, ...]
    genres: tuple[str, ...]
    collections: tuple[str, ...]
    locked: frozenset[str]
    parts: tuple[PartFile, ...]
    updated_at: int
    thumb: str
    art: str
    roles: tuple[Role, ...] = ()
    has_hidden_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Keys of an item's pictures of one kind: the uploaded ones, the others, and the selected one ("" if none is).

    The key of an upload is made from its bytes (see `upload_key`). The others come from the metadata agent or the file.
    """

    uploads: tuple[str, ...]
    selected: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A library. `type`: movie, show, artist or photo; `locations`: its folders as the Plex server sees them."""

    key: int
    title: str
    type: str
    locations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a server tells anyone about itself, even without a token."""

    version: str
    machine_identifier: str


def parse_sections(container: Element) -> tuple[Section, ...]:
    """The libraries of all types in a `/library/sections` answer."""
    return tuple(
        Section(
            key=_number(directory, "key"),
            title=directory.get("title", ""),
            type=directory.get("type", ""),
            locations=tuple(location.get("path", "") for location in directory.iter("Location")),
        )
        for directory in container.iter("Directory")
        if _number(directory, "key")
    )


def parse_lean_items(container: Element, section_key: int) -> tuple[LeanItem, ...]:
    """The movies in a section's listing. `section_key`: for items that do not name their section."""
    return tuple(
        LeanItem(
            rating_key=_number(video, "ratingKey"),
            section_key=_number(video, "librarySectionID") or section_key,
            title=video.get("title", ""),
            parts=_parts(video),
            updated_at=_number(video, "updatedAt"),
            added_at=_number(video, "addedAt"),
            rating=clean_rating(video.get("userRating", "")),
            has_hidden_files=_has_hidden_files(video),
        )
        for video in _videos(container)
    )


def parse_items(container: Element) -> tuple[PlexItem, ...]:
    """The movies in a `/library/metadata/1,2,3` answer."""
    section_key = _number(container, "librarySectionID")
    return tuple(_item(video, section_key) for video in _videos(container))


def upload_key(kind: PictureKind, sha1: str) -> str:
    """The key under which Plex lists an uploaded picture. `sha1`: of its bytes, in 40 hexadecimal digits.

    So the same bytes are one picture of an item, however often they are uploaded.
    """
    return f"{_UPLOAD}{kind}/{sha1}"


def parse_pictures(container: Element) -> Pictures:
    """The pictures in a `/library/metadata/1/posters` answer."""
    photos = container.findall("Photo")
    keys = [photo.get("ratingKey", "") for photo in photos]
    return Pictures(
        uploads=tuple(key for key in keys if key.startswith(_UPLOAD)),
        selected=next((photo.get("ratingKey", "") for photo in photos if photo.get("selected") == "1"), ""),
        others=tuple(key for key in keys if key and not key.startswith(_UPLOAD)),
    )


def _item(video: Element, section_key: int) -> PlexItem:
    roles = tuple(
        Role(
            name=role.get("tag", ""),
            text=role.get("role", ""),
            thumb=role.get("thumb", ""),
            tag_key=role.get("tagKey", ""),
        )
        for role in video.findall("Role")
        if role.get("tag")
    )
    return PlexItem(
        rating_key=_number(video, "ratingKey"),
        section_key=_number(video, "librarySectionID") or section_key,
        title=video.get("title", ""),
        summary=video.get("summary", ""),
        date=video.get("originallyAvailableAt", "")[:_DATE_LENGTH],
        studio=video.get("studio", ""),
        rating=clean_rating(video.get("userRating", "")),
        directors=_tags(video, "Director"),
        actors=tuple(role.name for role in roles),
        genres=_tags(video, "Genre"),
        collections=_tags(video, "Collection"),
        locked=frozenset(field.get("name", "") for field in video.findall("Field") if field.get("locked") == "1"),
        parts=_parts(video),
        updated_at=_number(video, "updatedAt"),
        thumb=video.get("thumb", ""),
        art=video.get("art", ""),
        roles=roles,
        has_hidden_files=_has_hidden_files(video),
    )


def _videos(container: Element) -> Iterator[Element]:
    return (video for video in container.findall("Video") if _number(video, "ratingKey"))


def _parts(video: Element) -> tuple[PartFile, ...]:
    """The item's own files: a scene is the original, not what Plex made of it."""
    return tuple(
        PartFile(path=path, size=_number(part, "size") or None)
        for media in video.findall("Media")
        if media.get("proxyType") != _OPTIMIZED
        for part in media.findall("Part")
        if (path := part.get("file", "")) and not _OPTIMIZED_FOLDER.search(path)
    )


def _has_hidden_files(video: Element) -> bool:
    parts = video.findall("Media/Part")
    return bool(parts) and not any(part.get("file") for part in parts)


def _tags(video: Element, name: str) -> tuple[str, ...]:
    return tuple(tag.get("tag", "") for tag in video.findall(name) if tag.get("tag"))


def _number(element: Element, name: str) -> int:
    """An attribute's number; 0 if it is absent or no number, since Plex counts from 1."""
    return whole_number(element.get(name, "")) or 0


def whole_number(text: str) -> int | None:
    """None for what is no number, or none that SQLite could store."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None
