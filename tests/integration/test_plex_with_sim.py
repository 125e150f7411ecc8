"""The client, the finder and the plan with the simulated server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.edit import SetText
from plex.errors import NotInPlex, PlexServerDown, PlexSetup, Rejected
from plex.fields import Field, Value
from plex.find import SWEEP_MIN_SCENES, Finder
from plex.index import Index
from plex.plan import Owned, Plan, Wanted, plan
from sim.faults import Fault
from sim.plex.simulator import PlexSim

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = logging.getLogger("test")
TOKEN = "right"
AWKWARD = ("Rock, Paper", "R&B", "100%", '"quoted"', "it's", "日本語", "É", "a+b=c?", "%2C", "a\\b", "x/y", "#1;", "🎬")


@pytest.fixture
def sim() -> Iterator[PlexSim]:
    with PlexSim(token=TOKEN) as server:
        server.add_section("Movies", locations=["/media"])
        yield server


@pytest.fixture
def client(sim: PlexSim) -> Iterator[PlexClient]:
    made = PlexClient(PlexConnection(url=sim.url, token=TOKEN, connect_timeout_s=2, read_timeout_s=2))
    yield made
    made.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    made = Index(str(tmp_path), "one server")
    yield made
    made.close()


def look_up(finder: Finder, *files: tuple[str, int]) -> list[int]:
    return [match.item.rating_key for match in finder.find(files, since=0)]


@pytest.fixture
def key(sim: PlexSim) -> int:
    return sim.add_item(1, files=[("/media/a.mp4", 1)], title="clip", genres=("By hand",))


def push(client: PlexClient, key: int, values: dict[Field, Value], own: Owned | None = None) -> Plan:
    item = client.read_items([key])[key]
    done = plan(item, Wanted(values=values, file_stem="a"), own or Owned(pushed={}), keep_plex_edits=False)
    for step in done.steps:
        client.edit(item, step)
    if done.rating is not None:
        client.rate(key, done.rating)
    return done


def test_making_a_client_sends_nothing(sim: PlexSim, client: PlexClient) -> None:
    assert sim.requests == []
    assert client.identity().machine_identifier
    assert [request.path for request in sim.requests] == ["/identity"]


def test_all_fields_arrive_locked_with_one_put_and_nothing_is_left_to_plan(
    sim: PlexSim, client: PlexClient, key: int
) -> None:
    values: dict[Field, Value] = {
        Field.TITLE: "Tom & Jerry: 100% \"q\" 'q' <b> + ? # 日本",
        Field.SUMMARY: "one\n\ntwo\ttabs & more",
        Field.DATE: "2004-03",
        Field.STUDIO: "S&Co",
        Field.RATING: "8.5",
        Field.DIRECTORS: ("D, E",),
        Field.ACTORS: ("Second", "First"),
        Field.GENRES: AWKWARD,
        Field.COLLECTIONS: ("C",),
    }
    done = push(client, key, values)
    item = sim.item(key)
    assert item.title == values[Field.TITLE]
    assert item.summary == values[Field.SUMMARY]
    assert (item.originally_available_at, item.studio, item.user_rating) == ("2004-03-01", "S&Co", 8.5)
    assert (item.directors, item.collections) == (("D, E",), ("C",))
    assert [role.name for role in item.roles] == ["Second", "First"]
    assert set(item.genres) == {*AWKWARD, "By hand"}
    assert item.locked >= {"title", "summary", "originallyAvailableAt", "studio", "director", "actor", "genre"}
    assert [request.method for request in sim.requests].count("PUT") == 2  # the edit and the rating
    assert push(client, key, values, Owned(pushed=done.pushed)).is_empty


@pytest.mark.parametrize("name", AWKWARD)
def test_a_name_with_any_characters_is_removed_without_removing_another(
    sim: PlexSim, client: PlexClient, key: int, name: str
) -> None:
    first = push(client, key, {Field.GENRES: AWKWARD})
    rest = tuple(other for other in AWKWARD if other != name)
    push(client, key, {Field.GENRES: rest}, Owned(pushed=first.pushed))
    assert set(sim.item(key).genres) == {*rest, "By hand"}


def test_everything_that_was_pushed_can_be_removed(sim: PlexSim, client: PlexClient, key: int) -> None:
    full: dict[Field, Value] = {
        Field.TITLE: "T",
        Field.SUMMARY: "S",
        Field.DATE: "2004",
        Field.STUDIO: "St",
        Field.RATING: "7",
        Field.ACTORS: ("A",),
        Field.GENRES: AWKWARD,
    }
    first = push(client, key, full)
    empty: dict[Field, Value] = {field: () if isinstance(value, tuple) else "" for field, value in full.items()}
    second = push(client, key, empty, Owned(pushed=first.pushed))
    item = sim.item(key)
    assert (item.title, item.summary, item.originally_available_at, item.studio) == ("a", "", "", "")
    assert (item.user_rating, item.roles, item.genres) == (None, (), ("By hand",))
    assert push(client, key, empty, Owned(pushed=second.pushed)).is_empty


def test_plexs_spelling_of_an_existing_tag_is_no_difference(sim: PlexSim, client: PlexClient, key: int) -> None:
    sim.add_item(1, files=[("/media/b.mp4", 1)], genres=("Blonde",))
    done = push(client, key, {Field.GENRES: ("BLONDE",)})
    assert "Blonde" in sim.item(key).genres
    assert push(client, key, {Field.GENRES: ("BLONDE",)}, Owned(pushed=done.pushed)).is_empty


def test_an_edit_too_long_for_a_proxy_is_split_and_arrives_whole(
    sim: PlexSim, client: PlexClient, key: int
) -> None:
    tags = tuple(f"日本語のタグ {number}" for number in range(100))
    values: dict[Field, Value] = {
        Field.TITLE: "T",
        Field.SUMMARY: "文" * 700,
        Field.STUDIO: "S",
        Field.DIRECTORS: tuple(f"監督 {number}" for number in range(80)),
        Field.GENRES: tags,
    }
    push(client, key, values)
    item = sim.item(key)
    assert set(item.genres) == {*tags, "By hand"}
    assert (item.title, item.studio, len(item.summary), len(item.directors)) == ("T", "S", 700, 80)
    assert item.locked >= {"title", "summary", "studio", "genre", "director"}
    assert [request.method for request in sim.requests].count("PUT") == 3


def test_the_longest_summary_that_is_sent_fits_into_a_request_line(
    sim: PlexSim, client: PlexClient, key: int
) -> None:
    sim.quirks.request_line_bytes = None  # it needs 48,000
    push(client, key, {Field.SUMMARY: "文" * 50_000})
    assert len(sim.item(key).summary.encode()) > 7_990


def test_an_edit_whose_answer_was_lost_is_resolved_by_the_next_read(sim: PlexSim, client: PlexClient, key: int) -> None:
    sim.fault(Fault.dropped(after=True), method="PUT", times=1)
    values: dict[Field, Value] = {Field.TITLE: "T", Field.GENRES: ("X",)}
    item = client.read_items([key])[key]
    lost = plan(item, Wanted(values=values, file_stem="a"), Owned(pushed={}), keep_plex_edits=True)
    with pytest.raises(PlexServerDown):
        client.edit(item, lost.steps[0])
    push(client, key, {Field.TITLE: "", Field.GENRES: ()}, Owned(pushed={}, intents=lost.intents))
    assert (sim.item(key).title, sim.item(key).genres) == ("a", ("By hand",))


def test_an_edit_that_one_client_prepared_is_sent_by_another_one_of_the_same_server(
    sim: PlexSim, client: PlexClient, key: int
) -> None:
    item = client.read_items([key])[key]
    texts = [SetText(field=each, value=each.value * 1_000) for each in (Field.TITLE, Field.SUMMARY, Field.STUDIO)]
    sim.clear_requests()
    edit = client.prepare_edit(item, texts)
    assert sim.requests == []
    sender = PlexClient(PlexConnection(url=sim.url, token=TOKEN))
    sender.send_edit(edit)
    sender.close()
    assert [request.method for request in sim.requests] == ["PUT", "PUT", "PUT"]
    assert [sim.item(key).title, sim.item(key).summary, sim.item(key).studio] == [text.value for text in texts]
    assert TOKEN not in repr(edit)


def test_items_that_are_gone_are_absent_and_cause_no_error(sim: PlexSim, client: PlexClient, key: int) -> None:
    other = sim.add_item(1, files=[("/media/b.mp4", 1)])
    assert client.read_items([key, 999, other]).keys() == {key, other}
    assert client.read_items([999]) == {}
    assert client.read_items([998, 999]) == {}
    assert client.read_items([]) == {}


def test_an_edit_of_an_item_that_is_gone_is_rejected(sim: PlexSim, client: PlexClient, key: int) -> None:
    item = client.read_items([key])[key]
    sim.remove_item(key)
    with pytest.raises(Rejected) as raised:
        client.edit(item, [SetText(field=Field.TITLE, value="T")])
    assert raised.value.status == 404


def test_only_configured_movie_libraries_are_used(sim: PlexSim) -> None:
    sim.add_section("Shows", section_type="show")
    sim.add_section("Clips")

    def titles(*libraries: str) -> list[str]:
        client = PlexClient(PlexConnection(url=sim.url, token=TOKEN, libraries=libraries))
        return [section.title for section in client.sections()]

    assert titles() == ["Movies", "Clips"]
    assert titles("clips") == ["Clips"]
    with pytest.raises(PlexSetup, match=r"Shows.*Movies, Clips"):
        titles("Movies", "Shows")


NAMES = ["a, b.mp4", "R&B 100%.mp4", "é.mp4", "日本語.mp4", "it's #1 + more?.mp4", "=x.mp4", '"q".mp4', ",.mp4"]


@pytest.mark.parametrize("count", [1, SWEEP_MIN_SCENES])
@pytest.mark.parametrize("has_filter", [True, False])
def test_files_are_found_whatever_their_names(
    sim: PlexSim, client: PlexClient, index: Index, count: int, *, has_filter: bool
) -> None:
    sim.quirks.file_filter = has_filter
    for number in range(250):  # more than a working filter would list
        sim.add_item(1, files=[(f"/media/many/{number}.mkv", 1)])
    keys = {name: sim.add_item(1, files=[(f"/media/x/{name}", 1)]) for name in NAMES}
    for name in NAMES:
        sim.add_item(1, files=[(f"/media/other/{name}", 1)])
    finder = Finder(client, index, clock=Clock(), log=LOG, rules=[("/data", "/media/x")])
    finder.prepare([[("/nowhere.mp4", 1)]] * count)
    for name, key in keys.items():
        assert look_up(finder, (f"/data/{name}", 1)) == [key]
    with pytest.raises(NotInPlex):
        look_up(finder, ("/data/none.mp4", 1))


@pytest.mark.parametrize("rules", [(), (("/data", "/media"),)])
@pytest.mark.parametrize("name", ["x.mp4", "비디오.mp4", "a, b.mp4", "Take 1.mp4"])
def test_one_of_very_many_files_with_the_same_name_is_found_by_its_folders_without_a_sweep(
    sim: PlexSim, client: PlexClient, index: Index, name: str, rules: tuple[tuple[str, str], ...]
) -> None:
    keys = [sim.add_item(1, files=[(f"/media/part {n}, {n}/{name}", 7)]) for n in range(250)]
    finder = Finder(client, index, clock=Clock(), log=LOG, rules=rules)
    assert look_up(finder, (f"/data/part 30, 30/{name}", 7)) == [keys[30]]
    assert all(request.first("file") for request in sim.requests if request.path.endswith("/all"))


def test_a_sweep_replaces_a_filter_that_fails(
    sim: PlexSim, client: PlexClient, index: Index, key: int
) -> None:
    sim.fault(Fault.answer(500), when=lambda request: bool(request.first("file")))
    assert look_up(Finder(client, index, clock=Clock(), log=LOG), ("/media/a.mp4", 1)) == [key]


@pytest.mark.parametrize(
    ("location", "folder", "sent"),
    [
        ("//nas/films", "\\\\nas\\films\\x", "//nas/films/x"),
        ("\\\\nas\\films", "\\\\?\\UNC\\nas\\films\\x", "\\\\nas\\films\\x"),
        ("/media", "/media", "/media"),
        ("/media", "/elsewhere", "/elsewhere"),
    ],
)
def test_a_scan_names_the_folder_as_the_library_spells_it(
    sim: PlexSim, client: PlexClient, location: str, folder: str, sent: str
) -> None:
    sim.add_section("More", locations=[location])
    client.scan(client.sections()[1], folder)
    assert sim.requests[-1].first("path") == sent


@pytest.mark.parametrize("page_size", [1, 3, 7, 1000])
def test_a_sweep_pages_through_everything_once(sim: PlexSim, client: PlexClient, page_size: int) -> None:
    keys = [sim.add_item(1, files=[(f"/media/{number}.mp4", number)]) for number in range(7)]
    (section,) = client.sections()
    items = list(client.sweep(section, page_size=page_size))
    assert sorted(item.rating_key for item in items) == keys
    assert items[0].parts[0].path.startswith("/media/")


def test_a_refresh_stops_at_older_items() -> None:
    now = [1000.0]
    with PlexSim(token=TOKEN, clock=lambda: now[0]) as sim:
        sim.add_section("Movies", locations=["/media"])
        old = [sim.add_item(1, files=[(f"/media/{number}.mp4", 1)]) for number in range(20)]
        now[0] = 2000.0
        sim.edit_by_hand(old[3], title="edited")
        new = sim.add_item(1, files=[("/media/new.mp4", 1)])
        client = PlexClient(PlexConnection(url=sim.url, token=TOKEN))
        (section,) = client.sections()
        sim.clear_requests()
        items = list(client.changes(section, page_size=5, since=2000))
        changed = [item.rating_key for item in items if item.updated_at >= 2000]
        assert sorted(changed) == sorted([old[3], new])
        assert len(sim.requests) == 2
