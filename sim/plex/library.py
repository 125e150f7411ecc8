"""The library of a simulated Plex: sections and items behind one lock, and the events that change them."""

from __future__ import annotations

import bisect
import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sim.plex.edits import Edit, edited, edited_facts, refreshed
from sim.plex.model import (
    PICTURE_LOCKS,
    VALUE_FIELDS,
    VALUE_TAGS,
    CastMember,
    Facts,
    Item,
    ItemView,
    Media,
    Part,
    SimulatedSection,
    UploadedPicture,
    Values,
)
from sim.plex.tags import TagTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# Files as a test specifies them: one entry for each version, a path with a size or several such parts.
File = tuple[str, int]
Version = File | list[File]

# Agents have a picture of their own for every item; this stands for it (a 1x1 GIF).
AGENT_PICTURE = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")


class PlexLibrary:
    """Everything that the server stores. `lock` guards all of it; every method takes it."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.tags = TagTable()
        self._clock = clock
        self._sections: dict[int, SimulatedSection] = {}
        self._items: dict[int, Item] = {}
        self._in_section: dict[int, dict[int, None]] = {}
        self._on_disk: list[tuple[int, tuple[Version, ...], Values]] = []
        self._ordered: dict[int, list[Item]] = {}
        self._last_rating_key = 0
        self._last_id = 0

    @property
    def now(self) -> int:
        """Epoch seconds. Plex's times have no fractions, so two edits within a second have the same time."""
        return int(self._clock())

    # --- sections and items

    def add_section(self, title: str, *, section_type: str, locations: Sequence[str]) -> int:
        """Make a section; returns its key."""
        with self.lock:
            key = len(self._sections) + 1
            uuid = hashlib.md5(f"{key} {title}".encode(), usedforsecurity=False).hexdigest()
            self._sections[key] = SimulatedSection(
                key=key, title=title, type=section_type, locations=tuple(locations), uuid=uuid, created_at=self.now
            )
            self._in_section[key] = {}
            return key

    def rename_section(self, key: int, title: str) -> None:
        """Change the title of a section."""
        with self.lock:
            self._sections[key] = replace(self._sections[key], title=title)

    def sections(self) -> list[SimulatedSection]:
        """All sections, by age."""
        with self.lock:
            return list(self._sections.values())

    def section(self, key: int) -> SimulatedSection | None:
        """The section with this key."""
        with self.lock:
            return self._sections.get(key)

    def add_item(self, section_key: int, versions: Sequence[Version], values: Values, *, added_at: int | None) -> int:
        """Add an item as a scan does for a new file. `values` are the agent's. Returns the rating key."""
        with self.lock:
            self._last_rating_key += 1
            at = self.now if added_at is None else added_at
            facts = self._facts(section_key, values, versions)
            item = Item(
                rating_key=self._last_rating_key,
                section_key=section_key,
                media=tuple(self._media(version) for version in versions),
                facts=facts,
                agent=facts,
                added_at=at,
                updated_at=at,
                picture_at=at,
            )
            self._in_section[section_key][item.rating_key] = None
            self._store(item)
            return item.rating_key

    def item(self, rating_key: int) -> Item | None:
        """The item with this key."""
        with self.lock:
            return self._items.get(rating_key)

    def ordered(self, section_key: int) -> list[Item]:
        """The items of a section by title. This is the current order: an edit between two pages may shift the rest."""
        with self.lock:
            if section_key not in self._ordered:
                items = [self._items[key] for key in self._in_section[section_key]]
                items.sort(key=lambda item: item.sort_key)  # stable: equal titles stay in the order of their keys
                self._ordered[section_key] = items
            return self._ordered[section_key]

    def remove_item(self, rating_key: int) -> None:
        """Remove an item, as when its file is deleted and the trash emptied."""
        with self.lock:
            item = self._items.pop(rating_key)
            del self._in_section[item.section_key][rating_key]
            self._take_out(item)

    def replace_file(self, rating_key: int, versions: Sequence[Version]) -> int:
        """Replace an item's file: a new item under a new rating key, without the edits, locks, rating and posters."""
        with self.lock:
            old = self._items[rating_key]
            new_key = self.add_item(old.section_key, versions, Values(title="-"), added_at=None)
            self._store(replace(self._items[new_key], facts=old.agent, agent=old.agent))
            self.remove_item(rating_key)
            return new_key

    # --- changes to an item

    def edit(self, rating_keys: Iterable[int], edit: Edit) -> None:
        """Apply one PUT to one or more items."""
        with self.lock:
            for rating_key in rating_keys:
                self._store(edited(self._items[rating_key], edit, self.tags, self.now))

    def rate(self, rating_key: int, rating: float | None) -> None:
        """Rate as the token's user. The rating is not part of the item: `updatedAt` stays and nothing is locked."""
        with self.lock:
            item = self._items[rating_key]
            self._store(replace(item, user_rating=rating, last_rated_at=self.now))

    def metadata_refresh(self, rating_key: int) -> None:
        """Apply the agent's visit to one item: what is not locked is reverted."""
        with self.lock:
            self._store(refreshed(self._items[rating_key], self.now))

    def refresh_section(self, section_key: int) -> None:
        """Apply the agent's visit to every item of a section."""
        with self.lock:
            for rating_key in list(self._in_section[section_key]):
                self.metadata_refresh(rating_key)

    def upload_picture(self, rating_key: int, kind: str, data: bytes, source_url: str = "") -> str:
        """Store, select and lock a picture. The same bytes twice make two pictures; uploads cannot be deleted."""
        with self.lock:
            item = self._items[rating_key]
            uploaded = item.pictures.get(kind, ())
            digest = hashlib.sha1(data + f"#{rating_key} {len(uploaded)}".encode(), usedforsecurity=False).hexdigest()
            picture = UploadedPicture(key=f"upload://{kind}/{digest}", data=data, source_url=source_url)
            pictures = {**item.pictures, kind: (*uploaded, picture)}
            self._store(self._selected(replace(item, pictures=pictures), kind, picture.key))
            return picture.key

    def select_picture(self, rating_key: int, kind: str, key: str) -> bool:
        """Select and lock an existing picture; False if there is none with this key."""
        with self.lock:
            item = self._items[rating_key]
            if key not in {agent_picture_key(item, kind), *(picture.key for picture in item.pictures.get(kind, ()))}:
                return False
            self._store(self._selected(item, kind, key))
            return True

    # --- scans

    def put_on_disk(self, section_key: int, versions: Sequence[Version], values: Values) -> None:
        """Add files that Plex finds when it next scans their folder."""
        with self.lock:
            self._on_disk.append((section_key, tuple(versions), values))

    def scan(self, section_key: int, path: str = "") -> list[int]:
        """Take in what is on disk in the section, below `path` if given; returns the new rating keys."""
        with self.lock:
            found = [
                entry for entry in self._on_disk if entry[0] == section_key and _is_below(_first_path(entry[1]), path)
            ]
            self._on_disk = [entry for entry in self._on_disk if entry not in found]
            return [self.add_item(key, versions, values, added_at=None) for key, versions, values in found]

    def view(self, rating_key: int) -> ItemView:
        """The item as a test sees it. Raises KeyError if there is none."""
        with self.lock:
            return _view(self._items[rating_key], self.tags)

    # --- internal

    def _store(self, item: Item) -> None:
        old = self._items.get(item.rating_key)
        if old is not None:
            self._take_out(old)
        self._items[item.rating_key] = item
        if item.section_key in self._ordered:
            bisect.insort(self._ordered[item.section_key], item, key=_order)

    def _take_out(self, item: Item) -> None:
        # In place: an edit in the middle of a sweep must not make the next page sort 100,000 items.
        in_order = self._ordered.get(item.section_key)
        if in_order is not None:
            del in_order[bisect.bisect_left(in_order, _order(item), key=_order)]

    def _selected(self, item: Item, kind: str, key: str) -> Item:
        return replace(
            item,
            selected={**item.selected, kind: key},
            locked=item.locked | {PICTURE_LOCKS[kind]},
            picture_at=self.now,
            updated_at=self.now,
        )

    def _facts(self, section_key: int, values: Values, versions: Sequence[Version]) -> Facts:
        named = values if values.title else replace(values, title=_stem(_first_path(versions)))
        return edited_facts(Facts(), as_edit(named), self.tags, section_key)

    def _media(self, version: Version) -> Media:
        files = version if isinstance(version, list) else [version]
        return Media(
            id=self._new_id(), parts=tuple(Part(id=self._new_id(), file=file, size=size) for file, size in files)
        )

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _order(item: Item) -> tuple[str, int]:
    return item.sort_key, item.rating_key


def agent_picture_key(item: Item, kind: str) -> str:
    """The key of the picture that the agent made from the file."""
    name = "thumb1.jpg" if kind == "posters" else "art1.jpg"
    return f"media://{item.rating_key}.bundle/Contents/Thumbnails/{name}"


def as_edit(values: Values) -> Edit:
    """The edit that adds these values; it locks and removes nothing."""
    return Edit(
        values={field: text for name, field in VALUE_FIELDS.items() if (text := getattr(values, name))},
        added={
            kind: tuple(entry if isinstance(entry, CastMember) else CastMember(name=entry) for entry in entries)
            for name, kind in VALUE_TAGS.items()
            if (entries := getattr(values, name))
        },
    )


def _view(item: Item, tags: TagTable) -> ItemView:
    facts = item.facts
    texts: dict[str, Any] = {name: facts.fields.get(field, "") for name, field in VALUE_FIELDS.items()}
    lists: dict[str, Any] = {
        name: tuple(tag.name for tag in tags.all_of(facts.tags.get(kind, ())))
        for name, kind in VALUE_TAGS.items()
        if kind != "actor"
    }
    return ItemView(
        rating_key=item.rating_key,
        section_key=item.section_key,
        user_rating=item.user_rating,
        roles=tuple(
            CastMember(name=tag.name, thumb=tag.thumb, role=facts.roles.get(tag.id, ""))
            for tag in tags.all_of(facts.tags.get("actor", ()))
        ),
        locked=item.locked,
        media=item.media,
        posters=item.pictures.get("posters", ()),
        arts=item.pictures.get("arts", ()),
        selected_poster=item.selected.get("posters", ""),
        selected_art=item.selected.get("arts", ""),
        added_at=item.added_at,
        updated_at=item.updated_at,
        **texts,
        **lists,
    )


def _first_path(versions: Sequence[Version]) -> str:
    first = versions[0]
    return first[0][0] if isinstance(first, list) else first[0]


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _is_below(path: str, folder: str) -> bool:
    folder = folder.rstrip("/\\")
    return path.startswith((folder + "/", folder + "\\")) if folder else True
