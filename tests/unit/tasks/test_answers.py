from __future__ import annotations

import json

from reconciliation.state import GapCounts
from tasks.answers import (
    GapEntry,
    OutageReportEntry,
    OutageSummaryAnswer,
    ReconciliationPreviewAnswer,
    RecoverAnswer,
    as_json,
)


def recovered(message: str | None) -> RecoverAnswer:
    return RecoverAnswer(
        recovered=1, skipped_already_queued=0, skipped_scene_missing=0, skipped_plex_down=0, failed=0,
        scene_ids=(7,), outage=None, other_types=0, message=message,
    )  # fmt: skip


def test_every_field_is_a_key_and_none_is_null() -> None:
    answer = OutageSummaryAnswer(
        outages=(), count=0, total_s=0.0, longest_s=0.0, mttr_s=None, mtbf_s=None, availability=None,
        observed_since=None,
    )  # fmt: skip
    assert as_json(answer) == {
        "outages": [], "count": 0, "total_s": 0.0, "longest_s": 0.0, "mttr_s": None, "mtbf_s": None,
        "availability": None, "observed_since": None,
    }  # fmt: skip


def test_a_key_that_may_be_left_out_is_there_only_with_something_to_say() -> None:
    assert "message" not in as_json(recovered(None))
    assert as_json(recovered(None))["outage"] is None
    assert as_json(recovered("Plex is down"))["message"] == "Plex is down"


def test_what_lies_inside_becomes_json_too() -> None:
    entry = OutageReportEntry(
        id=1, started_at=1.0, ended_at=None, duration_s=None, jobs_affected=2, cause="refused", probes=3, jobs_pushed=0
    )
    answer = OutageSummaryAnswer(
        outages=(entry,), count=1, total_s=1.0, longest_s=1.0, mttr_s=None, mtbf_s=None, availability=None,
        observed_since=None,
    )  # fmt: skip
    assert as_json(answer)["outages"] == [
        {
            "id": 1, "started_at": 1.0, "ended_at": None, "duration_s": None, "jobs_affected": 2, "cause": "refused",
            "probes": 3, "jobs_pushed": 0,
        },
    ]  # fmt: skip


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
