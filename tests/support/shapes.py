"""The shapes of trouble that no probe sees: which requests fail, and how, while everything else is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.faults import Fault, is_write
from tests.support.outage_world import is_of_probe
from tests.support.plugin_world import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.faults import Request
    from tests.support.outage_world import OutageWorld

    End = Callable[[], None]
    # Begins the trouble, for all scenes or for this one alone, and returns a function that ends it.
    Begin = Callable[[OutageWorld, int | None], End]

SHARED_TOKEN = "token-of-a-shared-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`stops` and `says`: the status meanwhile. `outages`: on record afterwards. `takes_effect`: Plex makes the change
    all the same, so that a second try finds nothing to do. `is_common`: tried in every run of the tests. `can_hit_one`:
    it may be the trouble of a single scene. `can_begin_later`: it hits jobs also if other jobs have been done before.
    """

    name: str
    begin: Begin
    stops: str = "circuit"
    says: str = "Plex shows items but takes no changes"
    outages: int = 1
    takes_effect: bool = False
    is_common: bool = True
    can_hit_one: bool = True
    can_begin_later: bool = True


def fails_to_write(fault: Fault) -> Begin:
    """Every request that changes something fails; everything is read."""
    return plex_fails(fault, is_write)


def fails_to_show_items(fault: Fault) -> Begin:
    """No single item is read; libraries are listed."""
    return plex_fails(fault, lambda request: request.method == "GET" and bool(request.rating_keys))


def plex_fails(fault: Fault, hits: Callable[[Request], bool]) -> Begin:
    """Plex fails at the requests that this hits."""

    def begin(world: OutageWorld, only: int | None) -> End:
        key = world.keys[only] if only else 0
        rule = world.plex.fault(fault, when=lambda each: hits(each) and (not only or key in each.rating_keys))
        return lambda: world.plex.heal(rule)

    return begin


def fails_to_find_items(fault: Fault) -> Begin:
    """No item is found by its file, and no library is listed item by item; the probe reads the first ones."""

    def begin(world: OutageWorld, _only: int | None) -> End:
        rule = world.plex.fault(fault, method="GET", when=lists_items)
        return lambda: world.plex.heal(rule)

    return begin


def lists_items(request: Request) -> bool:
    """Whether a library is listed, other than by a probe."""
    return request.path.endswith("/all") and not is_of_probe(request)


def has_token_of_a_shared_user(status: int) -> Begin:
    """The token reads everything, and Plex refuses each of its edits."""

    def begin(world: OutageWorld, _only: int | None) -> End:
        token = f"{SHARED_TOKEN}-{status}"
        world.plex.add_user(token, edit_status=status)
        world.configure(plex_token=token)
        return lambda: world.configure(plex_token=TOKEN)

    return begin


def stash_describes_no_scene(fault: Fault) -> Begin:
    """Stash answers with its settings and lists, but fails on each scene."""

    def begin(world: OutageWorld, only: int | None) -> End:
        name = f"s{only}:" if only else ""
        rule = world.stash.fail(fault, when=lambda each: asks_for_scenes(each) and name in each.first("query"))
        return lambda: world.stash.heal(rule)

    return begin


def asks_for_scenes(request: Request) -> bool:
    """Whether Stash is asked to describe scenes."""
    return "PlexSyncScene" in request.first("query")


def graphql_error(message: str, *, status: int = 200) -> Fault:
    """Stash's answer where a resolver fails."""
    body = json.dumps({"errors": [{"message": message}], "data": None}).encode()
    return replace(Fault.answer(status, body=body), content_type="application/json")


def shapes() -> Iterator[Shape]:
    """Trouble that all scenes meet."""
    yield from _of_writes()
    yield from _of_reads()
    yield from _of_scenes()


def _of_writes() -> Iterator[Shape]:
    for name, fault in (
        ("500", Fault.answer(500)),
        ("503", Fault.answer(503)),
        ("dropped", Fault.dropped()),
        ("hang", Fault.hang()),
        ("dropped after it took effect", Fault.dropped(after=True)),
        ("cut short", Fault.truncated()),
        ("400", Fault.answer(400)),
        ("404", Fault.answer(404)),
        ("405", Fault.answer(405)),
        ("a web page", Fault.html()),
    ):
        yield Shape(name=f"writes: {name}", begin=fails_to_write(fault), takes_effect=fault.after)
    for status in (401, 403):
        yield Shape(
            name=f"writes: {status}", begin=fails_to_write(Fault.answer(status)), stops="auth",
            says="Plex refuses every change", outages=0,
        )  # fmt: skip
        yield Shape(
            name=f"shared user: {status}", begin=has_token_of_a_shared_user(status), stops="auth",
            says="this token may read but not edit", outages=0, can_hit_one=False,
        )  # fmt: skip


def _of_reads() -> Iterator[Shape]:
    says = "Plex answers but shows no items"
    for name, fault, is_common in (
        ("500", Fault.answer(500), True),
        ("dropped", Fault.dropped(), True),
        ("400", Fault.answer(400), False),
        ("403", Fault.answer(403), False),
        ("hang", Fault.hang(), False),
        ("cut short", Fault.truncated(), False),
        ("a web page", Fault.html(), False),
    ):
        yield Shape(name=f"items: {name}", begin=fails_to_show_items(fault), says=says, is_common=is_common)
    for name, fault in (("500", Fault.answer(500)), ("404", Fault.answer(404)), ("a web page", Fault.html())):
        begin = fails_to_find_items(fault)
        yield Shape(
            name=f"lists: {name}", begin=begin, says=says, is_common=False, can_hit_one=False, can_begin_later=False
        )


def _of_scenes() -> Iterator[Shape]:
    for name, fault, is_common in (
        ("error", graphql_error("disk I/O error"), True),
        ("500", Fault.answer(500), True),
        ("dropped", Fault.dropped(), False),
        ("a web page", Fault.html(), False),
    ):
        yield Shape(
            name=f"scenes: {name}", begin=stash_describes_no_scene(fault), stops="stash",
            says="Stash answers, but not about scenes", outages=0, is_common=is_common,
        )  # fmt: skip
