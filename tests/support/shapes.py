"""The shapes of trouble that no probe sees: which requests fail, and how, while everything else is answered."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sim.faults import Fault, is_write
from tests.support.plugin_world import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.faults import Request
    from tests.support.outage_world import OutageWorld

    End = Callable[[], None]

SHARED_TOKEN = "token-of-a-shared-user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`begin` returns a function that ends the trouble. `stops` and `says`: the status meanwhile. `outages`: on record
    afterwards. `takes_effect`: Plex makes the change all the same, so that a second try finds nothing to do.
    """

    name: str
    begin: Callable[[OutageWorld], End]
    stops: str = "circuit"
    says: str = "Plex shows items but takes no changes"
    outages: int = 1
    takes_effect: bool = False


def fails_to_write(fault: Fault) -> Callable[[OutageWorld], End]:
    """Every request that changes something fails; everything is read."""

    def begin(world: OutageWorld) -> End:
        rule = world.plex.fault(fault, when=is_write)
        return lambda: world.plex.heal(rule)

    return begin


def fails_to_show_items(fault: Fault) -> Callable[[OutageWorld], End]:
    """No single item is read; libraries are listed."""

    def begin(world: OutageWorld) -> End:
        rule = world.plex.fault(fault, method="GET", path="/library/metadata")
        return lambda: world.plex.heal(rule)

    return begin


def has_token_of_a_shared_user(status: int) -> Callable[[OutageWorld], End]:
    """The token reads everything, and Plex refuses each of its edits."""

    def begin(world: OutageWorld) -> End:
        token = f"{SHARED_TOKEN}-{status}"
        world.plex.add_user(token, edit_status=status)
        world.configure(plex_token=token)
        return lambda: world.configure(plex_token=TOKEN)

    return begin


def stash_describes_no_scene(fault: Fault) -> Callable[[OutageWorld], End]:
    """Stash answers with its settings and lists, but fails on each scene."""

    def begin(world: OutageWorld) -> End:
        rule = world.stash.fail(fault, when=asks_for_scenes)
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
            says="this token may read but not edit", outages=0,
        )  # fmt: skip
    for name, fault in (("500", Fault.answer(500)), ("dropped", Fault.dropped())):
        yield Shape(name=f"items: {name}", begin=fails_to_show_items(fault), says="Plex answers but shows no items")
    for name, fault in (("error", graphql_error("disk I/O error")), ("500", Fault.answer(500))):
        yield Shape(
            name=f"scenes: {name}", begin=stash_describes_no_scene(fault), stops="stash",
            says="Stash answers, but not about scenes", outages=0,
        )  # fmt: skip
