"""The ledger on a disk that refuses writes for a while."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from local.storage import LocalStorage
from plex.fields import Field
from plex.plan import Owned
from store.ledger import Ledger
from tests.support.full_disk import full_disk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("room_bytes", [0, 100, 40_000])
def test_the_ledger_goes_on_when_there_is_room_again(tmp_path: Path, room_bytes: int) -> None:
    """However far the write that is refused has come by then."""
    intent = {Field.SUMMARY: "words " * 20_000}
    with closing(Ledger(str(tmp_path))) as ledger:
        with full_disk(most_bytes=room_bytes), pytest.raises(LocalStorage, match=r"sync_state\.db could not be"):
            ledger.intend(1, 10, Owned(pushed={}, intents=()), [intent])
        ledger.intend(2, 20, Owned(pushed={}, intents=()), [intent])
        assert ledger.record(1) is None
        record = ledger.record(2)
        assert record
        assert record.items[20].intents == (intent,)
