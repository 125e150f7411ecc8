"""The tags of all items: one for each kind and name, regardless of ASCII case."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sim.plex.model import Tag, ascii_fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TagTable:
    """Plex keeps a tag's first spelling for all items: `BLONDE` on another item shows as `Blonde`. Collections belong
    to a section, the other kinds to the server. A tag outlives its last item.
    """

    def __init__(self) -> None:
        self._by_id: dict[int, Tag] = {}
        self._ids: dict[tuple[str, int, str], int] = {}

    def named(self, kind: str, section_key: int, name: str) -> Tag:
        """The tag of that name in any ASCII case; made if there is none."""
        place = self._place(kind, section_key, name)
        if place not in self._ids:
            tag = Tag(id=len(self._by_id) + 1, kind=kind, name=name)
            self._by_id[tag.id] = tag
            self._ids[place] = tag.id
        return self._by_id[self._ids[place]]

    def find(self, kind: str, section_key: int, name: str) -> Tag | None:
        """The tag of that name in any ASCII case."""
        found = self._ids.get(self._place(kind, section_key, name))
        return None if found is None else self._by_id[found]

    def set_thumb(self, tag_id: int, thumb: str) -> None:
        """Give a person a picture; it shows on all their items."""
        self._by_id[tag_id] = replace(self._by_id[tag_id], thumb=thumb)

    def all_of(self, ids: Iterable[int]) -> list[Tag]:
        """The tags with these ids, in this order."""
        return [self._by_id[tag_id] for tag_id in ids]

    def __iter__(self) -> Iterator[Tag]:
        return iter(list(self._by_id.values()))

    @staticmethod
    def _place(kind: str, section_key: int, name: str) -> tuple[str, int, str]:
        return kind, section_key if kind == "collection" else 0, ascii_fold(name)
