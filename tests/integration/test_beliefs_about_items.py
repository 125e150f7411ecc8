"""A fingerprint says that every item of its scene shows the scene. It is void as soon as that may not be so."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from plex.fields import Field
from plex.plan import Owned
from store.items import ItemStore
from store.judgement import Judgement
from store.ledger import Ledger
from tests.support.scenes import a_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SERVER = "here"
FORMER, LATTER, OTHER = 1, 2, 3
ITEM = 10
NEW = {Field.TITLE: "new"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """One item, which is the first scene's; all scenes are believed to be in Plex."""
    with closing(Ledger(str(tmp_path))) as opened:
        opened.use_server(SERVER, now=1.0)
        items = ItemStore(opened, SERVER)
        items.store_pushed(FORMER, ITEM, {Field.TITLE: "old"}, now=1.0)
        items.record_intent(FORMER, ITEM, Owned(pushed={Field.TITLE: "old"}), [NEW])
        for scene in (FORMER, LATTER, OTHER):
            opened.store_judgement(a_scene(scene), Judgement.PUSHED, fingerprint="f", server=SERVER, now=1.0)
        yield opened


def hand_over(items: ItemStore) -> None:
    record = items.record(ITEM)
    assert record
    items.hand_over(ITEM, record, LATTER)


def intend_again(items: ItemStore) -> None:
    """The intent is open already: an earlier attempt had the same one, or the scene before."""
    record = items.record(ITEM)
    assert record
    assert record.owned.intents == (NEW,)
    items.record_intent(FORMER, ITEM, record.owned, [NEW])


@pytest.mark.parametrize(
    ("change", "void"),
    [
        (hand_over, {FORMER, LATTER}),
        (intend_again, {FORMER}),
        (lambda items: items.release(FORMER, [ITEM]), {FORMER}),
        (lambda items: items.delete([ITEM]), {FORMER}),
        (lambda items: items.release(FORMER, []), set()),
    ],
    ids=["another owner", "an open intent", "no file of it", "gone", "nothing lost"],
)
def test_a_fingerprint_is_void_when_an_item_changes(
    ledger: Ledger, change: Callable[[ItemStore], None], void: set[int]
) -> None:
    change(ItemStore(ledger, SERVER))
    records = {scene: ledger.record(scene, SERVER) for scene in (FORMER, LATTER, OTHER)}
    assert {scene for scene, record in records.items() if record and not record.fingerprint} == void
