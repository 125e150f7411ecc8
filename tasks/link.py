"""Link Plex Account: signs in at plex.tv by a code, and puts address and token of a server into the settings.

Where several servers are the account's, the sign-in stays until one is chosen, or it expires.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from local import inbox
from local.clock import Countdown
from local.words import counted
from plex.errors import EditsRefused, PlexError
from store.sign_in import SignIn, forget_sign_in, read_sign_in, write_sign_in
from tasks.arguments import server_of
from tasks.context import TaskError
from tasks.prerequisites import need_packages, open_stash
from tasks.setup_answers import LinkAnswer, LinkBeginAnswer, LinkServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from plex.account import AccountServer, PlexTv
    from stash.client import StashClient
    from stash.settings import Settings
    from tasks.context import Context

# The task holds up all other jobs of Stash: it ends within two minutes, the search for the server included.
WAIT_S, LOOK_S = 90.0, 2.0
SHORTEST_LOOK_S = 0.05
NOT_ENTERED = "Nobody has entered the code yet."


def link_begin(context: Context) -> LinkBeginAnswer:
    """Ask plex.tv for a code, in place of any before."""
    need_packages(context)
    return _begin(context)


def link_check(context: Context) -> LinkAnswer:
    """Whether the code was entered; if so, store what belongs to the server, or list the servers to choose from."""
    name = server_of(context.input.args)
    need_packages(context)
    sign_in = _check_code(context, _under_way(context))
    return _link(context, sign_in, name) if sign_in.token else _not_linked(NOT_ENTERED, entered=False)


def link_plex(context: Context) -> LinkAnswer:
    """Both in one. Raises TaskError unless it ends with a server in the settings."""
    name = server_of(context.input.args)
    need_packages(context)
    if read_sign_in(context.directory, context.now) is None:
        _begin(context)
    answer = _link(context, _wait_for_code(context), name)
    if not answer.linked:
        raise TaskError(answer.message)
    return answer


def _begin(context: Context) -> LinkBeginAnswer:
    from plex.account import ENTER_AT, new_client  # noqa: PLC0415 - needs packages

    inbox.prepare(context.directory)  # before a code is shown that could not be kept
    with _plex_tv(new_client()) as plex_tv:
        pin = plex_tv.new_pin(context.now)
    sign_in = SignIn(pin_id=pin.id, client=pin.client, code=pin.code, expires_at=pin.expires_at)
    write_sign_in(context.directory, sign_in)
    return LinkBeginAnswer(code=pin.code, address=ENTER_AT, expires_at=pin.expires_at)


def _wait_for_code(context: Context) -> SignIn:
    from plex.account import ENTER_AT  # noqa: PLC0415 - as above

    sign_in = _under_way(context)
    if not sign_in.token:
        context.log.info(
            "Open %s in a browser, sign in as the owner of the Plex server, and enter the code %s. PlexSync waits for "
            "a minute and a half.", ENTER_AT, sign_in.code,
        )  # fmt: skip
    patience, wait_s = Countdown(context.clock), context.clock.interval(WAIT_S)
    patience.start(wait_s)
    while not (sign_in := _check_code(context, sign_in)).token:
        if patience.is_over:
            raise TaskError(
                f"Nobody has entered the code {sign_in.code} at {ENTER_AT} within a minute and a half. Enter it there, "
                "then run Link Plex Account again; the code is good for 15 minutes."
            )
        context.clock.sleep(max(SHORTEST_LOOK_S, context.clock.interval(LOOK_S)))
        context.progress(1 - patience.left_s / wait_s)
    return sign_in


def _under_way(context: Context) -> SignIn:
    sign_in = read_sign_in(context.directory, context.now)
    if sign_in is None:
        raise TaskError("No sign-in is under way, or its code has expired. Begin with a new code.")
    context.redactor.add("token", sign_in.token)
    return sign_in


def _check_code(context: Context, sign_in: SignIn) -> SignIn:
    """With the token, if the code was entered. plex.tv may give it only once, so it is kept."""
    from plex.account import Pin, PinExpired  # noqa: PLC0415 - as above

    if sign_in.token:
        return sign_in
    pin = Pin(id=sign_in.pin_id, code=sign_in.code, client=sign_in.client, expires_at=sign_in.expires_at)
    with _plex_tv(sign_in.client) as plex_tv:
        try:
            token = plex_tv.token_for(pin)
        except PinExpired:
            forget_sign_in(context.directory)
            raise
    if not token:
        return sign_in
    context.redactor.add("token", token)
    entered = replace(sign_in, token=token)
    write_sign_in(context.directory, entered)
    return entered


@contextmanager
def _plex_tv(client: str) -> Iterator[PlexTv]:
    """Requests to plex.tv; whatever fails there becomes a TaskError, without a cause that might hold a secret."""
    from plex.account import PlexTv, PlexTvFailed  # noqa: PLC0415 - as above

    plex_tv = PlexTv(client)
    try:
        yield plex_tv
    except PlexTvFailed as error:
        raise TaskError(f"The sign-in to Plex failed: {error}") from None
    finally:
        plex_tv.close()


def _link(context: Context, sign_in: SignIn, name: str) -> LinkAnswer:
    """Store what belongs to the server that is meant, or say why none is."""
    from plex.account import find_address  # noqa: PLC0415 - as above

    with _plex_tv(sign_in.client) as plex_tv:
        servers = plex_tv.servers(sign_in.token)
    owned = [server for server in servers if server.owned]
    if not owned:
        forget_sign_in(context.directory)
        return _not_linked(_owns_none(len(servers)))
    with open_stash(context) as (stash, settings):
        known = (settings.plex_url,) if settings.plex_url else ()
        found = [(server, find_address(server, tls=settings.tls, others=known)) for server in owned]
        listed = tuple(_listed(server, address) for server, address in found)
        chosen = _choose(found, name, settings.plex_url)
        if chosen is None:
            return _not_linked(_several(listed), servers=listed)
        server, address = chosen
        if not address:
            return _not_linked(_away(server), servers=listed)
        _store(context, stash, settings, server, address)
    forget_sign_in(context.directory)
    context.start_worker_if_none()
    message = (
        f'PlexSync uses the Plex server "{server.name}" at {address} now. Address and token are in the plugin\'s '
        "settings; reload that page to see them. Run Health Check next."
    )
    context.log.info("%s", message)
    return LinkAnswer(
        entered=True, linked=True, server=server.name, plex_url=address, servers=listed, message=message
    )


def _choose(
    found: Sequence[tuple[AccountServer, str]], name: str, plex_url: str
) -> tuple[AccountServer, str] | None:
    """The server of that name or identifier; the only one; or the one at the address in the settings. None: unclear."""
    if not name:
        at_address = [each for each in found if each[1] and each[1] == plex_url]
        return found[0] if len(found) == 1 else next(iter(at_address), None)
    meant = [each for each in found if name.casefold() in (each[0].name.casefold(), each[0].machine_identifier)]
    if len(meant) != 1:
        names = ", ".join(f"{server.name} ({server.machine_identifier})" for server, _ in found)
        raise TaskError(
            f"server is {name!r}; it must be the name or identifier of one of the account's servers: {names}."
        )
    return meant[0]


def _store(context: Context, stash: StashClient, settings: Settings, server: AccountServer, address: str) -> None:
    """Put the token into the settings, and the address unless it is there. Raises TaskError if it may not edit."""
    from plex.account import may_edit  # noqa: PLC0415 - as above

    context.redactor.add("token", server.token)
    try:
        if may_edit(address, server, tls=settings.tls) is False:
            raise EditsRefused
    except PlexError as error:
        raise TaskError(str(error)) from error
    changes = {"plex_token": server.token}
    stash.change_settings(changes if address == settings.plex_url else {**changes, "plex_url": address})


def _listed(server: AccountServer, address: str) -> LinkServer:
    return LinkServer(name=server.name, machine_identifier=server.machine_identifier, address=address or None)


def _not_linked(message: str, *, entered: bool = True, servers: tuple[LinkServer, ...] = ()) -> LinkAnswer:
    return LinkAnswer(entered=entered, linked=False, server=None, plex_url=None, servers=servers, message=message)


def _owns_none(others: int) -> str:
    theirs = f", only access to {counted(others, 'server')} of others, which it may not edit" if others else ""
    return f"This account has no Plex server of its own{theirs}. Sign in with the account of the server's owner."


def _several(servers: Sequence[LinkServer]) -> str:
    names = "; ".join(f"{each.name} ({each.address or 'does not answer from here'})" for each in servers)
    return (
        f"This account has several Plex servers: {names}. Enter the address of the one that you want in "
        '"Plex address", and run Link Plex Account again within 15 minutes; no new code is needed.'
    )


def _away(server: AccountServer) -> str:
    tried = ", ".join(server.addresses) or "none is known"
    return (
        f'The Plex server "{server.name}" does not answer from here at any of its addresses: {tried}. Enter one at '
        'which this machine reaches it in "Plex address", and run Link Plex Account again within 15 minutes.'
    )
