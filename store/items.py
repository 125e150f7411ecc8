"""What PlexSync put into which Plex item, and what stood there before.

Both belong to the item, whatever scene of Stash it shows. An entry outlives its scene: whoever gets the item next may
change and remove what PlexSync put there. It ends with the item. Methods raise LocalStorage.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from plex.fields import BY_NAME
from plex.model import Role
from plex.plan import Former, Owned
from store.ledger import void_fingerprints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.fields import Field, Value, Values
    from plex.plan import FormerValues
    from store.ledger import Ledger

# For `owned_from`, after the scene's id.
OWNED = """
SELECT scene_id, pushed, intents, coalesce(fields, '{}') FROM owned LEFT JOIN former USING (server, rating_key)
"""
_ITEM = f"{OWNED} WHERE server = ? AND rating_key = ?"
_UPSERT = """
INSERT INTO owned (server, rating_key, scene_id, pushed, intents, pushed_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (server, rating_key) DO UPDATE SET scene_id = excluded.scene_id, pushed = excluded.pushed,
    intents = excluded.intents, pushed_at = max(pushed_at, excluded.pushed_at)
"""
# Written with the first push of a field and with its withdrawal, not with the pushes between.
_FORMER = """
INSERT INTO former (server, rating_key, fields) VALUES (?, ?, ?)
ON CONFLICT (server, rating_key) DO UPDATE SET fields = excluded.fields WHERE fields <> excluded.fields
"""
_VOID_OWNER = """
UPDATE scene SET fingerprint = ''
WHERE scene_id = (SELECT scene_id FROM owned WHERE server = ? AND rating_key = ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """What is PlexSync's in an item. `scene_id`: the scene that has the item now; None: it is nobody's."""

    owned: Owned
    scene_id: int | None


class ItemStore:
    """The entries of one Plex server, which is its `machineIdentifier`."""

    def __init__(self, ledger: Ledger, server: str) -> None:
        self._ledger = ledger
        self._server = server

    def record(self, rating_key: int) -> ItemRecord | None:
        """Return what is known about the item; None if PlexSync never wrote to it."""
        with self._ledger.reading() as database:
            row = database.execute(_ITEM, (self._server, rating_key)).fetchone()
        return ItemRecord(owned=owned_from(*row[1:]), scene_id=row[0]) if row else None

    def keys_of(self, scene_id: int) -> tuple[int, ...]:
        """Return the items that the scene has."""
        with self._ledger.reading() as database:
            rows = database.execute(
                "SELECT rating_key FROM owned WHERE scene_id = ? AND server = ? ORDER BY rating_key",
                (scene_id, self._server),
            ).fetchall()
        return tuple(key for (key,) in rows)

    def record_intent(
        self, scene_id: int, rating_key: int, owned: Owned, new: Iterable[Values], former: FormerValues | None = None
    ) -> None:
        """Store what is about to be sent, one state after the other, keeping the open intents of earlier attempts.

        `former`: see Plan. From now on it is not known what Plex shows of the scene: its fingerprint is void until it
        is judged again.
        """
        unknown = (intent for intent in new if intent not in owned.intents)
        sent = replace(owned, intents=(*owned.intents, *unknown), former=former or {})
        self._store(scene_id, rating_key, sent, at=0.0, voids=(scene_id,))

    def store_pushed(
        self, scene_id: int, rating_key: int, pushed: Values, *, former: FormerValues | None = None, now: float
    ) -> None:
        """Store which of the item's values are PlexSync's from now on, and close all intents.

        `former`: see Plan. A field that was withdrawn has its own value again, but not what it had from Stash.
        """
        kept = {name: each for name, each in (former or {}).items() if name in pushed or each.from_stash}
        self._store(scene_id, rating_key, Owned(pushed=pushed, former=kept), at=now)

    def hand_over(self, rating_key: int, record: ItemRecord, scene_id: int) -> None:
        """Give the item to this scene. Plex shows neither scene there now: the fingerprints of both are void."""
        voids = (scene_id,) if record.scene_id is None else (scene_id, record.scene_id)
        self._store(scene_id, rating_key, record.owned, at=0.0, voids=voids)

    def release(self, scene_id: int, rating_keys: Iterable[int]) -> None:
        """These items hold no file of the scene any more; what PlexSync put there stays known.

        Where the scene is now, if anywhere, is not known: its fingerprint is void.
        """
        keys = list(rating_keys)
        with self._ledger.transaction() as database:
            void_fingerprints(database, (scene_id,) if keys else ())
            database.executemany(
                "UPDATE owned SET scene_id = NULL WHERE server = ? AND rating_key = ? AND scene_id = ?",
                [(self._server, key, scene_id) for key in keys],
            )

    def delete(self, rating_keys: Iterable[int]) -> None:
        """Plex has these items no more: the fingerprints of their scenes are void."""
        keys = [(self._server, key) for key in rating_keys]
        with self._ledger.transaction() as database:
            database.executemany(_VOID_OWNER, keys)
            database.executemany("DELETE FROM owned WHERE server = ? AND rating_key = ?", keys)

    def _store(
        self, scene_id: int, rating_key: int, owned: Owned, *, at: float, voids: tuple[int, ...] = ()
    ) -> None:
        pushed = json.dumps(_to_jsonable(owned.pushed))
        intents = json.dumps([_to_jsonable(values) for values in owned.intents])
        former = json.dumps({name.value: _former_to_jsonable(each) for name, each in owned.former.items()})
        with self._ledger.transaction() as database:
            database.execute(_UPSERT, (self._server, rating_key, scene_id, pushed, intents, at))
            database.execute(_FORMER, (self._server, rating_key, former))
            void_fingerprints(database, voids)


def owned_from(pushed: str, intents: str, former: str) -> Owned:
    """Parse the columns that OWNED selects."""
    return Owned(
        pushed=_from_jsonable(json.loads(pushed)),
        intents=tuple(_from_jsonable(values) for values in json.loads(intents)),
        former=_former_from(json.loads(former)),
    )


def _to_jsonable(values: Values) -> dict[str, str | list[str]]:
    return {field.value: value if isinstance(value, str) else list(value) for field, value in values.items()}


def _from_jsonable(values: Mapping[str, str | list[str]]) -> dict[Field, Value]:
    return {
        BY_NAME[name]: value if isinstance(value, str) else tuple(value)
        for name, value in values.items()
        if name in BY_NAME
    }


def _former_to_jsonable(former: Former) -> list[object]:
    roles = [[role.name, role.text, role.thumb] for role in former.roles]
    return [former.value, former.is_locked, *([former.from_stash, roles] if former.from_stash else [])]


def _former_from(data: Mapping[str, Sequence[Any]]) -> dict[Field, Former]:
    values = _from_jsonable({name: value for name, (value, *_) in data.items()})
    return {name: _former(value, *data[name.value][1:]) for name, value in values.items()}


def _former(
    value: Value, is_locked: bool, from_stash: Sequence[str] = (), roles: Sequence[tuple[str, str, str]] = ()
) -> Former:
    known = tuple(Role(name=name, text=text, thumb=thumb) for name, text, thumb in roles)
    return Former(value=value, is_locked=is_locked, from_stash=tuple(from_stash), roles=known)
