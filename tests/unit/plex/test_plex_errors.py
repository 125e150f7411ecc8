from __future__ import annotations

import pytest

from plex.errors import (
    Ambiguous,
    NotInPlex,
    PlexAuthError,
    PlexBusy,
    PlexError,
    PlexServerDown,
    PlexServerError,
    PlexSetup,
    PlexTimeout,
    Rejected,
    ServerFailure,
    describe_request,
    error_for_status,
    retry_after_s,
)

REQUEST = "GET http://plex:32400/identity"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, PlexSetup),
        (302, PlexSetup),
        (308, PlexSetup),
        (400, Rejected),
        (401, PlexAuthError),
        (403, PlexAuthError),
        (404, Rejected),
        (408, PlexTimeout),
        (409, Rejected),
        (414, Rejected),
        (422, Rejected),
        (429, PlexBusy),
        (498, PlexAuthError),
        (499, Rejected),
        (500, PlexServerError),
        (502, PlexServerError),
        (503, PlexServerDown),
        (504, PlexServerError),
        (520, PlexServerError),
        (999, PlexServerError),
        (206, PlexServerError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[PlexError]) -> None:
    assert type(error_for_status(status, REQUEST)) is kind


@pytest.mark.parametrize("status", [400, 405, 406, 410, 413, 414, 422, 431, 499])
def test_a_refused_read_is_a_failure_of_the_server_that_blames_no_scene(status: int) -> None:
    error = error_for_status(status, REQUEST, is_read=True, text="why")
    assert type(error) is PlexServerError
    assert f"({REQUEST}: {status}: why)" in str(error)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, PlexAuthError), (404, Rejected), (408, PlexTimeout), (429, PlexBusy), (503, PlexServerDown)],
)
def test_any_other_answer_to_a_read_has_the_error_that_an_edit_has(status: int, kind: type[PlexError]) -> None:
    assert type(error_for_status(status, REQUEST, is_read=True)) is kind


def test_only_failures_of_the_whole_server_are_server_failures() -> None:
    failures = {kind for kind in (PlexServerDown, PlexTimeout, PlexServerError) if issubclass(kind, ServerFailure)}
    assert failures == {PlexServerDown, PlexTimeout, PlexServerError}
    for kind in (PlexBusy, PlexAuthError, PlexSetup, NotInPlex, Ambiguous, Rejected):
        assert not issubclass(kind, ServerFailure)


@pytest.mark.parametrize(
    ("retry_after", "date", "pause"),
    [
        ("7", None, 7.0),
        ("0", None, 0.0),
        (None, None, None),
        ("", None, None),
        ("soon", None, None),
        ("-5", None, None),
        ("²", None, None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:27:00 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", None, None),
        ("Wed, 21 Oct 2026 07:28:30", "Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str | None, date: str | None, pause: float | None) -> None:
    assert retry_after_s(retry_after, date) == pause


def test_messages_say_what_happened_and_to_what() -> None:
    for status in (302, 401, 404, 429, 500, 503):
        assert REQUEST in str(error_for_status(status, REQUEST))
    assert "/media/a.mp4" in str(NotInPlex(["/media/a.mp4"]))
    assert "7: A" in str(Ambiguous(["7: A", "8: A"]))
    assert "no such thing" in str(Rejected(404, "no such thing"))


def test_an_error_has_the_name_of_its_class() -> None:
    assert PlexBusy("x").name == "PlexBusy"
    assert NotInPlex([]).name == "NotInPlex"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/library/metadata/1,22,3", "/library/metadata/1,22,3"),
        ("/library/metadata/1,22,3,4,5", "/library/metadata/1,22,3,…"),
        ("/library/sections/1/all", "/library/sections/1/all"),
    ],
)
def test_a_message_names_only_three_of_the_requested_items(path: str, shown: str) -> None:
    assert describe_request("get", "http://plex:32400", path) == f"GET http://plex:32400{shown}"
