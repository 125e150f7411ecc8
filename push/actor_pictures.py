"""Keeps a performer's picture from replacing one that the actor has in Plex.

A picture in Plex belongs to the person, on all items and in all libraries. Whether an actor who is new to an item has
one shows only once the actor is on it. So new actors are sent without a picture, the item is read again, and those
who have none then are given one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from plex.fields import Field
from plex.text import NAME_BYTES, clean_line, name_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plex.fields import Value
    from plex.model import PlexItem
    from plex.plan import Wanted


_MOST_NAMES = 20_000


class ActorPictures:
    """Knows which actors need no look, since they were seen with a picture or were given one."""

    def __init__(self) -> None:
        self._settled: set[str] = set()

    def without_new_actors(self, item: PlexItem, wanted: Wanted) -> Wanted:
        """The same, but with pictures only for actors whom the item shows already."""
        self._settle(role.name for role in item.roles if role.thumb)
        shown = _shown(item)
        pictures = {name: address for name, address in wanted.pictures.items() if _key(name) in shown}
        return replace(wanted, pictures=pictures)

    def needs_look(self, item: PlexItem, wanted: Wanted) -> bool:
        """Whether somebody new to the item may lack a picture. `item`: as it was before the push."""
        known = _shown(item) | self._settled
        return any(_key(name) not in known for name in wanted.pictures)

    def after_look(self, wanted: Wanted) -> Wanted:
        """What is wanted of the item as it is after the push: that each of the actors has a picture."""
        self._settle(wanted.pictures)
        actors: dict[Field, Value] = {name: value for name, value in wanted.values.items() if name is Field.ACTORS}
        return replace(wanted, values=actors)

    def _settle(self, names: Iterable[str]) -> None:
        if len(self._settled) > _MOST_NAMES:
            self._settled.clear()  # which costs a look each
        self._settled.update(_key(name) for name in names)


def _shown(item: PlexItem) -> set[str]:
    return {name_key(role.name) for role in item.roles}


def _key(name: str) -> str:
    """As `plan` compares names of Stash with those of Plex."""
    return name_key(clean_line(name, NAME_BYTES))
