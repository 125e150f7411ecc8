"""What Plex alters is stored by item, and goes with what PlexSync knows of the item."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plex.fields import Field
from store.altered import AlterationStore
from store.items import ItemStore
from store.ledger import Ledger
from store.overview import Overview

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plex.altered import Alterations

SERVER = "here"
ALTERED: Alterations = {
    Field.DATE: {"2004-05-06": ("2004-05-07",)},
    Field.GENRES: {"éva": ("ÉVA",), "Jane": ("a", "b"), "x": ()},
}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(str(tmp_path))) as opened:
        yield opened


@pytest.fixture
def store(ledger: Ledger) -> AlterationStore:
    """Each scene has an item."""
    ledger.use_server(SERVER, now=1.0)
    for scene, key in ((1, 10), (2, 20)):
        ItemStore(ledger, SERVER).store_pushed(scene, key, {Field.TITLE: "T"}, now=1.0)
    return AlterationStore(ledger, SERVER)


def test_what_is_stored_is_read_by_worker_and_tasks(tmp_path: Path, store: AlterationStore) -> None:
    store.replace(10, {Field.TITLE: {"a": ("b",)}})
    store.replace(10, ALTERED)
    assert store.of(10) == Overview(str(tmp_path)).altered(10) == ALTERED
    assert store.of(20) == Overview(str(tmp_path)).altered(20) == {}
    assert store.fields() == {Field.DATE, Field.GENRES}
    store.replace(10, {})
    assert store.fields() == frozenset()


def test_it_goes_when_plex_has_the_item_no_more(ledger: Ledger, store: AlterationStore) -> None:
    items = ItemStore(ledger, SERVER)
    store.replace(10, ALTERED)
    store.replace(20, ALTERED)
    items.store_pushed(2, 20, {Field.TITLE: "T2"}, now=2.0)
    ledger.forget_scene(2)
    assert store.of(10) == store.of(20) == ALTERED
    items.delete([20])
    assert (store.of(10), store.of(20)) == (ALTERED, {})


def test_it_is_of_one_server(tmp_path: Path, ledger: Ledger, store: AlterationStore) -> None:
    store.replace(10, ALTERED)
    ledger.use_server("another", now=2.0)
    assert AlterationStore(ledger, "another").of(10) == Overview(str(tmp_path)).altered(10) == {}
    assert AlterationStore(ledger, "another").fields() == frozenset()
    assert store.of(10) == ALTERED


def test_fields_that_this_version_does_not_know_are_left_out(ledger: Ledger, store: AlterationStore) -> None:
    store.replace(10, ALTERED)
    with ledger.transaction() as database:
        database.execute("INSERT INTO altered VALUES ('here', 10, 'mood', '{\"a\": [\"b\"]}')")
    assert store.of(10) == ALTERED
    assert store.fields() == ALTERED.keys()
