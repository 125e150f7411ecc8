"""The page inside Stash, in a real browser: what it says, what can be done on it, and that it harms nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sim.faults import Fault
from tests.support.browser import browse
from tests.support.plugin_world import TOKEN

if TYPE_CHECKING:
    from tests.plugin.conftest import MakeWorld
    from tests.support.browser import Visit
    from tests.support.plugin_world import PluginWorld

HOSTILE = "<img src=x onerror=alert(1)>"
TABS = ("Needs you", "Differences", "Availability", "Set-up", "Settings", "Tasks")


def settings_of(world: PluginWorld) -> dict[str, object]:
    all_plugins = world.stash.gql("query { configuration { plugins } }")["configuration"]["plugins"]
    return dict(all_plugins["plexsync"])


def sentence(visit: Visit) -> str:
    return str(visit.page.locator(".plexsync-sentence").inner_text())


def progress(visit: Visit) -> str:
    return str(visit.page.locator(".plexsync-progress p").inner_text())


def test_from_new_to_pushed_the_sentence_says_how_things_are(world: PluginWorld) -> None:
    scenes = world.add_scenes(2)
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("No scene has been pushed yet.")
        world.edit_at_once(dict.fromkeys(scenes, HOSTILE))
        visit.wait_for_text("All 2 scenes are in Plex.")
        visit.open()  # a reload
        visit.wait_for_text("All 2 scenes are in Plex.")
        assert visit.operations.count("wake") == 2
        assert visit.page.locator(".plexsync-sign").count() == 0


@pytest.fixture
def pushed(make_world: MakeWorld) -> tuple[PluginWorld, int]:
    """A world in real time, and its only scene, which is in Plex."""
    world = make_world(time_scale=1)
    (scene,) = world.add_scenes(1)
    world.edit_at_once({scene: "before"})
    world.wait_for_titles({scene: "before"})
    return world, scene


def test_an_outage_shows_and_ends_while_nothing_waits(pushed: tuple[PluginWorld, int]) -> None:
    """Nothing is sent, so only the probes for whoever is looking can tell."""
    world, _ = pushed
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("The only scene is in Plex.")
        world.plex.fault(Fault.refused())
        visit.wait_for_text("Plex has not answered since")
        world.plex.heal()
        visit.wait_for_text("The only scene is in Plex.")


def test_an_outage_shows_without_a_reload_and_goes_again(pushed: tuple[PluginWorld, int]) -> None:
    world, scene = pushed
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("The only scene is in Plex.")
        world.plex.fault(Fault.refused())
        world.edit_at_once({scene: "after"})
        visit.wait_for_text("Plex has not answered since")
        assert "1 scene waits. Next check in" in sentence(visit)
        visit.page.locator(".plexsync-sign", has_text="Plex is down").wait_for()
        visit.tab("Availability")
        visit.page.locator(".plexsync-down[style*='height: 100%'], .plexsync-down").last.wait_for(state="attached")
        visit.wait_for_text("still going on")
        visit.page.get_by_role("button", name="available all the time").or_(
            visit.page.get_by_role("button", name="down.")
        ).last.focus()
        assert "connection refused" in visit.page.locator("figcaption").inner_text()
        world.plex.heal()
        visit.wait_for_text("The only scene is in Plex.")
        visit.wait_for_text("Mean time to repair")


def test_a_drain_shows_how_far_it_is_although_covers_come_last(make_world: MakeWorld) -> None:
    world = make_world(time_scale=1)
    scenes = [world.add_scene(cover=b"\xff\xd8\xff cover %d" % number) for number in range(24)]
    world.plex.latency_s = 0.1
    covers = world.plex.fault(Fault.slow(20), method="POST")
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("No scene has been pushed yet.")
        world.edit_at_once(dict.fromkeys(scenes, "in Plex"))
        visit.wait_for_text("24 scenes are on the way to Plex")
        world.wait_until(lambda: int(progress(visit).split()[0]) >= 40, "the fields of most of them")
        assert re.match(r"(4\d|50) % done, [\d,]+ scenes? a minute, about .* left\.", progress(visit))
        world.plex.latency_s = 0
        world.plex.heal(covers)
        visit.wait_for_text("All 24 scenes are in Plex.")
        assert not visit.page.locator(".plexsync-progress").count()


@pytest.fixture
def troubled(world: PluginWorld) -> PluginWorld:
    """One scene is in Plex, one is refused there, and Plex has no file for the third, which waits."""
    fine = world.add_scene(title="fine")
    refused = world.add_scene(title=HOSTILE)
    world.stash.add_scene("/media/lost.mp4", 5, title="lost")
    world.plex.fault(Fault.answer(400), method="PUT", rating_key=world.keys[refused])
    world.edit_at_once({fine: "in Plex", refused: HOSTILE, 3: "lost"})
    world.wait_for_titles({fine: "in Plex"})
    world.wait_until(lambda: "Rejected" in world.log_text(), "the dead letter")
    return world


def test_what_needs_a_person_is_shown_with_its_reason_and_pushed_again(troubled: PluginWorld) -> None:
    world = troubled
    with browse(world) as visit:
        visit.open()
        visit.page.locator("h2 button", has_text="Plex refused the change: 1 scene given up").click()
        visit.page.get_by_role("link", name=HOSTILE).wait_for()
        visit.wait_for_text("/media/scene 2.mp4")
        visit.page.locator(".plexsync-sign", has_text="Needs you: ").wait_for()
        assert visit.violations() == []
        world.plex.heal()
        visit.press("Push all of them again: Plex refused the change: 1 scene given up")
        world.wait_for_titles({2: HOSTILE})
        visit.page.locator("h2 button", has_text="Plex refused the change").wait_for(state="detached")


def test_settings_are_checked_and_saved_without_losing_others(world: PluginWorld) -> None:
    with browse(world) as visit:
        visit.open()
        visit.tab("Settings")
        field = visit.page.get_by_label("Most genres per item")
        field.fill("5000")
        visit.press("Save")
        visit.wait_for_text("Correct what is marked first.")
        visit.wait_for_text("It must be a whole number from 1 to 1000")
        world.stash.configure_plugin(**{**settings_of(world), "hide_paths": True})  # somebody else
        field.fill("7")
        visit.page.get_by_label("Skip rating").check()
        visit.press("Save")
        visit.wait_for_text("Saved.")
        saved = settings_of(world)
        assert (saved["max_tags"], saved["skip_rating"], saved["hide_paths"]) == (7, True, True)
        assert (saved["plex_url"], saved["plex_token"]) == (world.plex.url, TOKEN)
        assert visit.page.get_by_label("Plex token").get_attribute("type") == "password"


def test_tasks_say_what_came_of_them_and_clearing_can_be_undone(world: PluginWorld) -> None:
    (scene,) = world.add_scenes(1)
    world.configure(paused=True)
    world.edit_at_once({scene: "kept"})
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("PlexSync is paused. 1 scene waits.")
        visit.tab("Tasks")
        visit.press("Run Clear Pending Queue")
        visit.wait_for_text("cleared: 1.")
        visit.press("Undo Clear Pending Queue")
        visit.wait_for_text("Restored: 1.")
        visit.press("Resume")
        world.wait_for_titles({scene: "kept"})
        visit.wait_for_text("The only scene is in Plex.")


def test_differences_are_shown_side_by_side_and_pushed(world: PluginWorld) -> None:
    scene = world.add_scene(title="In Stash")
    world.plex.edit_by_hand(world.keys[scene], title=HOSTILE)
    with browse(world) as visit:
        visit.open()
        visit.tab("Differences")
        visit.page.get_by_label("Which scenes").select_option("all")
        visit.press("Compare")
        visit.page.get_by_role("cell", name=HOSTILE).wait_for()
        assert visit.violations() == []
        visit.press("Push In Stash")
        visit.wait_for_text("Done: pushed.")
        world.wait_for_titles({scene: "In Stash"})


def test_a_scene_has_a_tab_that_compares_and_pushes(world: PluginWorld) -> None:
    scene = world.add_scene(title=HOSTILE)
    with browse(world) as visit:
        visit.open(f"/scenes/{scene}")
        visit.tab("Plex")
        visit.press("Push now")
        visit.wait_for_text("Done: pushed.")
        visit.press("Compare with Plex")
        visit.page.get_by_role("cell", name=HOSTILE).first.wait_for()
        link = visit.page.get_by_role("link", name=f"{HOSTILE} in Plex")
        visit.wait_for_text("In the library Movies, found by the same full path.")
        assert str(link.get_attribute("href")).startswith(f"{world.plex.url}/web/index.html#!/server/")
        assert visit.violations() == []


def test_the_page_is_found_from_tools_and_from_the_settings_of_plugins(world: PluginWorld) -> None:
    with browse(world) as visit:
        visit.open("/settings?tab=tools")
        visit.page.get_by_role("link", name="PlexSync", exact=True).click()
        visit.wait_for_text("No scene has been pushed yet.")
        visit.open("/settings?tab=plugins")
        visit.page.get_by_label("Plex address").wait_for()
        assert visit.page.locator("summary").all_inner_texts()[0] == "Essentials"
        visit.page.get_by_role("link", name="Open PlexSync's page").click()
        visit.wait_for_text("No scene has been pushed yet.")


@pytest.mark.parametrize(
    ("omit", "path", "shown"),
    [
        ("MainNavBar.UtilityItems", "/plexsync", "No scene has been pushed yet."),
        ("PluginSettings", "/settings?tab=plugins", "Plex address"),
        ("SettingsToolsSection", "/settings?tab=tools", "Scene Tools"),
        ("ScenePage.Tabs", "/scenes/1", "Its details"),
        ("SceneCard.Overlays", "/scenes", "Settings"),
    ],
)
def test_without_a_patch_point_only_that_one_thing_is_missing(
    world: PluginWorld, omit: str, path: str, shown: str
) -> None:
    with browse(world, omit=[omit]) as visit:
        visit.open(path)
        visit.wait_for_text(shown)
        visit.open("/plexsync")
        visit.wait_for_text("No scene has been pushed yet.")


@pytest.mark.parametrize("omit", ["patch", "register", "React"])
def test_an_api_that_is_quite_different_leaves_stash_as_it_is(world: PluginWorld, omit: str) -> None:
    with browse(world, omit=[omit]) as visit:
        visit.open("/settings?tab=plugins")
        visit.wait_for_text("Plex address")
        assert visit.page.locator(".plain-settings").count() == 1


def test_a_failing_operation_shows_its_message_and_leaves_the_page_usable(world: PluginWorld) -> None:
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("No scene has been pushed yet.")
        world.stash.fail(Fault.answer(500), when=lambda request: request.path == "/graphql")
        visit.wait_for_text("Stash answered with 500.")
        world.stash.heal()
        visit.page.get_by_role("alert").wait_for(state="detached")
        visit.console.clear()  # the browser reports each answer of 500


def test_a_page_that_cannot_be_seen_asks_nothing(world: PluginWorld) -> None:
    with browse(world) as visit:
        visit.open()
        visit.wait_for_text("No scene has been pushed yet.")
        hide = "() => { Object.defineProperty(document, 'visibilityState', {value: 'hidden', configurable: true}) }"
        visit.page.evaluate(hide)
        visit.page.wait_for_timeout(500)  # one look may be under way
        before = len(visit.operations)
        visit.page.wait_for_timeout(4500)  # two looks, if it were seen
        assert len(visit.operations) == before


def test_everything_is_reached_by_keyboard_on_a_phone_and_axe_finds_nothing(world: PluginWorld) -> None:
    with browse(world, width=390) as visit:
        visit.open()
        visit.wait_for_text("No scene has been pushed yet.")
        visit.page.get_by_role("tab", name=TABS[0]).focus()
        for tab in TABS[1:]:
            visit.page.keyboard.press("ArrowRight")
            visit.page.get_by_role("tab", name=tab, selected=True).wait_for()
            visit.page.get_by_role("tabpanel").locator("> *").first.wait_for(state="attached")
            assert visit.violations() == [], tab
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= 390, tab
