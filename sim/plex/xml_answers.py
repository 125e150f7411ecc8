"""Plex's answers as XML: everything is in attributes, empty values are omitted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote

from sim.plex.library import agent_picture_key
from sim.plex.model import FIELDS, TAG_ELEMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sim.plex.accounts import Account
    from sim.plex.model import Item, Media, Part, SimulatedSection, Tag
    from sim.plex.tags import TagTable

# The most tags of a kind in a listing; kinds not named here are not listed at all.
LISTED = {"genre": 2, "country": 2, "collection": 2, "director": 2, "writer": 2, "actor": 3}

# `proxyType` of a version that Plex made for a kind of device.
OPTIMIZED = 42

_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """How items appear in answers: without the attributes and elements in `left_out`, without files for some accounts,
    and with the values of the fields and tag kinds in `shown` displayed differently from how they are stored.
    """

    left_out: frozenset[str] = frozenset()
    has_files: bool = True
    shown: Mapping[str, Callable[[str], str]] = field(default_factory=dict)

    def text(self, name: str, stored: str) -> str:
        """What is shown for a stored value."""
        return self.shown[name](stored) if name in self.shown else stored


def escaped(text: str) -> str:
    """Text as an attribute's value. Plex does not check for characters that XML forbids: NUL, BEL and the like come out
    raw and make the whole answer invalid (plexapi has `cleanXMLString` for it).
    """
    return text.translate(_ESCAPES)


def element(name: str, attributes: Mapping[str, object], children: str = "") -> str:
    """An element without the attributes that are None or empty."""
    shown = "".join(
        f' {key}="{escaped(str(value))}"' for key, value in attributes.items() if value is not None and value != ""
    )
    return f"<{name}{shown}>{children}</{name}>" if children else f"<{name}{shown}/>"


def document(attributes: Mapping[str, object], children: Iterable[str] = ()) -> bytes:
    """A whole answer."""
    body = element("MediaContainer", attributes, "\n".join(children))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'.encode(errors="replace")


def section_element(section: SimulatedSection, updated_at: int) -> str:
    """A section in `/library/sections`, with its folders."""
    places = "".join(
        element("Location", {"id": number, "path": path}) for number, path in enumerate(section.locations, 1)
    )
    attributes = {
        "allowSync": 1,
        "art": "/:/resources/movie-fanart.jpg",
        "composite": f"/library/sections/{section.key}/composite/{updated_at}",
        "filters": 1,
        "refreshing": 0,
        "thumb": "/:/resources/movie.png",
        "key": section.key,
        "type": section.type,
        "title": section.title,
        "agent": section.agent,
        "scanner": "Plex Video Files Scanner",
        "language": "xn",
        "uuid": section.uuid,
        "updatedAt": updated_at,
        "createdAt": section.created_at,
        "content": 1,
        "directory": 1,
        "hidden": 0,
    }
    return element("Directory", attributes, places)


def account_element(account: Account) -> str:
    """An account of the server, as its owner may see it."""
    key = f"/accounts/{account.id}"
    languages = {"defaultAudioLanguage": "en", "autoSelectAudio": 1, "defaultSubtitleLanguage": "en", "subtitleMode": 0}
    return element("Account", {"id": account.id, "key": key, "name": account.name, **languages})


def listed_item(item: Item, tags: TagTable, rendering: Rendering) -> str:
    """An item in a listing: at most two genres, countries, collections, directors and writers and three roles, names
    only; no labels, no locks.
    """
    children = _versions(item, rendering)
    for kind, most in LISTED.items():
        if kind in item.facts.tags and TAG_ELEMENTS[kind] not in rendering.left_out:
            children.extend(
                element(TAG_ELEMENTS[kind], {"tag": rendering.text(kind, tag.name)})
                for tag in tags.all_of(item.facts.tags[kind][:most])
            )
    return element("Video", _attributes(item, rendering), "".join(children))


def detailed_item(item: Item, section: SimulatedSection, tags: TagTable, rendering: Rendering) -> str:
    """An item by its key: all tags with ids, and a `<Field>` for each lock."""
    attributes = {
        **_attributes(item, rendering),
        "librarySectionTitle": section.title,
        "librarySectionID": section.key,
        "librarySectionKey": f"/library/sections/{section.key}",
    }
    children = _versions(item, rendering)
    for kind, name in TAG_ELEMENTS.items():
        if name not in rendering.left_out:
            children.extend(_tag(tag, item, rendering) for tag in tags.all_of(item.facts.tags.get(kind, ())))
    children.extend(element("Field", {"locked": 1, "name": name}) for name in sorted(item.locked))
    return element("Video", attributes, "".join(children))


def picture_elements(item: Item, kind: str) -> list[str]:
    """The selectable pictures: the agent's own, then every upload."""
    own = agent_picture_key(item, kind)
    chosen = item.selected.get(kind, own)
    keys = [own, *(picture.key for picture in item.pictures.get(kind, ()))]
    paths = {key: f"/library/metadata/{item.rating_key}/file?url={quote(key, safe='')}" for key in keys}
    return [
        element(
            "Photo",
            {"key": paths[key], "ratingKey": key, "selected": int(key == chosen), "thumb": paths[key]},
        )
        for key in keys
    ]


def choice_element(tag: Tag, section_key: int) -> str:
    """A tag as a choice of a filter."""
    attributes = {
        "fastKey": f"/library/sections/{section_key}/all?{tag.kind}={tag.id}",
        "key": tag.id,
        "thumb": tag.thumb,
        "title": tag.name,
        "type": tag.kind,
    }
    return element("Directory", attributes)


def _attributes(item: Item, rendering: Rendering) -> dict[str, object]:
    key = f"/library/metadata/{item.rating_key}"
    fields = item.facts.fields
    attributes: dict[str, object] = {
        "ratingKey": item.rating_key,
        "key": key,
        "guid": item.guid,
        "type": "movie",
        "subtype": item.subtype,
        **{name: rendering.text(name, fields[name]) for name in FIELDS if name in fields},
        "userRating": None if item.user_rating is None else f"{item.user_rating:.1f}",
        "lastRatedAt": item.last_rated_at,
        "year": item.year,
        "thumb": f"{key}/thumb/{item.picture_at}",
        "art": f"{key}/art/{item.picture_at}",
        "addedAt": item.added_at,
        "updatedAt": item.updated_at,
    }
    return {name: value for name, value in attributes.items() if name not in rendering.left_out}


def _tag(tag: Tag, item: Item, rendering: Rendering) -> str:
    attributes = {
        "id": tag.id,
        "filter": f"{tag.kind}={tag.id}",
        "tag": rendering.text(tag.kind, tag.name),
        "tagKey": item.facts.tag_keys.get(tag.id),
        "role": item.facts.roles.get(tag.id),
        "thumb": tag.thumb,
    }
    return element(TAG_ELEMENTS[tag.kind], attributes)


def _versions(item: Item, rendering: Rendering) -> list[str]:
    return [] if "Media" in rendering.left_out else [_media(media, rendering) for media in item.media]


def _media(media: Media, rendering: Rendering) -> str:
    attributes: dict[str, object] = {"id": media.id, "container": _suffix(media.parts[0])}
    if media.optimized_for:
        attributes |= {"proxyType": OPTIMIZED, "target": media.optimized_for, "title": media.optimized_for}
    else:
        attributes |= {"videoCodec": "h264", "audioCodec": "aac"}
    return element("Media", attributes, "".join(_part(part, rendering) for part in media.parts))


def _part(part: Part, rendering: Rendering) -> str:
    attributes = {
        "id": part.id,
        "key": f"/library/parts/{part.id}/0/file.{_suffix(part)}",
        "file": part.file if rendering.has_files else None,
        "size": part.size,
        "container": _suffix(part),
    }
    return element("Part", attributes)


def _suffix(part: Part) -> str:
    suffix = part.file.rpartition(".")[2]
    return suffix.lower() if suffix.isascii() and suffix.isalnum() else "mp4"
