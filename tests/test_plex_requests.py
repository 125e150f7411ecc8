"""docs/plex-requests.md lists every request that the program can send to Plex, and nothing else.

Each public method of PlexClient is called with every combination of ARGUMENTS against the simulated Plex, whose log is
compared with the rows of the document.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.errors import PlexError
from plex.fields import LISTS, Field, Value
from plex.model import Role, Section
from plex.plan import Owned, Wanted, plan
from sim.plex.simulator import PlexSim
from tests.support.plex_items import an_item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from plex.edit import Change
    from sim.faults import Request

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "plex-requests.md"
TOKEN = "right"
NOTHING = "—"
EVIDENCE: Final = ("documented", "recorded", "plexapi", "reported")
# What the HTTP library adds to the program's own headers.
OF_HTTP: Final = frozenset({"host", "connection", "accept-encoding", "content-length"})

# Method, path and parameter ("—": the request as such); keys of libraries and items are `{key}`, counts `[i]`.
Row = tuple[str, str, str]

ITEM = an_item(
    rating_key=1,
    actors=("Second", "First", "Third"),
    roles=(
        Role(name="Second", text="Batman", thumb="http://stash/2"),
        Role(name="First", text="", thumb=""),
        Role(name="Third", text="", thumb=""),
    ),
)
WORDS: Final = {Field.DATE: "2004-03-01", Field.RATING: "8"}
SECTION = Section(key=1, title="Movies", type="movie", locations=("/media",))


def values(*names: str) -> dict[Field, Value]:
    return {field: names if field in LISTS else WORDS.get(field, "text") for field in Field}


def steps_of_edits() -> Iterator[Sequence[Change]]:
    """The steps of edits: one sets all fields, one reorders the actors and adds pictures, one empties all lists."""
    wanted = Wanted(values=values("First", "Second"), file_stem="a", pictures={"First": "http://stash/1"})
    none = Wanted(values={field: () if field in LISTS else "" for field in Field}, file_stem="a")
    full = replace(ITEM, directors=("First",), genres=("First",), collections=("First",))
    yield from plan(ITEM, wanted, Owned(pushed=values("Second", "First")), keep_plex_edits=False).steps
    yield from plan(full, none, Owned(pushed=values("First")), keep_plex_edits=False).steps


# By parameter name, the values to call methods with. A parameter that is not here keeps its default.
ARGUMENTS: Final[dict[str, Sequence[object]]] = {
    "changes": tuple(steps_of_edits()),
    "content": (b"\xff\xd8\xff a picture",),
    "fields": (("art", "collection", "thumb"),),
    "file_name": ("a.mp4",),
    "folder": ("/media/folder",),
    "item": (ITEM,),
    "key": ("upload://posters/1",),
    "kind": ("posters", "arts"),
    "rating": ("8", ""),
    "rating_key": (1,),
    "rating_keys": ((1, 2),),
    "section": (SECTION,),
    "section_key": (1,),
    "sections": ((SECTION,),),
    "since": (None, 1),
    "text": ("/media/a.mp4",),
}


def public_methods() -> list[str]:
    """All but `send_edit`, which takes what `prepare_edit` returns; `edit` calls both."""
    names = [name for name, _ in inspect.getmembers(PlexClient, inspect.isfunction) if not name.startswith("_")]
    names.remove("send_edit")
    return names


def calls_of(method: str) -> Iterator[dict[str, object]]:
    """Every combination of arguments."""
    wanted = list(inspect.signature(getattr(PlexClient, method)).parameters.values())[1:]
    given = [one.name for one in wanted if one.name in ARGUMENTS]
    lacking = [one.name for one in wanted if one.name not in given and one.default is one.empty]
    assert not lacking, f"say in ARGUMENTS with which {lacking} to call PlexClient.{method}"
    for chosen in itertools.product(*(ARGUMENTS[name] for name in given)):
        yield dict(zip(given, chosen, strict=True))


def call(sim: PlexSim, method: str, arguments: dict[str, object]) -> None:
    """Call the method of a new client, which knows nothing yet. A request that Plex refuses was sent all the same."""
    client = PlexClient(PlexConnection(url=sim.url, token=TOKEN))
    with suppress(PlexError):
        answer: Any = getattr(client, method)(**arguments)
        if isinstance(answer, Iterator):
            list(answer)
    client.close()


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """Every request that the client can send."""
    with PlexSim(token=TOKEN) as sim:
        sim.add_section("Movies", locations=["/media"])
        for name in "ab":
            sim.add_item(1, files=[(f"/media/{name}.mp4", 1)])
        for method in public_methods():
            for arguments in calls_of(method):
                call(sim, method, arguments)
        return sim.requests


def rows_of(request: Request) -> Iterator[Row]:
    path = re.sub(r"/\d[\d,]*(?=/|$)", "/{key}", request.path)
    for name in (NOTHING, *(re.sub(r"\[\d+\]", "[i]", name) for name, _ in request.query)):
        yield request.method, path, name


def table(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head and without code marks around a whole cell."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if line.startswith("|")][2:]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell.strip()) for cell in cells] for cells in lines]


def documented() -> list[Row]:
    return [(method, path, parameter) for method, path, parameter, _why, _rests_on in table("Requests")]


def as_lines(rows: set[Row]) -> str:
    return "\n".join(f"| {method} | `{path}` | `{parameter}` | … | … |" for method, path, parameter in sorted(rows))


def test_every_request_and_parameter_has_its_row(requests: list[Request]) -> None:
    missing = {row for request in requests for row in rows_of(request)} - set(documented())
    assert not missing, f"sent, but not in {DOCUMENT.name}:\n{as_lines(missing)}"


def test_every_row_describes_something_that_is_sent(requests: list[Request]) -> None:
    unsent = set(documented()) - {row for request in requests for row in rows_of(request)}
    assert not unsent, f"in {DOCUMENT.name}, but sent by nothing:\n{as_lines(unsent)}"


def test_no_row_occurs_twice() -> None:
    assert sorted(documented()) == sorted(set(documented()))


def test_every_header_has_its_row(requests: list[Request]) -> None:
    sent = {name for request in requests for name in request.headers} - OF_HTTP
    assert sent == {name.lower() for name, *_ in table("Headers")}


def test_every_read_except_the_identity_names_its_page(requests: list[Request]) -> None:
    named = {"x-plex-container-start", "x-plex-container-size"}
    reads = [each for each in requests if each.method == "GET" and not each.path.endswith("/refresh")]
    assert {each.path for each in reads if not named & each.headers} == {"/identity"}
    assert all(named <= each.headers for each in reads if named & each.headers)


@pytest.mark.parametrize("heading", ["Requests", "Headers"])
def test_every_row_says_why_and_what_it_rests_on(heading: str) -> None:
    for *_, name, why, rests_on in table(heading):
        assert why, name
        is_known = any(word in rests_on for word in EVIDENCE)
        assert is_known or re.search(r"unknown; guarded: \w+", rests_on), f"{name}: {rests_on}"


def test_only_the_client_sends_requests() -> None:
    is_import = re.compile(r"^from plex\.transport import .*\bTransport\b", re.MULTILINE)
    files = [path for path in ROOT.glob("*/*.py") if is_import.search(path.read_text(encoding="utf-8"))]
    assert [path.relative_to(ROOT).as_posix() for path in files] == ["plex/client.py"]
