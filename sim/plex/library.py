"""The library of a simulated Plex: sections and items behind one lock, and the events that change them."""

from __future__ import annotations

import bisect
import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from sim.plex.accounts import OWNER_ID
from sim.plex.edits import edited, edited_facts, rating_of, refreshed
from sim.plex.guids import NO_AGENT, guid_of, lasting_guid
from sim.plex.item_view import as_edit, view_of
from sim.plex.model import PICTURE_LOCKS, Facts, Item, Media, Part, SimulatedSection, UploadedPicture, Values
from sim.plex.quirks import Quirks, TagOrder
from sim.plex.tags import TagTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sim.plex.edits import Edit
    from sim.plex.model import ItemView

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
        self.quirks = Quirks()
        self._clock = clock
        self._sections: dict[int, SimulatedSection] = {}
        self._items: dict[int, Item] = {}
        self._in_section: dict[int, dict[int, None]] = {}
        self._on_disk: list[tuple[int, tuple[Version, ...], Values]] = []
        self._ordered: dict[int, list[Item]] = {}
        self._ratings: dict[tuple[int, str], tuple[float | None, int]] = {}
        self._last_section_key = 0
        self._last_rating_key = 0
        self._last_id = 0

    @property
    def now(self) -> int:
        """Epoch seconds. Plex's times have no fractions, so two edits within a second have the same time."""
        return int(self._clock())

    # --- sections and items

    def add_section(self, title: str, *, section_type: str, locations: Sequence[str], agent: str) -> int:
        """Make a section; returns its key, which no section has had before."""
        with self.lock:
            self._last_section_key += 1
            key = self._last_section_key
            uuid = hashlib.md5(f"{key} {title}".encode(), usedforsecurity=False).hexdigest()
            self._sections[key] = SimulatedSection(
                key=key,
                title=title,
                type=section_type,
                agent=agent,
                locations=tuple(locations),
                uuid=uuid,
                created_at=self.now,
            )
            self._in_section[key] = {}
            return key

    def delete_section(self, key: int) -> None:
        """Remove a section with its items; their files stay."""
        with self.lock:
            for rating_key in list(self._in_section[key]):
                self.remove_item(rating_key)
            del self._in_section[key], self._sections[key]
            self._ordered.pop(key, None)

    def remake_section(self, key: int) -> int:
        """Delete a section and make it again under another key. It finds the same files: new items without edits."""
        with self.lock:
            old, items = self._sections[key], [self._items[each] for each in self._in_section[key]]
            self.delete_section(key)
            new = self.add_section(old.title, section_type=old.type, locations=old.locations, agent=old.agent)
            self._on_disk = [(new if each == key else each, files, values) for each, files, values in self._on_disk]
            for item in items:
                facts = self._with_collections_of(new, item.agent)
                self._take_in(self._made(new, item.media, facts, guid=lasting_guid(item.guid), subtype=item.subtype))
            return new

    def rename_section(self, key: int, title: str) -> None:
        """Change the title of a section."""
        with self.lock:
            self._sections[key] = replace(self._sections[key], title=title)

    def set_locations(self, key: int, locations: Sequence[str]) -> None:
        """Give a section other folders."""
        with self.lock:
            self._sections[key] = replace(self._sections[key], locations=tuple(locations))

    def sections(self) -> list[SimulatedSection]:
        """All sections, by age."""
        with self.lock:
            return list(self._sections.values())

    def section(self, key: int) -> SimulatedSection | None:
        """The section with this key."""
        with self.lock:
            return self._sections.get(key)

    def add_item(
        self,
        section_key: int,
        versions: Sequence[Version],
        values: Values,
        *,
        added_at: int | None = None,
        guid: str = "",
        subtype: str | None = None,
    ) -> int:
        """Add an item as a scan does for a new file. `values` are the agent's. Returns the rating key.

        `guid` "" and `subtype` None: what the section's agent gives.
        """
        with self.lock:
            facts = self._facts(section_key, values, versions)
            media = tuple(self._media(version) for version in versions)
            return self._take_in(self._made(section_key, media, facts, guid=guid, subtype=subtype, added_at=added_at))

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
            media = tuple(self._media(version) for version in versions)
            new = self._made(old.section_key, media, old.agent, guid=lasting_guid(old.guid), subtype=old.subtype)
            self.remove_item(rating_key)
            return self._take_in(new)

    def add_optimized_version(self, rating_key: int, target: str) -> str:
        """Have Plex make a version of its own for a kind of device; returns the path of its file."""
        with self.lock:
            item = self._items[rating_key]
            path = _optimized_path(item.files[0], target)
            part = Part(id=self._new_id(), file=path, size=1)
            media = Media(id=self._new_id(), parts=(part,), optimized_for=target)
            self._store(replace(item, media=(*item.media, media)))
            return path

    # --- changes to an item

    def edit(self, rating_keys: Iterable[int], edit: Edit, *, account_id: int = OWNER_ID) -> None:
        """Apply one PUT to one or more items."""
        with self.lock:
            for rating_key in rating_keys:
                self._store(edited(self._items[rating_key], edit, self.tags, self.now, self.quirks.tag_order))
                if "userRating" in edit.values:
                    self.rate(rating_key, rating_of(edit.values["userRating"]), account_id=account_id)

    def edit_by_hand(self, rating_key: int, edit: Edit) -> None:
        """Apply a person's edit in Plex's own pages: people who stay on a list keep role and tagKey."""
        with self.lock:
            before = self._items[rating_key].facts
            item = edited(self._items[rating_key], edit, self.tags, self.now, TagOrder.REMOVE_FIRST)
            there = {tag_id for ids in item.facts.tags.values() for tag_id in ids}
            roles = {tag_id: role for tag_id, role in before.roles.items() if tag_id in there}
            tag_keys = {tag_id: key for tag_id, key in before.tag_keys.items() if tag_id in there}
            facts = replace(
                item.facts, roles=roles | dict(item.facts.roles), tag_keys=tag_keys | dict(item.facts.tag_keys)
            )
            self._store(replace(item, facts=facts))

    def rate(self, rating_key: int, rating: float | None, *, account_id: int = OWNER_ID) -> None:
        """Rate as an account does. The rating belongs to it and the guid: all items with that guid show it to the
        account, no `updatedAt` changes and nothing is locked.
        """
        with self.lock:
            self._ratings[account_id, self._items[rating_key].guid] = (rating, self.now)

    def as_seen_by(self, account_id: int, items: Iterable[Item]) -> list[Item]:
        """The items with this account's ratings."""
        with self.lock:
            if not self._ratings:
                return list(items)
            return [self._rated(account_id, item) for item in items]

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
        """Store and select a picture; returns its key. The same bytes twice are one picture; none can be deleted."""
        with self.lock:
            item = self._items[rating_key]
            key = f"upload://{kind}/{hashlib.sha1(data, usedforsecurity=False).hexdigest()}"
            there = item.pictures.get(kind, ())
            if key not in {picture.key for picture in there}:
                picture = UploadedPicture(key=key, data=data, source_url=source_url)
                item = replace(item, pictures={**item.pictures, kind: (*there, picture)})
            self._store(self._selected(item, kind, key, locks=self.quirks.uploads_lock))
            return key

    def select_picture(self, rating_key: int, kind: str, key: str) -> bool:
        """Select and lock an existing picture; False if there is none with this key."""
        with self.lock:
            item = self._items[rating_key]
            if key not in {agent_picture_key(item, kind), *(picture.key for picture in item.pictures.get(kind, ()))}:
                return False
            self._store(self._selected(item, kind, key, locks=True))
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
            return [self.add_item(key, versions, values) for key, versions, values in found]

    def view(self, rating_key: int) -> ItemView:
        """The item as a test sees it. Raises KeyError if there is none."""
        with self.lock:
            return view_of(self._rated(OWNER_ID, self._items[rating_key]), self.tags)

    # --- internal

    def _made(
        self,
        section_key: int,
        media: tuple[Media, ...],
        facts: Facts,
        *,
        guid: str,
        subtype: str | None,
        added_at: int | None = None,
    ) -> Item:
        """A new item, not stored yet."""
        self._last_rating_key += 1
        at, agent = self.now if added_at is None else added_at, self._sections[section_key].agent
        return Item(
            rating_key=self._last_rating_key,
            section_key=section_key,
            guid=guid or guid_of(agent, self._last_rating_key, media[0].parts[0].file),
            subtype=("clip" if agent == NO_AGENT else "") if subtype is None else subtype,
            media=media,
            facts=facts,
            agent=facts,
            added_at=at,
            updated_at=at,
            picture_at=at,
        )

    def _with_collections_of(self, section_key: int, facts: Facts) -> Facts:
        """The collections of the same names in this section: unlike other tags, they belong to one."""
        names = [tag.name for tag in self.tags.all_of(facts.tags.get("collection", ()))]
        ids = tuple(self.tags.named("collection", section_key, name).id for name in names)
        return replace(facts, tags={**facts.tags, "collection": ids})

    def _take_in(self, item: Item) -> int:
        self._in_section[item.section_key][item.rating_key] = None
        self._store(item)
        return item.rating_key

    def _rated(self, account_id: int, item: Item) -> Item:
        found = self._ratings.get((account_id, item.guid))
        return item if found is None else replace(item, user_rating=found[0], last_rated_at=found[1])

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

    def _selected(self, item: Item, kind: str, key: str, *, locks: bool) -> Item:
        return replace(
            item,
            selected={**item.selected, kind: key},
            locked=item.locked | ({PICTURE_LOCKS[kind]} if locks else set()),
            picture_at=self.now,
            updated_at=self.now,
        )

    def _facts(self, section_key: int, values: Values, versions: Sequence[Version]) -> Facts:
        named = values if values.title else replace(values, title=_stem(_first_path(versions)))
        return edited_facts(Facts(), as_edit(named), self.tags, section_key, TagOrder.REMOVE_FIRST)

    def _media(self, version: Version) -> Media:
        files = version if isinstance(version, list) else [version]
        return Media(
            id=self._new_id(), parts=tuple(Part(id=self._new_id(), file=file, size=size) for file, size in files)
        )

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id


def _optimized_path(path: str, target: str) -> str:
    slash = "\\" if "\\" in path else "/"
    folder, _, name = path.rpartition(slash)
    return slash.join((folder, "Plex Versions", target, f"{_stem(name)}.mp4"))


def _order(item: Item) -> tuple[str, int]:
    return item.sort_key, item.rating_key


def agent_picture_key(item: Item, kind: str) -> str:
    """The key of the picture that the agent made from the file."""
    name = "thumb1.jpg" if kind == "posters" else "art1.jpg"
    return f"media://{item.rating_key}.bundle/Contents/Thumbnails/{name}"


def _first_path(versions: Sequence[Version]) -> str:
    first = versions[0]
    return first[0][0] if isinstance(first, list) else first[0]


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _is_below(path: str, folder: str) -> bool:
    folder = folder.rstrip("/\\")
    return path.startswith((folder + "/", folder + "\\")) if folder else True
