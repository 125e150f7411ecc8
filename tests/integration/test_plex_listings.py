"""Servers that page, sort or answer lists of keys differently from a typical Plex."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexServerError
from plex.model import Section
from tests.support.raw_server import RawServer, answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

SECTION = Section(key=1, title="Movies", type="movie", locations=())


def client_for(server: RawServer) -> PlexClient:
    return PlexClient(PlexConnection(url=server.url, token="t", read_timeout_s=2))


def pages(
    times: list[int], *, has_pages: bool = True, has_total: bool = True, most: int = 9999
) -> Callable[[bytes, socket.socket], None]:
    """A listing of items 1, 2, ... with these values of `updatedAt`, in this order for any `sort`; 0: it is deleted.

    `most`: the largest page that the server returns; if given, each page states its offset.
    """

    def respond(head: bytes, connection: socket.socket) -> None:
        videos = [f'<Video ratingKey="{key}" updatedAt="{time}"/>' for key, time in enumerate(times, 1) if time]
        start, size = (int(re.findall(rb"Container-%s: (\d+)" % name, head)[0]) for name in (b"Start", b"Size"))
        shown = videos[start : start + min(size, most)] if has_pages else videos
        total = f' totalSize="{len(videos)}"' if has_total else ""
        total += f' offset="{start}"' if most < 9999 else ""
        body = f'<MediaContainer size="{len(shown)}"{total}>{"".join(shown)}</MediaContainer>'
        connection.sendall(answer("200 OK", body.encode()))

    return respond


@pytest.mark.parametrize(("count", "requests"), [(0, 1), (1, 1), (2, 1), (4, 2), (5, 3)])
def test_a_sweep_requests_no_page_too_many(count: int, requests: int) -> None:
    with RawServer(pages([1] * count)) as server:
        items = list(client_for(server).sweep(SECTION, page_size=2))
    assert [item.rating_key for item in items] == list(range(1, count + 1))
    assert len(server.heads) == requests


@pytest.mark.parametrize("count", [0, 1, 2, 4, 5])
def test_a_sweep_ends_without_a_total(count: int) -> None:
    with RawServer(pages([1] * count, has_total=False)) as server:
        assert len(list(client_for(server).sweep(SECTION, page_size=2))) == count


@pytest.mark.parametrize("has_total", [True, False])
def test_a_sweep_goes_on_after_a_page_that_is_shorter_than_asked(*, has_total: bool) -> None:
    with RawServer(pages([1] * 7, has_total=has_total, most=3)) as server:
        assert len(list(client_for(server).sweep(SECTION, page_size=5))) == 7


@pytest.mark.parametrize("deleted", [[1], [1, 2, 3], [3, 5, 6], [6, 7], [1, 2, 3, 4]])
def test_items_deleted_between_two_pages_hide_no_others(deleted: list[int]) -> None:
    times, found = [1] * 9, set[int]()
    with RawServer(pages(times)) as server:
        for number, item in enumerate(client_for(server).sweep(SECTION, page_size=2), 1):
            found.add(item.rating_key)
            if number == 4:
                times[:] = [int(key not in deleted) for key in range(1, 10)]
    assert found >= set(range(1, 10)) - set(deleted)
    assert len(server.heads) <= 7


def test_a_listing_that_loses_most_of_its_items_is_an_error() -> None:
    times = [1] * 9
    with RawServer(pages(times)) as server:
        listing = client_for(server).sweep(SECTION, page_size=2)
        next(listing)
        times[3:] = []
        with pytest.raises(PlexServerError, match="ends after 2 of 9 items"):
            list(listing)


def test_a_server_without_paging_is_swept_in_one_request() -> None:
    with RawServer(pages([1] * 5, has_pages=False, has_total=False)) as server:
        assert len(list(client_for(server).sweep(SECTION, page_size=2))) == 5
    assert len(server.heads) == 1


def test_a_refresh_does_not_trust_a_server_that_does_not_sort() -> None:
    with RawServer(pages([1, 2, 9, 1, 1, 9])) as server:
        items = list(client_for(server).changes(SECTION, page_size=2, since=9))
    assert [item.rating_key for item in items if item.updated_at >= 9] == [3, 6]


def test_every_listing_and_every_read_of_items_names_its_page() -> None:
    with RawServer(answer("200 OK", b"<MediaContainer/>")) as server:
        client = client_for(server)
        client.all_sections()
        client.shows_paths([SECTION])
        client.find_by_name(SECTION, "a.mp4")
        list(client.sweep(SECTION))
        client.read_items([1])
        client.list_pictures(1, "posters")
    assert len(server.heads) == 6
    for head in server.heads:
        assert b"X-Plex-Container-Start: 0\r\n" in head
        assert re.search(rb"X-Plex-Container-Size: (?:\d{1,3}|1000)\r\n", head)


def test_a_page_has_at_most_1000_items_however_many_are_asked_for() -> None:
    with RawServer(pages([1] * 2500)) as server:
        assert len(list(client_for(server).sweep(SECTION, page_size=5000))) == 2500
    starts = [re.findall(rb"Container-Start: (\d+)", head)[0] for head in server.heads]
    sizes = [re.findall(rb"Container-Size: (\d+)", head)[0] for head in server.heads]
    assert (starts, sizes) == ([b"0", b"1000", b"2000"], [b"1000"] * 3)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_items_that_come_in_several_pages_are_all_read(most: int) -> None:
    def respond(head: bytes, connection: socket.socket) -> None:
        keys = re.findall(rb"metadata/([\d,]+)", head)[0].split(b",")
        start = int(re.findall(rb"Container-Start: (\d+)", head)[0])
        videos = b"".join(b'<Video ratingKey="%s"/>' % key for key in keys[start : start + most])
        total = b'<MediaContainer totalSize="%d">' % len(keys)
        connection.sendall(answer("200 OK", total + videos + b"</MediaContainer>"))

    with RawServer(respond) as server:
        assert client_for(server).read_items([1, 2, 3]).keys() == {1, 2, 3}


def test_a_server_that_announces_more_items_than_it_shows_is_asked_only_once_more() -> None:
    def respond(head: bytes, connection: socket.socket) -> None:
        video = b'<Video ratingKey="1"/>' if b"Container-Start: 0\r\n" in head else b""
        connection.sendall(answer("200 OK", b'<MediaContainer totalSize="9">' + video + b"</MediaContainer>"))

    with RawServer(respond) as server:
        assert client_for(server).read_items([1]).keys() == {1}
    assert len(server.heads) == 2


def test_a_read_of_items_makes_plex_neither_refresh_them_nor_check_their_files() -> None:
    with RawServer(answer("200 OK", b"<MediaContainer/>")) as server:
        client_for(server).read_items([1, 2])
    assert server.heads[0].startswith(b"GET /library/metadata/1,2?skipRefresh=1&checkFiles=0 HTTP/1.1")


def test_one_item_that_is_gone_does_not_hide_the_others() -> None:
    def respond(head: bytes, connection: socket.socket) -> None:
        keys = re.findall(rb"metadata/([\d,]+)", head)[0]
        body = b'<MediaContainer><Video ratingKey="%s"/></MediaContainer>' % keys
        connection.sendall(answer("200 OK", body) if keys in {b"1", b"3"} else answer("404 Not Found"))

    with RawServer(respond) as server:
        assert client_for(server).read_items([1, 2, 3]).keys() == {1, 3}


def test_a_refused_read_does_not_look_like_a_missing_item() -> None:
    with RawServer(answer("400 Bad Request")) as server, pytest.raises(PlexServerError):
        client_for(server).read_items([1])


def test_a_library_that_is_gone_is_no_scenes_fault_and_the_libraries_are_read_again() -> None:
    keys = iter((b"1", b"2"))

    def respond(head: bytes, connection: socket.socket) -> None:
        is_gone = b"/sections/1/" in head
        library = b"" if b"/all?" in head else b'<Directory key="%s" type="movie" title="Movies"/>' % next(keys)
        found = answer("200 OK", b"<MediaContainer>%s</MediaContainer>" % library)
        connection.sendall(answer("404 Not Found") if is_gone else found)

    with RawServer(respond) as server:
        client = client_for(server)
        with pytest.raises(PlexServerError, match="no longer has the library Movies"):
            list(client.sweep(client.sections()[0]))
        assert [section.key for section in client.sections()] == [2]
        assert list(client.sweep(client.sections()[0])) == []


def test_one_item_without_a_path_says_nothing_about_the_token() -> None:
    pathless, other = (b'<Video ratingKey="%d"><Media><Part%s/></Media></Video>' % one for one in (
        (1, b""), (2, b' file="/a.mp4"'),
    ))  # fmt: skip

    def respond(head: bytes, connection: socket.socket) -> None:
        if head.startswith((b"GET /library/sections?", b"GET /library/sections ")):
            shown = b'<Directory key="1" type="movie" title="Movies"/>'
        else:
            shown = pathless if b"file=" in head else pathless + other
        connection.sendall(answer("200 OK", b"<MediaContainer>" + shown + b"</MediaContainer>"))

    with RawServer(respond) as server:
        found = client_for(server).find_by_name(SECTION, "a.mp4")
    assert found
    assert (found[0].has_hidden_files, found[0].parts) == (True, ())


def test_many_items_are_read_in_several_requests_of_reasonable_length() -> None:
    def respond(head: bytes, connection: socket.socket) -> None:
        keys = re.findall(rb"metadata/([\d,]+)", head)[0].split(b",")
        videos = b"".join(b'<Video ratingKey="%s"/>' % key for key in keys)
        connection.sendall(answer("200 OK", b"<MediaContainer>" + videos + b"</MediaContainer>"))

    with RawServer(respond) as server:
        assert client_for(server).read_items(range(1_000_000, 1_000_250)).keys() == set(range(1_000_000, 1_000_250))
    assert len(server.heads) == 3
    assert max(len(head.splitlines()[0]) for head in server.heads) < 1_000


def padded(size_kb: int) -> Callable[[bytes, socket.socket], None]:
    """As many items as are asked for, each with a text of this size."""

    def respond(head: bytes, connection: socket.socket) -> None:
        line = head.split(b" ")[1].decode()
        listed = re.search(r"/metadata/([\d,]+)", line)
        start, size = (int(re.findall(rb"Container-%s: (\d+)" % name, head)[0]) for name in (b"Start", b"Size"))
        keys = [int(key) for key in listed[1].split(",")] if listed else list(range(1, 301))
        shown = keys[start : start + size]
        videos = "".join(f'<Video ratingKey="{key}" summary="{"x" * 1024 * size_kb}"/>' for key in shown)
        body = f'<MediaContainer size="{len(shown)}" totalSize="{len(keys)}">{videos}</MediaContainer>'
        connection.sendall(answer("200 OK", body.encode()))

    return respond


def test_items_that_are_too_large_for_one_answer_are_read_in_halves() -> None:
    with RawServer(padded(100)) as server:
        assert sorted(client_for(server).read_items(list(range(1, 101)))) == list(range(1, 101))


def test_a_page_that_is_too_large_is_asked_for_again_as_smaller_ones() -> None:
    with RawServer(padded(100)) as server:
        keys = [item.rating_key for item in client_for(server).sweep(SECTION)]
    assert keys == list(range(1, 301))


def test_an_item_that_is_too_large_is_a_server_error() -> None:
    with RawServer(padded(6_000)) as server, pytest.raises(PlexServerError) as raised:
        client_for(server).read_items([1, 2])
    assert raised.value.name == "PlexServerError"
    assert "larger" in str(raised.value)
