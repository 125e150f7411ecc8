"""The ledger on a disk that is full for a while."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local.storage import LocalStorage
from plex.fields import Field
from plex.plan import Owned
from store.items import ItemRecord, ItemStore
from store.ledger import Ledger
from tests.support.full_disk import full_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("room_bytes", [0, 100, 40_000])
def test_the_ledger_works_again_once_there_is_room(tmp_path: Path, room_bytes: int) -> None:
    """No matter how much of the refused write fits."""
    intent = {Field.SUMMARY: "words " * 20_000}
    with closing(Ledger(str(tmp_path))) as ledger:
        with full_disk(most_bytes=room_bytes), pytest.raises(LocalStorage, match=r"sync_state\.db could not be"):
            ItemStore(ledger, "here").record_intent(1, 10, Owned(pushed={}, intents=()), [intent])
        items = ItemStore(ledger, "here")
        items.record_intent(2, 20, Owned(pushed={}, intents=()), [intent])
        assert items.record(10) is None
        assert items.record(20) == ItemRecord(owned=Owned(pushed={}, intents=(intent,)), scene_id=2)
