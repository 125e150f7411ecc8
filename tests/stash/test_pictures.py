"""The pictures of the documents can be made anew."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.pictures import FOLDER, NAMES, make_all, reason_for_none

if TYPE_CHECKING:
    from pathlib import Path

# An empty page takes less.
LEAST_BYTES = 10_000


def test_the_documents_have_exactly_these_pictures() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.skipif(not os.environ.get("PLEXSYNC_TEST_LONG"), reason="takes half a minute")
@pytest.mark.skipif(bool(reason_for_none()), reason=reason_for_none() or "there is all that it needs")
def test_every_picture_shows_something(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    make_all(tmp_path / "work", tmp_path / "pictures")
    assert all((tmp_path / "pictures" / name).stat().st_size > LEAST_BYTES for name in NAMES)
