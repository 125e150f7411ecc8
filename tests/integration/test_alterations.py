"""What Plex alters is stored by item, and goes with what PlexSync knows of the item."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plex.fields import Field
from store.altered import AlterationStore
from store.ledger import Ledger
from store.overview import Overview

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plex.altered import Alterations

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
    """Two scenes have an item in common, and the second one has an item of its own."""
    for scene, key in ((1, 10), (2, 10), (2, 20)):
        ledger.store_pushed(scene, key, {Field.TITLE: "T"}, now=1.0)
    return AlterationStore(ledger)


def test_what_is_stored_is_read_by_worker_and_tasks(tmp_path: Path, store: AlterationStore) -> None:
    store.replace(10, {Field.TITLE: {"a": ("b",)}})
    store.replace(10, ALTERED)
    assert store.of(10) == Overview(str(tmp_path)).altered(10) == ALTERED
    assert store.of(20) == Overview(str(tmp_path)).altered(20) == {}
    assert store.fields() == {Field.DATE, Field.GENRES}
    store.replace(10, {})
    assert store.fields() == frozenset()


def test_it_goes_with_the_last_row_of_its_item(ledger: Ledger, store: AlterationStore) -> None:
    store.replace(10, ALTERED)
    store.replace(20, ALTERED)
    ledger.store_pushed(2, 20, {Field.TITLE: "T2"}, now=2.0)
    ledger.forget_items(1, [10])
    assert store.of(10) == store.of(20) == ALTERED
    ledger.forget_scene(2)
    assert store.of(10) == store.of(20) == {}


def test_fields_that_this_version_does_not_know_are_left_out(ledger: Ledger, store: AlterationStore) -> None:
    store.replace(10, ALTERED)
    with ledger.transaction() as database:
        database.execute("INSERT INTO altered VALUES (10, 'mood', '{\"a\": [\"b\"]}')")
    assert store.of(10) == ALTERED
    assert store.fields() == ALTERED.keys()
