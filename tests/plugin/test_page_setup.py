"""The page's tab Set-up: the steps of the Health Check, and the sign-in to Plex."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sim.plex.simulator import PlexSim
from tests.support.browser import browse
from tests.support.plugin_world import TOKEN

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from sim.plex_tv.simulator import PlexTvSim
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

HOSTILE = "<img src=x onerror=alert(1)>"
ACCOUNT = "account-token-s3cr3t"


@pytest.fixture
def world(make_world: MakeWorld, plex_tv: PlexTvSim) -> PluginWorld:
    """Without the settings that a sign-in makes; the account owns the server."""
    made = make_world(env={"PLEXSYNC_PLEX_TV": plex_tv.url})
    made.configure(plex_url=None, plex_token=None)
    add_server(plex_tv, made.plex, "Home")
    return made


def add_server(plex_tv: PlexTvSim, plex: PlexSim, name: str) -> None:
    plex_tv.add_server(
        ACCOUNT, name=name, machine_identifier=plex.machine_identifier, token=plex.token, addresses=[(plex.url, True)]
    )


def settings_of(world: PluginWorld) -> dict[str, object]:
    all_plugins = world.stash.gql("query { configuration { plugins } }")["configuration"]["plugins"]
    return dict(all_plugins["plexsync"])


def address_of(world: PluginWorld) -> object:
    return settings_of(world).get("plex_url")


def test_a_new_user_signs_in_on_the_page_and_sees_every_step_pass(world: PluginWorld, plex_tv: PlexTvSim) -> None:
    world.add_scenes(1)
    with browse(world) as visit:
        visit.open()
        visit.tab("Set-up")
        visit.wait_for_text("✗ Plex address")
        visit.press("Sign in to Plex")
        code = visit.page.locator(".plexsync-code").inner_text()
        assert visit.violations() == []
        plex_tv.enter(code, ACCOUNT)
        visit.wait_for_text("PlexSync uses the Plex server")
        visit.wait_for_text("✓ Worker")
        visit.wait_for_text("→")
        assert visit.page.get_by_text("✗").count() == 0
        assert visit.violations() == []
        assert TOKEN not in visit.page.content()
    assert address_of(world) == world.plex.url


def test_the_steps_move_no_button_when_they_arrive(world: PluginWorld) -> None:
    held: list[Route] = []

    def hold_the_check(route: Route) -> None:
        if "health_check" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    with browse(world) as visit:
        visit.page.route("**/graphql", hold_the_check)
        visit.open()
        visit.tab("Set-up")
        visit.wait_for_text("Asking Plex…")
        visit.page.locator(".plexsync-state").wait_for()  # the page's own sentence, above all tabs
        buttons = [visit.page.get_by_role("button", name=name) for name in ("Sign in to Plex", "Check again")]
        before = [button.bounding_box() for button in buttons]
        for route in held:
            route.continue_()
        visit.wait_for_text("✗ Plex address")
        assert [button.bounding_box() for button in buttons] == before


def test_of_several_servers_the_user_chooses_one(world: PluginWorld, plex_tv: PlexTvSim) -> None:
    with PlexSim(token="another-token", name="Second") as second, browse(world) as visit:
        add_server(plex_tv, second, "Second")
        visit.open()
        visit.tab("Set-up")
        visit.press("Sign in to Plex")
        plex_tv.enter(visit.page.locator(".plexsync-code").inner_text(), ACCOUNT)
        visit.press("Use Second")
        visit.wait_for_text('PlexSync uses the Plex server "Second"')
        assert address_of(world) == second.url


def test_libraries_are_chosen_from_those_of_plex(world: PluginWorld) -> None:
    world.plex.add_section(HOSTILE)
    world.plex.add_section("Series", section_type="show")
    world.configure(plex_library="Gone", hide_paths=True)
    with browse(world) as visit:
        visit.open()
        visit.tab("Set-up")
        visit.page.get_by_label("Movies (movies, 0 items)").check()
        hostile = visit.page.get_by_label(f"{HOSTILE} (movies")
        hostile.focus()
        visit.page.keyboard.press("Space")
        assert visit.page.get_by_label("Series (TV shows) PlexSync needs a library of the type").is_disabled()
        visit.page.get_by_label("Gone Plex has no movie library of this name.").uncheck()
        assert visit.violations() == []
        visit.press("Save libraries")
        visit.wait_for_text("✓ Libraries")
        settings = settings_of(world)
        assert (settings["plex_library"], settings["hide_paths"]) == (f"Movies, {HOSTILE}", True)
        assert visit.page.get_by_label("Gone").count() == 0
        for name in ("Movies (movies", HOSTILE):
            visit.page.get_by_label(name).uncheck()
        visit.press("Save libraries")
        world.wait_until(lambda: settings_of(world)["plex_library"] == "", "the empty setting")
