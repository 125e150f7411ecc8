"""Who may do what in the simulated Plex: owner, shared and home users, expired tokens; and who owns a rating."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import requests

from sim.plex.simulator import PlexSim

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER, GUEST = "owner", "guest"
EDITS = (
    ("PUT", "/library/sections/1/all?type=1&id=1&title.value=x"),
    ("PUT", "/library/metadata/1?title.value=x"),
    ("PUT", "/library/metadata/1/refresh"),
    ("PUT", "/library/metadata/1/poster?url=media%3A%2F%2F1.bundle%2FContents%2FThumbnails%2Fthumb1.jpg"),
    ("POST", "/library/metadata/1/posters?url=http%3A%2F%2F127.0.0.1%3A1%2F"),
    ("DELETE", "/library/metadata/1"),
    ("GET", "/library/sections/1/refresh?path=/media"),
    ("GET", "/library/sections/all/refresh"),
)
READS = ("/", "/identity", "/library/sections", "/library/sections/1/all?type=1", "/library/metadata/1")


@pytest.fixture
def plex() -> Iterator[PlexSim]:
    with PlexSim(token=OWNER) as sim:
        sim.add_section("Movies", locations=["/media"])
        sim.add_item(1, files=[("/media/a.mp4", 1)], title="before")
        yield sim


def ask(plex: PlexSim, path: str, token: str, method: str = "GET") -> requests.Response:
    return requests.request(method, plex.url + path, headers={"X-Plex-Token": token}, timeout=30)


def video(plex: PlexSim, token: str, key: int = 1) -> ET.Element:
    return ET.fromstring(ask(plex, f"/library/metadata/{key}", token).content)[0]


@pytest.mark.parametrize("status", [403, 401])
def test_a_user_reads_everything_and_edits_nothing(plex: PlexSim, status: int) -> None:
    plex.add_user(GUEST, edit_status=status)
    before = plex.item(1)
    assert {ask(plex, path, GUEST).status_code for path in READS} == {200}
    assert {ask(plex, path, GUEST, method).status_code for method, path in EDITS} == {status}
    assert plex.item(1) == before
    assert ask(plex, EDITS[0][1], OWNER, "PUT").status_code == 200


def test_only_the_owner_sees_the_accounts(plex: PlexSim) -> None:
    plex.add_user(GUEST, name="Ann")
    assert ask(plex, "/accounts", GUEST).status_code == 403
    accounts = ET.fromstring(ask(plex, "/accounts", OWNER).content)
    assert [account.get("name") for account in accounts] == ["owner", "Ann"]
    assert len({account.get("id") for account in accounts}) == 2


def test_a_user_may_see_no_files(plex: PlexSim) -> None:
    plex.add_user(GUEST, sees_files=False)
    for path in ("/library/sections/1/all?type=1", "/library/metadata/1"):
        files = {
            token: [part.get("file") for part in ET.fromstring(ask(plex, path, token).content).iter("Part")]
            for token in (OWNER, GUEST)
        }
        assert files == {OWNER: ["/media/a.mp4"], GUEST: [None]}


@pytest.mark.parametrize("status", [498, 401])
def test_a_token_can_expire(plex: PlexSim, status: int) -> None:
    plex.add_user(GUEST)
    plex.expire_token(OWNER, status=status)
    assert {ask(plex, path, OWNER).status_code for path in READS if path != "/identity"} == {status}
    assert ask(plex, "/identity", OWNER).status_code == 200
    assert ask(plex, READS[-1], GUEST).status_code == 200
    plex.token = "new"
    assert ask(plex, READS[-1], "new").status_code == 200


def test_a_rating_belongs_to_the_account(plex: PlexSim) -> None:
    plex.add_user(GUEST)
    for token, rating in ((OWNER, 8), (GUEST, 3)):
        assert ask(plex, f"/:/rate?key=1&identifier=x&rating={rating}", token, "PUT").status_code == 200
    assert [video(plex, token).get("userRating") for token in (OWNER, GUEST)] == ["8.0", "3.0"]
    assert plex.item(1).user_rating == 8
    for query in ("type=1&userRating>>=5", "type=1&sort=userRating:desc"):
        listing = {
            token: ET.fromstring(ask(plex, f"/library/sections/1/all?{query}", token).content)
            for token in (OWNER, GUEST)
        }
        assert [item.get("userRating") for item in listing[OWNER]] == ["8.0"]
        assert [item.get("userRating") for item in listing[GUEST]] == ([] if ">>" in query else ["3.0"])
    assert ask(plex, "/:/rate?key=1&identifier=x&rating=-1", OWNER, "PUT").status_code == 200
    assert [video(plex, token).get("userRating") for token in (OWNER, GUEST)] == [None, "3.0"]


def test_a_user_may_not_even_rate(plex: PlexSim) -> None:
    plex.add_user(GUEST, may_rate=False)
    assert ask(plex, "/:/rate?key=1&identifier=x&rating=3", GUEST, "PUT").status_code == 403
    assert video(plex, GUEST).get("userRating") is None


def test_items_of_one_guid_share_a_rating_and_nothing_else(plex: PlexSim) -> None:
    guid = "plex://movie/5d776830f59e58002189813a"
    other_section = plex.add_section("More", locations=["/more"])
    first, second = (
        plex.add_item(section, files=[(f"/{section}.mp4", 1)], title="T", guid=guid) for section in (1, other_section)
    )
    times = [plex.item(key).updated_at for key in (first, second)]
    plex.rate_by_hand(first, 7)
    assert [plex.item(key).user_rating for key in (1, first, second)] == [None, 7, 7]
    assert [video(plex, OWNER, key).get("userRating") for key in (first, second)] == ["7.0", "7.0"]
    assert [plex.item(key).updated_at for key in (first, second)] == times
    plex.edit_by_hand(first, title="Another")
    assert plex.item(second).title == "T"
    assert plex.item(plex.replace_file(first)).user_rating == 7
