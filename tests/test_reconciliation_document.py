"""Names and figures in docs/reconciliation.md match the program."""

from __future__ import annotations

import re
from pathlib import Path

from local.clock import SYSTEM
from local.data_directory import RECONCILIATION_CACHE
from plex.fields import Field
from reconciliation.compare import ITEMS_PER_REQUEST
from reconciliation.gaps import GapType
from reconciliation.run import MAX_CHANGES_SHOWN
from reconciliation.schedule import FAILED_RUN_RETRY_S, INTERVALS_S, parse_scope_argument
from reconciliation.state import Result
from stash.setting_values import LONGEST_SCOPE_DAYS
from worker.serve import LINGER_S
from worker.stash_watch import stash_times

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = (DOCS / "reconciliation.md").read_text(encoding="utf-8")
# Lines may be wrapped anywhere.
WORDS = " ".join(TEXT.split())


def first_cells(heading: str) -> list[str]:
    """Code spans in the first column of the table under this heading."""
    table = TEXT.partition(f" {heading}\n")[2]
    return re.findall(r"^\| `([^`]+)` \|", table.partition("\n#")[0], re.MULTILINE)


def test_gap_types_are_listed_most_severe_first() -> None:
    assert first_cells("Reconciliation") == [kind.value for kind in GapType]


def test_every_documented_scope_is_accepted() -> None:
    scopes = first_cells("Which scenes")
    assert scopes == ["all", "24h", "7days", "30d"]
    for scope in (*scopes, "1d", f"{LONGEST_SCOPE_DAYS}d"):
        assert parse_scope_argument(scope, "") in (scope, "24h")
    assert f"from `1d` to `{LONGEST_SCOPE_DAYS}d`" in WORDS


def test_all_intervals_and_fields_are_documented() -> None:
    assert "`never`, " + " or ".join(", ".join(f"`{word}`" for word in INTERVALS_S).rsplit(", ", 1)) in WORDS
    names = re.findall(r"`([^`]+)`", WORDS.partition("The fields are called")[2])
    assert names[: len(Field)] == [field.value for field in Field]
    assert {"skipped", "unclaimed"} <= Result().as_mapping().keys()


def test_documented_figures_match_the_program() -> None:
    assert FAILED_RUN_RETRY_S == 10 * 60
    assert WORDS.count("10 minutes") == 1
    assert LINGER_S == stash_times(SYSTEM).newest_s == 60
    assert "After a minute without work it rests" in WORDS
    assert "Once a minute, PlexSync asks Stash" in WORDS
    assert stash_times(SYSTEM).away_limit_s == 10 * 60
    assert "Stash has been away for ten minutes" in WORDS
    assert f"the first {MAX_CHANGES_SHOWN} gaps" in WORDS
    assert f"{ITEMS_PER_REQUEST} in a request" in WORDS


def test_reference_lists_the_cache_file() -> None:
    assert f"| `{RECONCILIATION_CACHE}` |" in (DOCS / "reference.md").read_text(encoding="utf-8")
