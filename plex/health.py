"""Checks whether a Plex server is up, ready for work, and accepts the configured token and libraries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from plex.client import PlexClient
from plex.errors import NOT_PLEX, EditsRefused, PathsHidden, PlexAuthError, PlexError, PlexSetup, Rejected
from plex.sections import choose_sections, describe_missing

if TYPE_CHECKING:
    from local.clock import Clock
    from plex.connection import PlexConnection
    from plex.model import Section

# Shorter than for a job: the answers to a probe are tiny.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The result of a probe.

    `healthy`: `/identity` answered. `ready`: so did a request that needs the database and the token. `token_ok`: None
    if unknown. `token_may_edit`: None if unknown or not asked. `latency_ms`: of `/identity`. `libraries`,
    `libraries_missing`: the configured ones that exist, and that do not. `found`: all of Plex. `error`: the first
    problem, None if there is none; `reason`: its message, "" if there is none.
    """

    healthy: bool = False
    ready: bool = False
    token_ok: bool | None = None
    latency_ms: float | None = None
    version: str = ""
    machine_identifier: str = ""
    token_may_edit: bool | None = None
    libraries: tuple[str, ...] = ()
    libraries_missing: tuple[str, ...] = ()
    found: tuple[Section, ...] = ()
    error: PlexError | None = None
    reason: str = ""


def probe(
    connection: PlexConnection,
    *,
    clock: Clock,
    asks_owner: bool = False,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> Health:
    """Request `/identity`, the libraries and a few items, in this order, until one fails. Raises no PlexError.

    `asks_owner`: whether to ask then for what only the owner may see, since only the owner may edit. The token comes
    before the libraries, since it decides which of them it sees.
    """
    health = Health()
    try:
        client = PlexClient(
            replace(connection, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s)
        )
    except PlexSetup as error:
        return _failed(health, error)
    try:
        started = clock.monotonic()
        identity = client.identity()
        health = Health(
            healthy=True,
            version=identity.version,
            machine_identifier=identity.machine_identifier,
            latency_ms=(clock.monotonic() - started) * 1000,
        )
        return _check_readiness(client, connection, health, asks_owner=asks_owner)
    except PlexError as error:
        return _failed(health, error)
    finally:
        client.close()


def _check_readiness(
    client: PlexClient, connection: PlexConnection, health: Health, *, asks_owner: bool
) -> Health:
    found = client.all_sections()
    chosen, missing = choose_sections(found, connection.libraries)
    shows_paths = client.shows_paths(chosen or found[:1])
    health = replace(
        health,
        ready=True,
        token_ok=True,
        libraries=tuple(section.title for section in chosen),
        libraries_missing=missing,
        found=found,
    )
    if asks_owner:
        health = replace(health, token_may_edit=client.may_edit())
    if shows_paths is False:
        return _failed(health, PathsHidden())
    if health.token_may_edit is False:
        return _failed(health, EditsRefused())
    if missing or not chosen:
        return _failed(health, PlexSetup(describe_missing(found, missing), setting="plex_library"))
    return health


def _failed(health: Health, error: PlexError) -> Health:
    is_refused = isinstance(error, PlexAuthError) and not isinstance(error, EditsRefused)
    token_ok = False if is_refused else health.token_ok
    # Plex itself says to anybody who it is.
    is_other = isinstance(error, (Rejected, PlexAuthError)) and not health.healthy
    hint = f" Is it Plex? If not: {NOT_PLEX}." if is_other else ""
    return replace(health, token_ok=token_ok, error=error, reason=f"{error}{hint}")
