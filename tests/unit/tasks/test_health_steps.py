"""At which step of the Health Check a scene stays, by what Plex answers."""

from __future__ import annotations

import pytest

from plex.errors import (
    EditsRefused,
    PathsHidden,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
)
from plex.health import Health
from stash.settings import Settings, parse_settings
from tasks.health_steps import NAMES, failed, in_order, passed, paths_step, plex_steps, worker_step
from tasks.setup_answers import HealthStep, PathExample, PathsAnswer

PLEX = ("address", "tls", "token", "libraries")


def settings_with(**values: str) -> Settings:
    return parse_settings({"plex_url": "http://plex:32400", "plex_token": "token", **values}, {})[0]


def health(error: PlexError | None = None, *, healthy: bool = True, may_edit: bool | None = True) -> Health:
    return Health(
        healthy=healthy, ready=error is None, version="1.43" if healthy else "", latency_ms=3.0 if healthy else None,
        token_may_edit=may_edit, libraries=("Movies", "Home"), error=error, reason=str(error or ""),
    )  # fmt: skip


def results(steps: tuple[HealthStep, ...]) -> dict[str, bool | None]:
    return {step.name: step.ok for step in steps}


@pytest.mark.parametrize(
    ("error", "healthy", "fails_at"),
    [
        (PlexServerDown("refused"), False, "address"),
        (PlexTimeout("late"), False, "address"),
        (Rejected(404, "", request="GET /identity"), False, "address"),
        (PlexAuthError("a proxy asks for a password"), False, "address"),
        (PlexSetup("redirected"), False, "address"),
        (PlexServerError("500"), True, "address"),
        (PlexBusy("wait"), True, "address"),
        (PlexSetup("certificate", setting="tls"), False, "tls"),
        (PlexSetup("blanks in it", setting="plex_token"), False, "token"),
        (PlexAuthError("401"), True, "token"),
        (EditsRefused(), True, "token"),
        (PathsHidden(), True, "token"),
        (PlexSetup("no movie library", setting="plex_library"), True, "libraries"),
    ],
)
def test_each_error_of_plex_belongs_to_a_step(error: PlexError, healthy: bool, fails_at: str) -> None:
    steps = plex_steps(health(error, healthy=healthy), settings_with(plex_url="https://plex:32400"))
    names = PLEX[: PLEX.index(fails_at) + 1]
    assert results(steps) == {name: False if name == fails_at else (True if healthy else None) for name in names}
    assert all((step.cure != "") == (step.ok is False) for step in steps)


def test_a_plex_that_is_well_passes_all_steps_and_says_what_was_found() -> None:
    steps = plex_steps(health(), settings_with())
    assert results(steps) == dict.fromkeys(PLEX, True)
    assert [step.text for step in steps] == [
        "Plex 1.43 at http://plex:32400 answers in 3 ms.",
        "Not needed, since the address begins with http://.",
        "Plex accepts the token, which may edit and sees the paths of files.",
        "2 libraries: Movies, Home.",
    ]
    assert "Plex does not say" in plex_steps(health(may_edit=None), settings_with())[2].text


@pytest.mark.parametrize(("tls", "words"), [("verify", "is trusted."), ("insecure", "Any certificate is accepted")])
def test_the_certificate_is_described(tls: str, words: str) -> None:
    assert words in plex_steps(health(), settings_with(plex_url="https://plex:32400", tls=tls))[1].text


def test_every_step_is_listed_once_and_none_behind_a_failure_is_shown() -> None:
    steps = in_order([passed("worker", "runs"), failed("token", "wrong", "set it"), passed("python", "3.12")])
    assert [step.name for step in steps] == list(NAMES)
    assert [step.ok for step in steps] == [True, None, None, False, None, None, None, None, None]
    assert steps[-1].text == "Not reached."


def test_scenes_fail_only_if_plex_has_none_of_them() -> None:
    def paths(found: int, tried: int) -> PathsAnswer:
        examples = tuple(
            PathExample(scene_id=number, path="/a", plex_path="/a", found=number < found, how="", reason="")
            for number in range(tried)
        )
        return PathsAnswer(tried=tried, found=found, idle_rules=(), examples=examples)

    assert [paths_step(each).ok for each in (paths(5, 5), paths(1, 5), paths(0, 5), paths(0, 0), None)] == [
        True, True, False, None, None,
    ]  # fmt: skip


def test_a_worker_that_is_missing_comes_before_what_stops_it() -> None:
    missing = worker_step("busy", "It ends at once.", is_running=False, pending=3)
    assert (missing.ok, missing.text) == (False, "It ends at once.")
    assert missing.cure == "See plexsync.log in the data directory."
    stopped = worker_step("Plex asks for a pause", "", is_running=True, pending=3)
    assert (stopped.ok, stopped.text) == (False, "Changes wait: Plex asks for a pause.")
    assert worker_step("", "", is_running=True, pending=1).text == "The worker runs; 1 scene pending."
