"""What docs/reconciliation.md says about names and figures is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from local.data_directory import RECONCILIATION_MEMORY
from plex.plan import Field
from reconciliation.compare import ITEMS_AT_ONCE
from reconciliation.gaps import GapType
from reconciliation.run import MOST_CHANGES_SHOWN
from reconciliation.schedule import INTERVALS_S, RETRY_S, chosen_scope
from reconciliation.state import Result
from stash.setting_values import LONGEST_SCOPE_DAYS
from worker.catch_up import EVERY_S
from worker.serve import LINGER_S

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = (DOCS / "reconciliation.md").read_text(encoding="utf-8")
# Line ends are where they are by chance.
WORDS = " ".join(TEXT.split())


def first_cells(heading: str) -> list[str]:
    """What is in code marks in the first column of the table under this heading."""
    table = TEXT.partition(f" {heading}\n")[2]
    return re.findall(r"^\| `([^`]+)` \|", table.partition("\n#")[0], re.MULTILINE)


def test_the_types_of_gaps_are_named_gravest_first() -> None:
    assert first_cells("Reconciliation") == [kind.value for kind in GapType]


def test_every_scope_that_is_named_is_one() -> None:
    scopes = first_cells("Which scenes")
    assert scopes == ["all", "24h", "7days", "30d"]
    for scope in (*scopes, "1d", f"{LONGEST_SCOPE_DAYS}d"):
        assert chosen_scope(scope, "") in (scope, "24h")
    assert f"from `1d` to `{LONGEST_SCOPE_DAYS}d`" in WORDS


def test_the_intervals_and_fields_are_all_there() -> None:
    assert "`never`, " + " or ".join(", ".join(f"`{word}`" for word in INTERVALS_S).rsplit(", ", 1)) in WORDS
    names = re.findall(r"`([^`]+)`", WORDS.partition("The fields are called")[2])
    assert names[: len(Field)] == [field.value for field in Field]
    assert {"skipped", "unclaimed"} <= Result().as_mapping().keys()


def test_the_figures_are_those_of_the_program() -> None:
    assert EVERY_S == RETRY_S == 10 * 60
    assert WORDS.count("10 minutes") == 3
    assert LINGER_S == 60
    assert "leaves after a minute without work" in WORDS
    assert f"the first {MOST_CHANGES_SHOWN} gaps" in WORDS
    assert f"{ITEMS_AT_ONCE} in a request" in WORDS


def test_the_reference_names_its_file() -> None:
    assert f"| `{RECONCILIATION_MEMORY}` |" in (DOCS / "reference.md").read_text(encoding="utf-8")
