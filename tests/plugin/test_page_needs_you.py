"""The page's tab Needs you beyond pushing again, and the marks on the cards of scenes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.browser import browse

if TYPE_CHECKING:
    from tests.support.browser import Visit
    from tests.support.plugin_world import PluginWorld

HOSTILE = "<img src=x onerror=alert(1)>"
REFUSED = "Plex refused the change: 1 scene given up"
LOOK_NOW = "() => document.dispatchEvent(new Event('visibilitychange'))"


@pytest.fixture
def troubled(world: PluginWorld) -> PluginWorld:
    """One scene is refused by Plex, and Plex has no file for another one, which nobody waits for."""
    world.configure(skip_missing=True)
    refused = world.add_scene(title=HOSTILE)
    lost = world.stash.add_scene("/media/lost.mp4", 5, title="lost")
    # Catch-up takes a new file for a change of the scene, which ends the ignoring.
    world.stash.library.scene(lost).files[0].updated_at = "2020-01-01T00:00:00Z"
    world.plex.fault(Fault.answer(400), method="PUT", rating_key=world.keys[refused])
    world.edit_at_once({refused: HOSTILE, lost: "lost"})
    world.wait_until(lambda: "Rejected" in world.log_text(), "the dead letter")
    world.settle_later()
    return world


def group(visit: Visit, name: str) -> None:
    visit.page.locator("h2 button", has_text=name).click()


def test_a_scene_is_ignored_by_keyboard_and_brought_back(troubled: PluginWorld) -> None:
    with browse(troubled) as visit:
        visit.open()
        group(visit, REFUSED)
        ignore = visit.page.get_by_role("button", name=f"Ignore: {HOSTILE}", exact=True)
        ignore.wait_for()
        troubled.stash.fail(Fault.answer(500), when=lambda request: request.path == "/graphql")
        ignore.click()
        visit.page.locator(".plexsync-bad", has_text="Stash answered with 500.").wait_for()
        troubled.stash.heal()
        visit.page.get_by_role("alert").first.wait_for(state="detached")
        visit.console.clear()  # the browser reports each answer of 500
        ignore.focus()
        visit.page.keyboard.press("Enter")
        visit.wait_for_text("1 scene ignored.")
        visit.page.locator("h2 button", has_text=REFUSED).wait_for(state="detached")
        visit.page.locator(".plexsync-sign", has_text="Needs you: 1").wait_for()
        visit.wait_for_text("1 is ignored. 1 scene needs you.")
        assert visit.page.evaluate("document.activeElement.textContent") == "1 scene ignored.Undo"
        assert visit.violations() == []
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        visit.wait_for_text("1 scene no longer ignored.")
        visit.page.locator("h2 button", has_text=REFUSED).wait_for()


def test_a_whole_group_is_ignored_and_shown_at_the_end(troubled: PluginWorld) -> None:
    with browse(troubled, width=390) as visit:
        visit.open()
        group(visit, "Not in Plex: 1 scene")
        visit.press("Look in Plex: lost")
        visit.wait_for_text("Plex has no item with the file /media/lost.mp4")
        visit.press("Push all of them again: Not in Plex: 1 scene")
        visit.wait_for_text("1 scene queued.")
        troubled.wait_idle()
        for name in ("Not in Plex: 1 scene", REFUSED):
            visit.press(f"Ignore all of them: {name}")
            visit.page.locator("h2 button", has_text=name).wait_for(state="detached")
        visit.wait_for_text("Nothing needs you")
        visit.page.locator(".plexsync-sign").wait_for(state="detached")
        group(visit, "Ignored: 2 scenes")
        visit.page.get_by_role("link", name=HOSTILE).wait_for()
        assert visit.violations() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390
        visit.press("Stop ignoring: lost")
        visit.page.locator("h2 button", has_text="Not in Plex: 1 scene").wait_for()
        visit.press("Stop ignoring all of them: Ignored: 1 scene")
        visit.page.locator("h2 button", has_text=REFUSED).wait_for()


def test_the_cards_of_scenes_in_need_are_marked_with_one_question(troubled: PluginWorld) -> None:
    world = troubled
    world.add_scenes(20)
    with browse(world) as visit:
        visit.open("/scenes")
        marks = visit.page.locator(".scene-card", has=visit.page.locator(".plexsync-mark"))
        visit.page.locator(".plexsync-mark").nth(1).wait_for()
        assert sorted(text.split("\n")[0] for text in marks.all_inner_texts()) == ["Not in Plex", "Plex: given up"]
        assert visit.operations.count("marks") <= visit.operations.count("overview")
        world.stash.operation(mode="ignore", scene_ids=[1, 2])
        visit.page.evaluate(LOOK_NOW)
        visit.page.locator(".plexsync-mark").first.wait_for(state="detached")
        before = visit.operations.count("marks")
        visit.page.evaluate(LOOK_NOW)
        visit.page.wait_for_timeout(500)
        assert visit.operations.count("marks") == before  # nothing needs anybody
