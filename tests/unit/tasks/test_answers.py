from __future__ import annotations

import json
from dataclasses import dataclass

from reconciliation.state import GapCounts
from tasks.answers import (
    GapEntry,
    ReconciliationPreviewAnswer,
    RecoverAnswer,
    TaskAnswer,
    as_json,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemForTest:
    id: int
    ended_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoneForTest(TaskAnswer):
    items: tuple[ItemForTest, ...]
    count: int
    mean_s: float | None


def recovered(message: str | None) -> RecoverAnswer:
    return RecoverAnswer(
        recovered=1, skipped_already_queued=0, skipped_scene_missing=0, skipped_plex_down=0, failed=0,
        scene_ids=(7,), outage=None, other_types=0, message=message,
    )  # fmt: skip


def test_every_field_is_a_key_and_none_is_null() -> None:
    answer = UndoneForTest(items=(), count=0, mean_s=None)
    assert as_json(answer) == {"items": [], "count": 0, "mean_s": None}


def test_a_key_that_may_be_left_out_is_there_only_with_something_to_say() -> None:
    assert "message" not in as_json(recovered(None))
    assert as_json(recovered(None))["outage"] is None
    assert as_json(recovered("Plex is down"))["message"] == "Plex is down"


def test_what_lies_inside_becomes_json_too() -> None:
    answer = UndoneForTest(items=(ItemForTest(id=1, ended_at=None),), count=1, mean_s=1.0)
    assert as_json(answer)["items"] == [{"id": 1, "ended_at": None}]


def test_lists_of_names_among_the_changes_are_lists_in_json() -> None:
    gap = GapEntry(scene_id=1, type="stale", fields={"title": ("old", "new"), "genre": ((), ("a", "b"))})
    answer = ReconciliationPreviewAnswer(
        checked=1, gaps=GapCounts(stale=1), queued=GapCounts(), skipped=0, unclaimed=None, took_s=0.1, changes=(gap,)
    )
    parsed = json.loads(json.dumps(as_json(answer)))
    assert parsed["gaps"] == {"empty": 0, "stale": 1, "missing": 0}
    assert parsed["changes"] == [
        {"scene_id": 1, "type": "stale", "fields": {"title": ["old", "new"], "genre": [[], ["a", "b"]]}}
    ]
