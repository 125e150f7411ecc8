from __future__ import annotations

import pytest
from hypothesis import settings

from tests.__main__ import pytest_arguments

QUICK = ["--hypothesis-profile", "quick"]
SEVERAL_PROCESSES = ["-n", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
FILE = "tests/test_runner.py"


@pytest.mark.parametrize(
    ("arguments", "before"),
    [
        ([], SEVERAL_PROCESSES),
        (["tests/unit"], [*SEVERAL_PROCESSES, *QUICK]),
        (["tests/unit/", "-k", "breaker"], [*SEVERAL_PROCESSES, *QUICK]),
        (["tests/unit", "--pdb"], QUICK),
        ([FILE], QUICK),
        ([f"{FILE}::test_the_whole_suite_runs_every_property_with_100_examples"], QUICK),
        (["-k", "breaker"], QUICK),
    ],
)
def test_given_arguments_follow_ours(arguments: list[str], before: list[str]) -> None:
    assert pytest_arguments(arguments) == [*before, *arguments]


def test_the_whole_suite_runs_every_property_with_100_examples() -> None:
    assert settings.get_profile("full").max_examples == 100
    assert settings.get_profile("quick").max_examples < 50
