"""Whether Plex would get a performer's picture from an address, and how often that is tried."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from push.picture_address import CHECK_AGAIN_S, RETRY_S, PictureAddress
from stash.client import StashClient
from stash.connection import StashConnection
from stash.picture_access import find_obstacle
from stash.settings import Settings
from store.ledger import Ledger
from store.overview import Overview
from tests.support.clocks import SetClock
from tests.support.fake_stash import LOGIN_PAGE, REDIRECT, Answer, Asked, FakeStash, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PICTURE = Answer(body=b"\xff\xd8\xff", headers={"Content-Type": "image/jpeg"})


@dataclass
class Sides:
    """A Stash with performers, and the address for Plex, which answers `answer`."""

    directory: str
    client: StashClient
    public: FakeStash
    ledger: Ledger
    clock: SetClock
    answers: list[Answer] = field(default_factory=lambda: [PICTURE])

    def check(self, **settings: object) -> str:
        """The address that is left. Each check is by a new worker."""
        address = PictureAddress(ledger=self.ledger, clock=self.clock, log=logging.getLogger("test"))
        given = Settings(**{"stash_url_for_plex": self.public.url, **settings})  # type: ignore[arg-type]
        return address.without_useless(given, self.client).stash_url_for_plex


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[Sides]:
    def own(_asked: Asked) -> Answer:
        return as_json({"data": {"findPerformers": {"performers": [{"id": "7"}]}}})

    def for_plex(_asked: Asked) -> Answer:
        return made.answers[0]

    with FakeStash(own) as stash, FakeStash(for_plex) as public:
        client, ledger = StashClient(StashConnection(url=stash.url, api_key="key")), Ledger(str(tmp_path))
        made = Sides(directory=str(tmp_path), client=client, public=public, ledger=ledger, clock=SetClock())
        yield made
        client.close()
        ledger.close()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "test"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (REDIRECT, "redirects to the login page"),
        (Answer(status=307, headers={"Location": "https://auth.example.org/?rd=x"}), "redirects elsewhere"),
        (LOGIN_PAGE, "web page"),
        (Answer(status=401), "asks for a login"),
        (Answer(status=403), "asks for a login"),
        (Answer(status=404, body=b"Not Found"), "status 404"),
    ],
)
def test_an_address_without_a_picture_is_tried_once_and_reported_once(
    sides: Sides, caplog: pytest.LogCaptureFixture, answer: Answer, words: str
) -> None:
    sides.answers[:] = [answer]
    assert sides.check() == ""
    sides.clock.set(sides.clock.now() + 10 * RETRY_S)
    assert sides.check() == ""
    (asked,) = sides.public.asked
    assert asked.path == "/performer/7/image"
    assert not {"ApiKey", "Cookie"} & asked.headers.keys()
    (warning,) = warnings(caplog)
    assert words in warning
    assert words in Overview(sides.directory).picture_obstacle(sides.public.url)


def test_an_address_with_a_picture_is_tried_once(sides: Sides, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert sides.check() == sides.public.url
    assert len(sides.public.asked) == 1
    assert warnings(caplog) == []
    assert Overview(sides.directory).picture_obstacle(sides.public.url) == ""


@pytest.mark.parametrize("between", ["http://127.0.0.1:9", ""], ids=["another", "none"])
def test_an_address_that_was_changed_is_tried_again(sides: Sides, between: str) -> None:
    sides.answers[:] = [REDIRECT]
    assert sides.check() == ""
    sides.answers[:] = [PICTURE]
    assert sides.check(stash_url_for_plex=between) == ""
    assert sides.check() == sides.public.url
    assert len(sides.public.asked) == 2


def test_an_address_that_fails_is_tried_again_after_an_hour(sides: Sides, caplog: pytest.LogCaptureFixture) -> None:
    sides.answers[:] = [Answer(status=502)]
    for _ in range(2):
        assert [sides.check() for _ in range(3)] == ["", "", ""]
        sides.clock.set(sides.clock.now() + RETRY_S)
    assert len(sides.public.asked) == 2
    assert len(warnings(caplog)) == 1
    sides.answers[:] = [PICTURE]
    assert sides.check() == sides.public.url


@pytest.mark.parametrize(("before", "after"), [(REDIRECT, PICTURE), (PICTURE, REDIRECT)], ids=["opened", "closed"])
def test_an_answer_is_believed_for_a_day(
    sides: Sides, caplog: pytest.LogCaptureFixture, before: Answer, after: Answer
) -> None:
    """A proxy's rules, or what Stash asks a login for, may have changed."""
    sides.answers[:] = [before]
    first = sides.check()
    sides.answers[:] = [after]
    sides.clock.set(sides.clock.now() + CHECK_AGAIN_S - 1)
    assert sides.check() == first
    sides.clock.set(sides.clock.now() + 1)
    assert {first, sides.check()} == {"", sides.public.url}
    assert len(sides.public.asked) == 2
    assert len(warnings(caplog)) == 1


def test_nothing_is_tried_where_no_picture_would_be_sent(sides: Sides) -> None:
    assert sides.check(skip=frozenset({"performers"})) == sides.public.url
    assert sides.check(stash_url_for_plex="") == ""
    assert sides.public.asked == []


def test_an_address_that_nobody_answers_may_work_later() -> None:
    obstacle = find_obstacle("http://127.0.0.1:9", 1, timeout_s=2)
    assert obstacle
    assert "refused" in obstacle.text
    assert not obstacle.is_certain
