from __future__ import annotations

import pytest

from installation.pip import describe_failure


@pytest.mark.parametrize(
    "url",
    [
        "https://someone:hunter2@mirror.example/simple",
        "https://hunter2@mirror.example/simple",
        "https://some@one:hunter2@mirror.example/simple",
        "http://someone:%68hunter2%40@mirror.example:8080",
    ],
)
def test_credentials_in_an_index_url_are_removed(url: str) -> None:
    said = describe_failure(f"Looking in indexes: {url}\nERROR: HTTP error 401 while getting '{url}/idna/'")
    assert "hunter2" not in said
    assert "://***@mirror.example" in said


def test_url_without_credentials_is_unchanged() -> None:
    assert "'https://mirror.example/a@b'" in describe_failure("ERROR: 404 for 'https://mirror.example/a@b'")


def test_cause_is_reported_rather_than_its_consequence() -> None:
    output = (
        "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': x')': /simple/idna/\n"
        "ERROR: Could not find a version that satisfies the requirement idna==3.20 (from versions: none)\n"
        "ERROR: No matching distribution found for idna==3.20\n"
    )
    assert "index cannot be reached" in describe_failure(output)


def test_crash_of_pip_is_reported_by_the_last_line_of_its_traceback() -> None:
    output = "ERROR: Exception:\nTraceback (most recent call last):\n  File ...\nValueError: what went wrong\n"
    assert describe_failure(output).endswith("It said: ValueError: what went wrong")


def test_failure_without_output_is_reported_too() -> None:
    assert describe_failure("") == "pip could not install them. It said: nothing"
