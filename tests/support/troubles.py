"""The ways in which a Plex goes away, for the tests of outages; each begins and ends."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.faults import Request
    from tests.support.plugin_world import PluginWorld

NAME_SERVICE = Path(__file__).parent / "name_service"
HERE = "127.0.0.1"
# The kernel answers "network is unreachable" to a TCP connection to a broadcast address; no packet is sent.
UNREACHABLE = "127.255.255.255"
NO_ADDRESS = ""
FLAPS_EVERY_S = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What may be wrong with Plex. Either a `fault` of every request, or `start`, which returns a function that ends
    it.

    `stops`: the reason why the drain stops meanwhile, as View Queue Status names it; "" if it is too brief to tell.
    """

    name: str
    fault: Fault | None = None
    start: Callable[[PluginWorld], Callable[[], None]] | None = None
    stops: str = "circuit"

    def begin(self, world: PluginWorld) -> Callable[[], None]:
        """Begin now; call the returned function to end it."""
        if self.start:
            return self.start(world)
        assert self.fault
        rule = world.plex.fault(self.fault)
        return lambda: world.plex.heal(rule)

    def begin_in_a_put(self, world: PluginWorld, edit: Callable[[], None]) -> Callable[[], None]:
        """Begin with the PUT of this edit, which takes effect but whose answer is lost; returns once it has arrived."""
        begun = threading.Event()

        def from_now_on(request: Request) -> bool:
            if request.method == "PUT":
                begun.set()
            return begun.is_set()

        if self.fault and self.fault.kind is not FaultKind.REFUSED:
            rule = world.plex.fault(replace(self.fault, after=True), when=from_now_on)
            edit()
            assert begun.wait(30), "no PUT has come"
            return lambda: world.plex.heal(rule)
        held = world.plex.fault(Fault.hang(after=True), method="PUT", times=1)
        edit()
        assert world.plex.wait_for_requests(1, timeout_s=30, when=lambda request: request.method == "PUT")
        end = self.begin(world)
        world.plex.heal(held)
        return end


def _address(address: str) -> Callable[[PluginWorld], Callable[[], None]]:
    def start(world: PluginWorld) -> Callable[[], None]:
        file = address_file(world)
        file.write_text(address)
        cut = world.plex.fault(Fault.refused())  # an open connection would outlive the change

        def end() -> None:
            world.plex.heal(cut)
            file.write_text(HERE)

        return end

    return start


def _other_token(world: PluginWorld) -> Callable[[], None]:
    right, world.plex.token = world.plex.token, "another-token"

    def end() -> None:
        world.plex.token = right

    return end


def _flapping(world: PluginWorld) -> Callable[[], None]:
    is_over = threading.Event()

    def flap() -> None:
        while not is_over.is_set():
            rule = world.plex.fault(Fault.refused())
            is_over.wait(FLAPS_EVERY_S)
            world.plex.heal(rule)
            is_over.wait(FLAPS_EVERY_S)

    thread = threading.Thread(target=flap)
    thread.start()

    def end() -> None:
        is_over.set()
        thread.join()

    return end


def address_file(world: PluginWorld) -> Path:
    """The file with the address of the host `plex.test`."""
    return Path(world.env["PLEX_TEST_ADDRESS"])


def troubles() -> Iterator[Trouble]:
    """All of them."""
    yield Trouble(name="connection refused", fault=Fault.refused())
    yield Trouble(name="host unreachable", start=_address(UNREACHABLE))
    yield Trouble(name="name not found", start=_address(NO_ADDRESS))
    yield Trouble(name="hang", fault=Fault.hang())
    yield Trouble(name="starting", fault=Fault.starting(identity=False))
    yield Trouble(name="database starting", fault=Fault.starting())
    yield Trouble(name="500 on everything", fault=Fault.answer(500))
    yield Trouble(name="connection dropped", fault=Fault.dropped())
    yield Trouble(name="truncated answers", fault=Fault.truncated())
    yield Trouble(name="token rejected", start=_other_token, stops="auth")
    yield Trouble(name="429 with Retry-After", fault=Fault.busy("20"), stops="busy")
    yield Trouble(name="flapping", start=_flapping, stops="")
