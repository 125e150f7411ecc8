"""What the tasks answer that help to set PlexSync up; otherwise like tasks/answers.py."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.answers import TaskAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class PathExample:
    """A scene that was looked for in Plex. `path`: its file in Stash; `plex_path`: in Plex, or as it was looked for.
    `reason`: why what looks like it does not count, "" if nothing does.
    """

    scene_id: int
    path: str
    plex_path: str
    found: bool
    how: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsAnswer:
    """Some scenes that were looked for in Plex. `idle_rules`: those of the path map that fit no scene at all."""

    tried: int
    found: int
    idle_rules: tuple[str, ...]
    examples: tuple[PathExample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStep:
    """One step on a scene's way. `ok`: None if it was not reached, or could not be looked at. `cure`: where it failed,
    what to do.
    """

    name: str
    ok: bool | None
    text: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryToChoose:
    """A library of Plex, or a name in the setting that none has. `entry`: its name as the setting takes it.

    `contents`: in words. `reason`: why it cannot be used, "" if it can. `is_chosen`: the setting names it.
    """

    name: str
    entry: str
    contents: str
    items: int | None
    is_chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthAnswer(TaskAnswer):
    """`health_check`. `latency_ms` is that of `/identity`; the libraries are known only once Plex is ready."""

    healthy: bool
    ready: bool
    token_ok: bool | None
    token_may_edit: bool | None
    latency_ms: float | None
    version: str | None
    libraries: tuple[str, ...] | None
    libraries_missing: tuple[str, ...] | None
    libraries_to_choose: tuple[LibraryToChoose, ...] | None
    circuit: str
    path_map_inferred: tuple[str, ...]
    paths: PathsAnswer | None
    steps: tuple[HealthStep, ...]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkBeginAnswer(TaskAnswer):
    """`link_begin`. `address`: where somebody enters the code."""

    code: str
    address: str
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkServer:
    """A server of the account. `address`: at which it answers from here; None if it does not."""

    name: str
    machine_identifier: str
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkAnswer(TaskAnswer):
    """`link_check`, `link_plex`. `linked`: address and token are in the settings."""

    entered: bool
    linked: bool
    server: str | None
    plex_url: str | None
    servers: tuple[LinkServer, ...]
    message: str
