"""The documents' pictures of PlexSync's own page, taken in a browser on a real Stash with scenes in each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.faults import Fault
from tests.support.browser import visit_to

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.browser import Visit
    from tests.support.real_world import RealWorld

SET_UP, NEEDS_YOU, OUTAGE, SCENE = NAMES = ("page-set-up.png", "page-needs-you.png", "page-outage.png", "scene-tab.png")
WIDTH: Final = 1000
TITLES: Final = ("Lake at dawn", "Night train", "The long way home", "Two rivers", "Harbour lights", "First snow")
REFUSED, LACKING, EDITED = 4, 5, 1


def take_all(world: RealWorld, target: Path) -> None:
    """Needs a world with a scene for each title, whose plugin is configured."""
    fill(world)
    with visit_to(world.stash.url, width=WIDTH, about="/plugin/plexsync/") as visit:
        look_at_setup(visit, target)
        look_at_needs(visit, target)
        look_at_scene(visit, target)
        look_at_outage(visit, world, target)


def fill(world: RealWorld) -> None:
    """All but two scenes are in Plex: it refuses one, and lacks another."""
    covers = {"covers": True, "overwrite": True}
    query = "mutation($i: GenerateMetadataInput!) { metadataGenerate(input: $i) }"
    (world.stash.home / "generated" / "tmp").mkdir(parents=True, exist_ok=True)
    world.stash.wait_for_job(world.stash.gql(query, {"i": covers})["metadataGenerate"])
    world.plex.remove_item(world.keys[LACKING])
    world.plex.fault(Fault.answer(400), method="PUT", rating_key=world.keys[REFUSED])
    for scene, title in enumerate(TITLES, 1):
        world.stash.update_scene(scene, title=title, details=f"What {title} is about.")
    world.wait_until(lambda: world.operation("queue_status")["queue"]["dead_letters"] == 1)


def look_at_setup(visit: Visit, target: Path) -> None:
    visit.open()
    visit.press("Close")  # the release notes of Stash
    visit.tab("Set-up")
    visit.wait_for_text("✓ Worker")
    take(visit, target / SET_UP)


def look_at_needs(visit: Visit, target: Path) -> None:
    visit.tab("Needs you")
    for name in ("Plex refused the change", "Plex does not have the file"):
        visit.page.locator("h2 button", has_text=name).click()
    for title in (TITLES[REFUSED - 1], TITLES[LACKING - 1]):
        visit.page.get_by_role("link", name=title).wait_for()
    take(visit, target / NEEDS_YOU)


def look_at_scene(visit: Visit, target: Path) -> None:
    visit.open(f"/scenes/{EDITED}")
    visit.tab("Plex")
    visit.press("Compare with Plex")
    visit.page.get_by_role("cell", name=TITLES[EDITED - 1]).first.wait_for()
    take(visit, target / SCENE)


def look_at_outage(visit: Visit, world: RealWorld, target: Path) -> None:
    visit.open()
    visit.tab("Availability")
    world.plex.fault(Fault.refused())
    visit.wait_for_text("Plex has not answered since")
    world.stash.update_scene(EDITED, title="Lake at dusk")
    visit.wait_for_text("still going on")
    take(visit, target / OUTAGE)


def take(visit: Visit, path: Path) -> None:
    """What PlexSync shows, without the rest of Stash's page."""
    visit.page.wait_for_load_state("networkidle")
    visit.page.locator(".plexsync").first.screenshot(path=path)
