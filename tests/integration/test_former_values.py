"""The ledger keeps what stood in an item before PlexSync first wrote to it, from before the first request on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plex.fields import Field
from plex.model import Role
from plex.plan import Former, Owned, Wanted, plan
from store.items import ItemRecord, ItemStore
from store.ledger import Ledger
from store.overview import Overview
from tests.support.plex_items import an_item, applied

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = 7
OWN = an_item(title="Own", genres=("Own",), locked=frozenset({"genre"}))
FORMER = {
    Field.TITLE: Former(value="Own", is_locked=False),
    Field.GENRES: Former(value=("Own",), is_locked=True),
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path))) as ledger:
        ledger.use_server("here", now=1.0)
        yield ledger


def wanted(title: str) -> Wanted:
    return Wanted(values={Field.TITLE: title, Field.GENRES: (f"genre of {title}",)}, file_stem="stem")


def owned(items: ItemStore) -> Owned:
    record = items.record(KEY)
    return record.owned if record else Owned(pushed={})


def test_it_is_stored_with_the_intent_and_stays_through_lost_answers(ledger: Ledger) -> None:
    items, shown = ItemStore(ledger, "here"), OWN
    for number in range(3):
        before = owned(items)
        edit = plan(shown, wanted(f"T{number}"), before, keep_plex_edits=False)
        items.record_intent(1, KEY, before, edit.intents, edit.former)
        assert owned(items).former == FORMER
        shown = applied(shown, edit)  # its answer is lost
    edit = plan(shown, wanted("T3"), owned(items), keep_plex_edits=False)
    items.store_pushed(1, KEY, edit.pushed, former=edit.former, now=2.0)
    assert owned(items) == Owned(pushed=edit.pushed, former=FORMER)


def test_it_belongs_to_the_item_and_goes_with_its_entry(ledger: Ledger, tmp_path: Path) -> None:
    items = ItemStore(ledger, "here")
    edit = plan(OWN, wanted("T"), Owned(pushed={}), keep_plex_edits=False)
    items.store_pushed(1, KEY, edit.pushed, former=edit.former, now=2.0)
    ledger.forget_scene(1)
    record = items.record(KEY)
    assert record == ItemRecord(owned=Owned(pushed=edit.pushed, former=FORMER), scene_id=None)
    items.hand_over(KEY, record, 2)
    items.release(2, [KEY])
    assert owned(items).former == FORMER
    assert Overview(str(tmp_path)).item(KEY) == record
    items.delete([KEY])
    assert items.record(KEY) is None


def test_what_stash_had_too_stays_known_with_the_parts_played(ledger: Ledger) -> None:
    items, cast = ItemStore(ledger, "here"), (Role(name="Amy", text="Herself", thumb=""),)
    item = an_item(actors=("Amy",), roles=cast, locked=frozenset({"actor"}))
    want = Wanted(values={Field.ACTORS: ("Amy",)}, file_stem="stem")
    edit = plan(item, want, Owned(pushed={}), keep_plex_edits=False)
    items.store_pushed(1, KEY, edit.pushed, former=edit.former, now=2.0)
    items.store_pushed(1, KEY, {}, former=edit.former, now=3.0)
    assert owned(items).former == {
        Field.ACTORS: Former(value=("Amy",), is_locked=True, from_stash=("Amy",), roles=cast)
    }


def test_that_of_a_field_that_is_plexsyncs_no_more_is_forgotten(ledger: Ledger) -> None:
    items = ItemStore(ledger, "here")
    edit = plan(OWN, wanted("T"), Owned(pushed={}), keep_plex_edits=False)
    items.store_pushed(1, KEY, edit.pushed, former=edit.former, now=2.0)
    items.store_pushed(1, KEY, {Field.TITLE: "T"}, former=edit.former, now=3.0)
    assert owned(items).former == {Field.TITLE: FORMER[Field.TITLE]}


def test_an_item_of_an_older_version_has_none(tmp_path: Path) -> None:
    Ledger(str(tmp_path)).close()
    with closing(sqlite3.connect(tmp_path / "sync_state.db")) as database, database:
        database.executescript("DROP TRIGGER former_goes_with_item; DROP TABLE former;")
        database.execute("INSERT INTO owned VALUES ('here', 7, 1, '{\"title\": \"T\"}', '[]', 1.0)")
    with closing(Ledger(str(tmp_path))) as ledger:
        assert owned(ItemStore(ledger, "here")) == Owned(pushed={Field.TITLE: "T"})
