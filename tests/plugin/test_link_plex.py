"""Signing in to Plex by a code: address and token of the account's server get into the settings."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from sim.plex.simulator import PlexSim
from tests.support.plugin_world import TOKEN
from tests.support.task_runs import run_task

if TYPE_CHECKING:
    from sim.plex_tv.simulator import PlexTvSim
    from tests.plugin.conftest import MakeWorld
    from tests.support.plugin_world import PluginWorld

ACCOUNT = "account-token-s3cr3t"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def world(make_world: MakeWorld, plex_tv: PlexTvSim) -> PluginWorld:
    """Without the settings that a sign-in makes, but with another one; the account owns the server."""
    made = make_world(env={"PLEXSYNC_PLEX_TV": plex_tv.url})
    made.configure(plex_url=None, plex_token=None, max_tags=7, debug_logging=True)
    add_server(plex_tv, made.plex, "Home")
    return made


def add_server(plex_tv: PlexTvSim, plex: PlexSim, name: str, *addresses: str, **how: Any) -> None:
    """The account sees it, at an address that is dead and at its own."""
    plex_tv.add_server(
        ACCOUNT, name=name, machine_identifier=plex.machine_identifier, token=plex.token,
        addresses=[(address, True) for address in addresses or (NOWHERE, plex.url)], **how,
    )  # fmt: skip


def settings_of(world: PluginWorld) -> dict[str, Any]:
    found = world.stash.gql('{ configuration { plugins(include: ["plexsync"]) } }')
    return dict(found["configuration"]["plugins"]["plexsync"])


def assert_no_secret_is_shown(world: PluginWorld, plex_tv: PlexTvSim, *answers: object) -> None:
    shown = "\n".join([world.log_text(), *(line.text for line in world.stash.log), *map(str, answers)])
    for pin in plex_tv.pins:
        assert str(pin.id) not in shown
        assert pin.client not in shown
    assert ACCOUNT not in shown
    assert TOKEN not in shown


def test_the_task_shows_a_code_and_fills_in_address_and_token(world: PluginWorld, plex_tv: PlexTvSim) -> None:
    plex_tv.enter_every_code(ACCOUNT)
    scene = world.add_scene(title="pushed by what the sign-in has found")
    run = world.stash.run_task("Link Plex Account")
    assert run.error is None, run.error
    assert (run.output["entered"], run.output["linked"], run.output["server"]) == (True, True, "Home")
    assert run.output["plex_url"] == world.plex.url
    said = "\n".join(line.text for line in run.log)
    assert "Open https://plex.tv/link in a browser, sign in as the owner of the Plex server, and enter the" in said
    assert f"the code {plex_tv.pins[0].code}. " in said
    assert settings_of(world) == {
        "plex_url": world.plex.url, "plex_token": TOKEN, "max_tags": 7, "debug_logging": True, "leave_when_idle": True,
    }  # fmt: skip
    world.fire_hook(scene)
    world.wait_for_titles({scene: "pushed by what the sign-in has found"})
    assert not (world.directory / "plex_sign_in").exists()
    assert {header for request in plex_tv.requests for header in request.headers} >= {"x-plex-client-identifier"}
    assert not any(request.first("X-Plex-Token") for request in plex_tv.requests)
    assert_no_secret_is_shown(world, plex_tv, run.output)


def test_the_two_operations_do_the_same_in_two_steps(world: PluginWorld, plex_tv: PlexTvSim) -> None:
    begun = world.stash.operation(mode="link_begin")
    assert begun.keys() == {"code", "address", "expires_at"}
    assert re.fullmatch(r"[A-Z0-9]{4}", begun["code"])
    kept = world.directory / "plex_sign_in"
    assert os.stat(kept).st_mode & 0o777 == 0o600
    early = world.stash.operation(mode="link_check")
    assert (early["entered"], early["linked"], early["servers"]) == (False, False, [])
    plex_tv.enter(begun["code"], ACCOUNT)
    checked = world.stash.operation(mode="link_check")
    assert (checked["entered"], checked["linked"]) == (True, True)
    assert [(each["name"], each["address"]) for each in checked["servers"]] == [("Home", world.plex.url)]
    assert settings_of(world)["plex_token"] == TOKEN
    assert not kept.exists()
    assert_no_secret_is_shown(world, plex_tv, begun["address"], early, checked)


def test_of_several_servers_one_is_chosen_by_name_or_by_the_address_in_the_settings(
    world: PluginWorld, plex_tv: PlexTvSim
) -> None:
    with ExitStack() as stack:
        second = stack.enter_context(PlexSim(token="another-token", name="Second"))
        add_server(plex_tv, second, "Second")
        plex_tv.enter_every_code(ACCOUNT)
        run = run_task(world, "link_plex")
        assert run.error is not None
        assert f"several Plex servers: Home ({world.plex.url}); Second ({second.url})" in run.error
        assert "plex_token" not in settings_of(world)
        listed = world.stash.operation(mode="link_check")
        assert (listed["linked"], [each["name"] for each in listed["servers"]]) == (False, ["Home", "Second"])
        wrong = run_task(world, "link_check", server="Third")
        assert "it must be the name or identifier of one of the account's servers: Home" in str(wrong.error)
        world.configure(plex_url=second.url.replace("127.0.0.1", "localhost"), plex_token=None)
        assert run_task(world, "link_plex").output["server"] == "Second"
        assert settings_of(world) == {
            "plex_url": second.url.replace("127.0.0.1", "localhost"), "plex_token": "another-token",
            "leave_when_idle": True,
        }  # fmt: skip
        assert len(plex_tv.pins) == 1  # the code was entered once
        assert run_task(world, "link_plex", server="home").output["plex_url"] == world.plex.url
        assert settings_of(world)["plex_token"] == TOKEN


def test_an_account_without_a_server_of_its_own_is_told_so(make_world: MakeWorld, plex_tv: PlexTvSim) -> None:
    world = make_world(env={"PLEXSYNC_PLEX_TV": plex_tv.url})
    add_server(plex_tv, world.plex, "A friend's", owned=False)
    plex_tv.enter_every_code(ACCOUNT)
    before = settings_of(world)
    assert run_task(world, "link_plex").error == (
        "This account has no Plex server of its own, only access to 1 server of others, which it may not edit. "
        "Sign in with the account of the server's owner."
    )
    assert settings_of(world) == before


def test_a_server_that_does_not_answer_from_here_is_named_with_its_addresses(
    make_world: MakeWorld, plex_tv: PlexTvSim
) -> None:
    """Its address leads to another server."""
    world = make_world(env={"PLEXSYNC_PLEX_TV": plex_tv.url})
    add_server(plex_tv, world.plex, "Home", NOWHERE, world.plex.url)
    world.plex.machine_identifier = "another"
    plex_tv.enter_every_code(ACCOUNT)
    assert f'"Home" does not answer from here at any of its addresses: {NOWHERE}, {world.plex.url}.' in str(
        run_task(world, "link_plex").error
    )


def test_a_token_that_may_not_edit_is_not_stored(make_world: MakeWorld, plex_tv: PlexTvSim) -> None:
    world = make_world(env={"PLEXSYNC_PLEX_TV": plex_tv.url})
    world.plex.add_user("guest-token")
    plex_tv.add_server(
        ACCOUNT, name="Home", machine_identifier=world.plex.machine_identifier, token="guest-token",
        addresses=[(world.plex.url, True)],
    )  # fmt: skip
    plex_tv.enter_every_code(ACCOUNT)
    assert "may read but not edit" in str(run_task(world, "link_plex").error)
    assert settings_of(world)["plex_token"] == TOKEN


def test_a_code_that_nobody_enters_ends_the_task_and_the_next_run_shows_the_same(
    world: PluginWorld, plex_tv: PlexTvSim
) -> None:
    """The wait is a second and a half here."""
    first = run_task(world, "link_plex")
    (pin,) = plex_tv.pins
    assert first.error is not None
    assert f"Nobody has entered the code {pin.code} at https://plex.tv/link within a minute and a half" in first.error
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(run_task, world, "link_plex")
        plex_tv.enter(pin.code, ACCOUNT)
        assert second.result().output["linked"]
    assert len(plex_tv.pins) == 1
    assert_no_secret_is_shown(world, plex_tv, first)


def test_trouble_with_plex_tv_is_said_without_the_pin(world: PluginWorld, plex_tv: PlexTvSim) -> None:
    assert "No sign-in is under way" in str(run_task(world, "link_check").error)
    run_task(world, "link_begin")
    (pin,) = plex_tv.pins
    answers = []
    for status, words in ((500, "plex.tv fails (500)"), (429, "asks for a pause"), (302, "plex.tv fails (302)")):
        plex_tv.fail(status)
        answers.append(run_task(world, "link_check"))
        assert words in str(answers[-1].error)
    plex_tv.fail(None)
    pin.expires_at = 0.0
    answers.append(run_task(world, "link_check"))
    assert answers[-1].error == "The sign-in to Plex failed: the code has expired; begin again."
    plex_tv.stop()
    answers.append(run_task(world, "link_begin"))
    assert answers[-1].error == (
        "The sign-in to Plex failed: plex.tv cannot be reached; does this machine reach the Internet?"
    )
    assert_no_secret_is_shown(world, plex_tv, *answers)
