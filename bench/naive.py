"""What a plain script does: for each scene, ask Stash, find the item in Plex by its file, send each field by itself,
and the cover.

Started as a process of its own, as the worker is: `python -m bench.naive STASH_URL PLEX_URL PLEX_TOKEN SCENES`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from pathlib import PurePosixPath
from typing import Any

from plexapi.server import PlexServer

QUERY = """
query($id: ID!) {
    findScene(id: $id) { title details studio { name } tags { name } files { path } paths { screenshot } }
}
"""


def ask_stash(url: str, scene_id: int) -> dict[str, Any]:
    body = json.dumps({"query": QUERY, "variables": {"id": str(scene_id)}}).encode()
    request = urllib.request.Request(f"{url}/graphql", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        scene: dict[str, Any] = json.load(answer)["data"]["findScene"]
    return scene


def send_cover(address: str, item: Any) -> None:
    """As poster and as background, unless it is Stash's placeholder."""
    with urllib.request.urlopen(address, timeout=30) as answer, tempfile.NamedTemporaryFile() as file:
        if answer.headers.get_content_type() == "image/jpeg":
            file.write(answer.read())
            file.flush()
            item.uploadPoster(filepath=file.name)
            item.uploadArt(filepath=file.name)


def main(stash_url: str, plex_url: str, token: str, scenes: str) -> None:
    server = PlexServer(plex_url, token)  # type: ignore[no-untyped-call]
    section = server.library.section("Movies")
    for scene_id in range(1, int(scenes) + 1):
        scene = ask_stash(stash_url, scene_id)
        path = scene["files"][0]["path"]
        found = section.fetchItems(f"/library/sections/{section.key}/all?type=1&file={PurePosixPath(path).name}")
        item = next(each for each in found if path in each.locations)
        item.editTitle(scene["title"])
        item.editSummary(scene["details"])
        item.editStudio(scene["studio"]["name"])
        item.addGenre([tag["name"] for tag in scene["tags"]])
        send_cover(scene["paths"]["screenshot"], item)


if __name__ == "__main__":
    main(*sys.argv[1:])
