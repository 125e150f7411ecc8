"""Makes the pictures of the documents anew: a real Stash with the package, a simulated Plex, and Chromium as the eye.

`PLEXSYNC_TEST_STASH=… .venv/bin/python -m tests.support.pictures`. Needs git, ffmpeg, Chromium and node.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sim.plex.simulator import PlexSim
from tests.support import page_pictures
from tests.support.browser import missing_browser
from tests.support.checkout import Checkout
from tests.support.plugin_source import PluginSource, served
from tests.support.real_stash import RealStash, reason_to_skip
from tests.support.real_world import PLUGIN, TOKEN, RealWorld, stop_worker
from tests.support.reference import DOCS

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER: Final = DOCS / "pictures"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTH: Final = 900
# The page loads, and what a click opens, long before this time of its own clock has passed.
PAGE_TIME_MS: Final = 15_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`tab`: of Stash's settings. `hidden`: CSS selectors of what is not shown. `click`: JavaScript, for a click."""

    name: str
    tab: str
    height: int
    hidden: tuple[str, ...] = ()
    click: str = ""


EVERYWHERE: Final = (".modal", ".modal-backdrop", ".top-nav", "#settings-menu-container")
FROM_THE_EDGE: Final = (
    "body, #settings-container { margin: 0 !important; padding: 5px !important; flex: none; max-width: 100% }"
)
SOURCE: Final = Picture(
    name="source.png", tab="plugins", height=340,
    hidden=(".setting-section:not(:has(.available-packages))",),
    click="""const rows = [...document.querySelectorAll(".available-packages .package-cell")];
        if (!rows.length) document.querySelector(".available-packages .source-collapse button")?.click();
        if (rows.length && !window.isSelected) { window.isSelected = true; rows[0].click(); }""",
)  # fmt: skip
SETTINGS: Final = Picture(
    name="settings.png", tab="plugins", height=425,
    hidden=(
        ".setting-section:has(.package-manager-toolbar)", ".setting:has(h6)", ".plexsync-in-settings > p",
        ".plexsync-field:not(:has(#plexsync-setting-plex_url, #plexsync-setting-plex_token))", ".plexsync-save",
        ".plexsync-part:not([open])",
    ),
)  # fmt: skip
HEALTH_CHECK: Final = Picture(
    name="health-check.png", tab="logs", height=230, hidden=("h2", ".job-table", ".logs > :nth-child(n + 2)")
)
NAMES: Final = (SOURCE.name, SETTINGS.name, HEALTH_CHECK.name, *page_pictures.NAMES)


def main() -> int:
    """Make all pictures; return the exit code."""
    if reason := reason_for_none():
        sys.stderr.write(f"{reason}\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        make_all(Path(folder), FOLDER)
    return 0


def reason_for_none() -> str:
    """Why no pictures can be made here; empty if they can."""
    return reason_to_skip() or missing_browser() or ("" if browser() else "there is no Chromium")


def browser() -> str:
    """The path of a browser; empty if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), "")


def make_all(folder: Path, target: Path) -> None:
    """Make all pictures in the folder `target`. `folder`: an empty one for everything else."""
    checkout = Checkout(folder)
    assert checkout.package().returncode == 0
    with (
        served(checkout.dist) as url,
        PlexSim(token=TOKEN) as plex,
        RealStash(folder / "home", scenes=6, env={"PLEXSYNC_NO_INSTALL": "1"}) as stash,
    ):
        world, source = RealWorld(stash, plex, stash.plugins / PLUGIN / "data"), PluginSource(stash, url)
        eye = Eye(stash, folder / "browser", target)
        try:
            eye.look(SOURCE)
            source.install(PLUGIN)
            stash.configure_plugin(PLUGIN, plex_url="http://192.168.1.10:32400", plex_token="x" * 20)
            eye.look(SETTINGS)
            world.configure()
            stash.run_task(PLUGIN, "Health Check")
            eye.look(HEALTH_CHECK)
            eye.let_be()
            page_pictures.take_all(world, target)
        finally:
            stop_worker(world.data)


class Eye:
    """Takes pictures of the pages of a Stash."""

    def __init__(self, stash: RealStash, profile: Path, target: Path) -> None:
        self._stash, self._profile, self._target = stash, profile, target
        self._target.mkdir(exist_ok=True)

    def look(self, picture: Picture) -> None:
        hidden = ", ".join((*EVERYWHERE, *picture.hidden))
        change = {
            "css": f"{hidden} {{ display: none !important }}\n{FROM_THE_EDGE}", "cssEnabled": True,
            "javascript": f"setInterval(() => {{ {picture.click} }}, 100);", "javascriptEnabled": True,
        }  # fmt: skip
        self._change(change)
        command = [
            browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={self._profile}", f"--screenshot={self._target / picture.name}",
            f"--window-size={WIDTH},{picture.height}", f"--virtual-time-budget={PAGE_TIME_MS}",
            f"{self._stash.url}/settings?tab={picture.tab}",
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, timeout=120)

    def let_be(self) -> None:
        """Stash's pages are as usual again."""
        self._change({"cssEnabled": False, "javascriptEnabled": False})

    def _change(self, change: Mapping[str, object]) -> None:
        query = "mutation($i: ConfigInterfaceInput!) { configureInterface(input: $i) { cssEnabled } }"
        self._stash.gql(query, {"i": change})


if __name__ == "__main__":
    raise SystemExit(main())
