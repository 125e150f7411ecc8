"""A process that asks hostile servers and says what came of it, so that its memory can be measured.

Reads lines of JSON: which client to use, the address, and the seconds of silence that it allows. Writes one for each.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

from local.clock import Clock
from plex.client import PlexClient
from plex.connection import PlexConnection
from plex.edit import SetText
from plex.errors import PlexError
from plex.fields import Field
from plex.health import probe
from stash.client import StashClient
from stash.connection import StashConnection
from stash.errors import StashError
from tests.support.plex_items import an_item

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN = "sEcReT-t0k3n"


def plex_operations(url: str, silence_s: float) -> Mapping[str, Callable[[], object]]:
    connection = PlexConnection(url=url, token=TOKEN, connect_timeout_s=silence_s, read_timeout_s=silence_s)
    client = PlexClient(connection)
    return {
        "identity": client.identity,
        "probe": lambda: health(connection, silence_s),
        "edit": lambda: client.edit(an_item(), [SetText(field=Field.TITLE, value="A")]),
        "read": lambda: client.read_items(list(range(7, 107))),
        "sections": client.all_sections,
        "sweep": lambda: sum(1 for section in client.sections() for _ in client.sweep(section)),
        "changes": lambda: sum(1 for section in client.sections() for _ in client.changes(section)),
        "upload": lambda: client.upload_picture(7, "posters", b"x" * 100_000),
    }


def health(connection: PlexConnection, silence_s: float) -> None:
    found = probe(connection, clock=Clock(), connect_timeout_s=silence_s, read_timeout_s=silence_s)
    if found.error:
        raise found.error


def stash_operations(url: str, silence_s: float) -> Mapping[str, Callable[[], object]]:
    client = StashClient(StashConnection(url=url), timeout_s=silence_s)
    return {
        "settings": client.fetch_configuration,
        "scenes": lambda: client.read_scenes(list(range(1, 51))),
        "picture": lambda: client.fetch_picture("/scene/1/screenshot"),
    }


def outcome(operation: Callable[[], object]) -> dict[str, Any]:
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # resets the peak
    began = time.monotonic()
    try:
        operation()
        error = ""
    except (PlexError, StashError, MemoryError) as raised:
        error = f"{type(raised).__name__}: {raised}"
    return {"error": error, "took_s": time.monotonic() - began, "peak_mb": peak_mb()}


def peak_mb() -> float:
    with open("/proc/self/status", encoding="ascii") as file:
        (line,) = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))  # whatever fails, the machine does not
    for line in sys.stdin:
        given = json.loads(line)
        make = plex_operations if given["kind"] == "plex" else stash_operations
        operations = make(given["url"], given["silence_s"])
        wanted = given["only"] or list(operations)
        print(json.dumps({name: outcome(operations[name]) for name in wanted}), flush=True)


if __name__ == "__main__":
    main()
