"""The page inside a real Stash, in a browser: from the address of a source to scenes in Plex, and an outage."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from sim.faults import Fault
from sim.plex.simulator import PlexSim
from sim.plex_tv.simulator import PlexTvSim
from tests.support.browser import Visit, missing_browser, need, visit_to
from tests.support.checkout import Checkout
from tests.support.plugin_source import served
from tests.support.real_stash import RealStash, reason_to_skip
from tests.support.real_world import PLUGIN, TOKEN, RealWorld, stop_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("git"), reason="makes commits")
ACCOUNT = "account-token-s3cr3t"
HOSTILE = "<img src=x onerror=alert(1)>"
SCENES = 5
# Stash itself asks for files that are not there.
OURS = "/plugin/plexsync/"


@pytest.fixture
def plex_tv() -> Iterator[PlexTvSim]:
    with PlexTvSim() as sim:
        yield sim


@pytest.fixture
def world(tmp_path: Path, plex_tv: PlexTvSim) -> Iterator[RealWorld]:
    """A Stash without plugins, whose scenes have titles, and a Plex with the same files."""
    if reason_to_skip():
        pytest.skip(reason_to_skip())
    need(missing_browser())
    env = {"PLEXSYNC_NO_INSTALL": "1", "PLEXSYNC_PLEX_TV": plex_tv.url}
    with PlexSim(token=TOKEN) as plex, RealStash(tmp_path / "home", scenes=SCENES, env=env) as stash:
        made = RealWorld(stash, plex, stash.plugins / PLUGIN / "data")
        for scene in made.keys:
            stash.update_scene(scene, title=f"Title {scene}")
        address = [(plex.url, True)]
        plex_tv.add_server(
            ACCOUNT, name="Home", machine_identifier=plex.machine_identifier, token=TOKEN, addresses=address
        )
        try:
            yield made
        finally:
            stop_worker(made.data)


def test_a_new_user_needs_nothing_but_the_address_of_a_source(
    world: RealWorld, plex_tv: PlexTvSim, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path / "source")
    assert checkout.package().returncode == 0
    with served(checkout.dist) as address, visit_to(world.stash.url, about=OURS) as visit:
        install(visit, address)
        set_up(visit, plex_tv)
        visit.tab("Tasks")
        visit.press("Run Sync All Scenes")
        world.wait_until(lambda: all(world.item(scene).title == f"Title {scene}" for scene in world.keys))
        visit.wait_for_text(f"All {SCENES} scenes are in Plex.")
        see_an_outage_come_and_go(visit, world)
        see_the_scene(visit, world)
        assert visit.violations() == []


def install(visit: Visit, address: str) -> None:
    """As docs/install.md says."""
    page = visit.page
    visit.open("/settings?tab=plugins")
    visit.press("Close")  # the release notes
    page.get_by_role("button", name="Add Source").last.click()
    page.get_by_placeholder("Name").fill("PlexSync")
    page.get_by_placeholder("Source URL").fill(address)
    visit.press("Confirm")
    packages: Any = page.locator(".available-packages")
    packages.get_by_text("PlexSync").click()
    packages.locator(".package-cell").get_by_text("PlexSync", exact=True).wait_for()
    packages.locator("tr", has=page.locator(".package-cell")).locator("input[type=checkbox]").check()
    packages.get_by_role("button", name="Install").click()
    page.locator(".installed-packages").get_by_text("PlexSync", exact=True).wait_for()


def set_up(visit: Visit, plex_tv: PlexTvSim) -> None:
    """Sign in on the page, and see every step pass."""
    visit.open("/settings?tab=tools")  # Stash loads the scripts of plugins with each page that it loads anew
    visit.page.get_by_role("link", name="PlexSync", exact=True).click()
    visit.wait_for_text("No scene has been pushed yet.")
    visit.tab("Set-up")
    visit.wait_for_text("✗ Plex address")
    visit.press("Sign in to Plex")
    plex_tv.enter(visit.page.locator(".plexsync-code").inner_text(), ACCOUNT)
    visit.wait_for_text("✓ Worker")
    visit.wait_for_text(f"Found {SCENES} of {SCENES} scenes in Plex")


def see_an_outage_come_and_go(visit: Visit, world: RealWorld) -> None:
    off = world.plex.fault(Fault.refused())
    visit.wait_for_text("Plex has not answered since")
    world.stash.update_scene(1, title=HOSTILE)
    visit.wait_for_text("1 scene waits. Next check in")
    visit.page.get_by_role("link", name="PlexSync: Plex is down").wait_for()
    world.plex.heal(off)
    visit.wait_for_text(f"All {SCENES} scenes are in Plex.")
    assert world.item(1).title == HOSTILE


def see_the_scene(visit: Visit, world: RealWorld) -> None:
    visit.open("/scenes/1")
    visit.tab("Plex")
    visit.press("Compare with Plex")
    visit.page.get_by_role("cell", name=HOSTILE).first.wait_for()
    visit.press("Push now")
    visit.wait_for_text("Done: unchanged.")
    assert world.item(1).title == HOSTILE
