"""Gives the items of one batch back, or finds out what that would mean: few reads, and one PUT for each item.

The order of writes makes a kill harmless. What is planned depends on what the item shows, so it is planned again; what
is known of an item is forgotten only when it is given back whole, its locks included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plex.edit import LONGEST_LINE_BYTES, shorter_line, text_bytes_for
from plex.errors import RequestTooLong
from plex.fields import Field
from plex.model import PICTURE_FIELDS
from plex.plan import Owned
from plex.undo import plan_undo
from push.cover import FormerPicture, resolve_key
from push.picture_store import PictureStore
from store.altered import AlterationStore
from store.items import ItemRecord, ItemStore
from store.undo import ItemState, UndoneItem, UndoStore
from undo.pictures import PictureReturn, plan_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plex.client import PlexClient
    from plex.model import PictureKind, PlexItem
    from plex.undo import Undo
    from push.picture_locks import PictureLocks
    from store.ledger import Ledger

_NOTHING = ItemRecord(owned=Owned(pushed={}), scene_id=None)
GONE = "Plex no longer has this item"


class ItemUndo:
    """The items of one server. Raises PlexError and LocalStorage; the batch may then be begun again."""

    def __init__(self, *, plex: PlexClient, ledger: Ledger, server: str, locks: PictureLocks) -> None:
        self._plex = plex
        self._ledger = ledger
        self._server = server
        self._locks = locks
        self._items = ItemStore(ledger, server)
        self._altered = AlterationStore(ledger, server)
        self._pictures = PictureStore(ledger, server)
        self._store = UndoStore(ledger)
        self._line_bytes = ledger.line_bytes(server) or LONGEST_LINE_BYTES

    def preview(self, rating_keys: Sequence[int]) -> None:
        """Store what an undo would do with these items. Nothing is sent but reads."""
        items, entries = self._read(rating_keys), []
        for key in rating_keys:
            item, record = items.get(key), self._items.record(key) or _NOTHING
            if item is None:
                entries.append(_gone(key, record))
                continue
            pictures = {kind: each for kind in PICTURE_FIELDS if (each := self._plan_picture(item, kind))}
            entries.append(_entry(item, record, self._plan(item, record), pictures))
        self._store.record(entries)

    def undo(self, rating_keys: Sequence[int]) -> None:
        """Give these items back, then forget everything about them."""
        items = self._read(rating_keys)
        records = {key: self._items.record(key) or _NOTHING for key in rating_keys}
        # From here on no scene of theirs is believed to be in Plex, even if PlexSync ends and goes on pushing.
        self._ledger.clear_fingerprints(each.scene_id for each in records.values() if each.scene_id is not None)
        entries: list[UndoneItem] = []
        unlocks: dict[tuple[int, tuple[str, ...]], list[int]] = {}
        for key, record in records.items():
            item = items.get(key)
            if item is None:
                entries.append(_gone(key, record))
                continue
            undo = self._return_fields(item, record)
            pictures = {kind: each for kind in PICTURE_FIELDS if (each := self._return_picture(item, kind))}
            entries.append(_entry(item, record, undo, pictures))
            if fields := _unlocked_afterwards(item, undo, pictures):
                unlocks.setdefault((item.section_key, fields), []).append(key)
        for (section_key, fields), keys in unlocks.items():
            self._plex.lock_fields(section_key, keys, fields, is_locked=False)
        self._store.settle(self._server, entries)
        self._locks.forget(rating_keys)

    def _read(self, rating_keys: Sequence[int]) -> dict[int, PlexItem]:
        items = self._plex.read_items(rating_keys)
        if len(items) < len(rating_keys):
            self._plex.identity()  # a proxy whose Plex is down answers 404 to everything
        return items

    def _plan(self, item: PlexItem, record: ItemRecord) -> Undo:
        altered = self._altered.of(item.rating_key)
        return plan_undo(item, record.owned, altered, text_bytes=text_bytes_for(self._line_bytes))

    def _return_fields(self, item: PlexItem, record: ItemRecord) -> Undo:
        while True:
            undo = self._plan(item, record)
            try:
                self._plex.edit(item, undo.changes, line_bytes=self._line_bytes)
                break
            except RequestTooLong as error:
                shorter = shorter_line(min(error.line_bytes, self._line_bytes))
                if shorter is None:
                    raise
                self._line_bytes = shorter
                self._ledger.store_line_bytes(self._server, shorter)
        if undo.rating is not None:
            self._plex.rate(item.rating_key, undo.rating)
        return undo

    def _plan_picture(self, item: PlexItem, kind: PictureKind) -> PictureReturn | None:
        """None if PlexSync has not chosen the item's picture of this kind."""
        upload = self._pictures.upload(item.rating_key, kind)
        if upload.is_first:
            return None
        current = self._plex.list_pictures(item.rating_key, kind)
        return plan_picture(resolve_key(upload, current), current, is_locked=PICTURE_FIELDS[kind] in item.locked)

    def _return_picture(self, item: PlexItem, kind: PictureKind) -> PictureReturn | None:
        planned = self._plan_picture(item, kind)
        if planned and planned.selected:
            former = FormerPicture(key=planned.selected, is_locked=bool(planned.is_locked))
            upload = self._pictures.upload(item.rating_key, kind)
            self._pictures.store_upload(item.rating_key, kind, replace(upload, former=former))
            self._plex.select_picture(item.rating_key, kind, planned.selected)
        return planned


def _gone(rating_key: int, record: ItemRecord) -> UndoneItem:
    return UndoneItem(rating_key=rating_key, state=ItemState.GONE, scene_id=record.scene_id, problem=GONE)


def _entry(
    item: PlexItem, record: ItemRecord, undo: Undo, pictures: Mapping[PictureKind, PictureReturn]
) -> UndoneItem:
    named = {PICTURE_FIELDS[kind]: each for kind, each in pictures.items()}
    unlocked = [name.value for name in undo.unlocked]
    unlocked += [name for name, each in named.items() if each.is_locked is False and name in item.locked]
    return UndoneItem(
        rating_key=item.rating_key,
        scene_id=record.scene_id,
        title=item.title,
        fields={name.value: values for name, values in undo.returned.items()}
        | {name: (each.shown, each.selected) for name, each in named.items() if each.selected},
        unlocked=tuple(unlocked),
        kept={name.value: value for name, value in undo.kept.items()}
        | {name: each.shown for name, each in named.items() if each.is_kept},
        problem=next((each.problem for each in named.values() if each.problem), ""),
    )


def _unlocked_afterwards(
    item: PlexItem, undo: Undo, pictures: Mapping[PictureKind, PictureReturn]
) -> tuple[str, ...]:
    """The fields that another request unlocks, since Plex locks them with their edit."""
    found = [Field.COLLECTIONS.value] if undo.unlocks_collections else []
    for kind, each in pictures.items():
        is_locked = bool(each.selected) or PICTURE_FIELDS[kind] in item.locked
        found += [PICTURE_FIELDS[kind]] if each.is_locked is False and is_locked else []
    return tuple(found)
