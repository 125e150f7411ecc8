"""The steps of the Health Check, in the order in which a scene passes them; the first that fails ends the walk."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING, Final

from local.storage import LocalStorage, check_directory
from local.words import counted, sentence
from outages.stops import CONTINUES_BY_ITSELF, PAUSED
from plex.connection import INSECURE, NO_ADDRESS, VERIFY, display_address
from plex.errors import PlexAuthError, PlexBusy, PlexSetup
from tasks.path_check import PATHS_CURE, paths_in_words
from tasks.setup_answers import HealthStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from plex.errors import PlexError
    from plex.health import Health
    from stash.client import StashClient
    from stash.settings import Settings
    from tasks.setup_answers import PathsAnswer

PYTHON, ADDRESS, TLS, TOKEN, LIBRARIES = "python", "address", "tls", "token", "libraries"
STASH, PATHS, DATA, WORKER = "stash", "paths", "data", "worker"
# By name, in order, as reports call them.
TITLES: Final[Mapping[str, str]] = {
    PYTHON: "Python", ADDRESS: "Plex address", TLS: "Certificate", TOKEN: "Token", LIBRARIES: "Libraries",
    STASH: "Stash", PATHS: "Scenes", DATA: "Data directory", WORKER: "Worker",
}  # fmt: skip
NAMES: Final = tuple(TITLES)
SCARCE_BYTES = 50_000_000
_GIGABYTE = 1_000_000_000
_NOT_ASKED = "Plex was not asked, since a later step fails."
_NOT_REACHED = "Not reached."
_ELSEWHERE = "Or set PLEXSYNC_DATA_DIR to a folder on another local disk."
_CURES: Final[Mapping[str, str]] = {
    ADDRESS: 'Check that Plex runs, that this machine reaches it, and that "Plex address" is right.',
    TLS: 'Set "Plex certificate" to a CA file or to insecure, or use http:// in "Plex address".',
    TOKEN: 'Run Link Plex Account, or set "Plex token" to a token of the server\'s owner.',
    LIBRARIES: 'Set "Plex libraries" to names that Plex has, separated by commas; empty means all movie libraries.',
}
_STEP_OF_SETTING: Final[Mapping[str, str]] = {
    "plex_url": ADDRESS, "tls": TLS, "plex_token": TOKEN, "plex_library": LIBRARIES,
}  # fmt: skip


def passed(name: str, text: str) -> HealthStep:
    """A step that a scene passes."""
    return HealthStep(name=name, ok=True, text=text, cure="")


def failed(name: str, text: str, cure: str) -> HealthStep:
    """A step at which a scene stays. `cure`: what to do."""
    return HealthStep(name=name, ok=False, text=text, cure=cure)


def unknown(name: str, text: str = _NOT_REACHED) -> HealthStep:
    """A step of which nothing is known."""
    return HealthStep(name=name, ok=None, text=text, cure="")


def in_order(found: Iterable[HealthStep]) -> tuple[HealthStep, ...]:
    """Every step once. Those that nobody looked at are unknown, and so are all after the first that failed."""
    by_name, steps, is_over = {step.name: step for step in found}, [], False
    for name in NAMES:
        step = unknown(name) if is_over else by_name.get(name, unknown(name))
        is_over = is_over or step.ok is False
        steps.append(step)
    return tuple(steps)


def python_step() -> HealthStep:
    """Once the packages are there."""
    version = ".".join(str(number) for number in sys.version_info[:3])
    return passed(PYTHON, f"Python {version} has all packages that PlexSync needs.")


def plex_steps(health: Health | None, settings: Settings) -> tuple[HealthStep, ...]:
    """`address` to `libraries`. `health`: None if there is no address."""
    if health is None:
        return (failed(ADDRESS, NO_ADDRESS, "Or run Link Plex Account, which enters it."),)
    steps = (
        passed(ADDRESS, _address_in_words(health, settings)) if health.healthy else unknown(ADDRESS, _NOT_ASKED),
        unknown(TLS, _NOT_ASKED) if _has_tls(settings) and not health.healthy else passed(TLS, _tls_in_words(settings)),
        passed(TOKEN, _token_in_words(health)),
        passed(LIBRARIES, f"{counted(len(health.libraries), 'library')}: {', '.join(health.libraries)}."),
    )
    if health.error is None:
        return steps
    name = _step_of(health, health.error)
    done = steps[: NAMES.index(name) - NAMES.index(ADDRESS)]
    return (*done, failed(name, sentence(health.reason), _cure(name, health.error)))


def _step_of(health: Health, error: PlexError) -> str:
    if isinstance(error, PlexSetup):
        return _STEP_OF_SETTING[error.setting]
    # Whoever refuses `/identity` is no Plex.
    return TOKEN if isinstance(error, PlexAuthError) and health.healthy else ADDRESS


def _cure(name: str, error: PlexError) -> str:
    return "Nothing: PlexSync continues when Plex allows it." if isinstance(error, PlexBusy) else _CURES[name]


def _address_in_words(health: Health, settings: Settings) -> str:
    return f"Plex {health.version} at {display_address(settings.plex_url)} answers in {health.latency_ms or 0:.0f} ms."


def _has_tls(settings: Settings) -> bool:
    return settings.plex_url.lower().startswith("https:")


def _tls_in_words(settings: Settings) -> str:
    if not _has_tls(settings):
        return "Not needed, since the address begins with http://."
    if settings.tls == INSECURE:
        return 'Any certificate is accepted, since "Plex certificate" is set to insecure.'
    return f"The certificate is trusted{'' if settings.tls == VERIFY else ' by the CA file'}."


def _token_in_words(health: Health) -> str:
    if health.token_may_edit is None:
        return "Plex accepts the token, which sees the paths of files. Plex does not say whether it may edit."
    return "Plex accepts the token, which may edit and sees the paths of files."


def stash_step(stash: StashClient) -> HealthStep:
    """Once Stash has given the settings."""
    how = "its API key" if stash.has_key else "the session of whoever started this"
    return passed(STASH, f"Stash {stash.version} answers, with {how}.")


def paths_step(paths: PathsAnswer | None) -> HealthStep:
    """`paths`: None if nobody could look."""
    if paths is None:
        return unknown(PATHS, "No scene was looked for in Plex, since Plex or Stash did not answer or changes wait.")
    if not paths.tried:
        return unknown(PATHS, "Stash has no scene with a file yet.")
    text = paths_in_words(paths)
    return passed(PATHS, text) if paths.found else failed(PATHS, text.removesuffix(f" {PATHS_CURE}"), PATHS_CURE)


def data_step(directory: str) -> HealthStep:
    """Whether files can be written and locked there, and how much room is left."""
    try:
        check_directory(directory)
        free = shutil.disk_usage(directory).free
    except (LocalStorage, OSError) as error:
        return failed(DATA, sentence(str(error)), f"Make room there, or make it writable for Stash. {_ELSEWHERE}")
    room = f"{free / _GIGABYTE:,.1f} GB" if free >= _GIGABYTE else f"{free // 1_000_000} MB"
    if free < SCARCE_BYTES:
        return failed(DATA, f"The disk of the data directory has only {room} left.", f"Make room. {_ELSEWHERE}")
    return passed(DATA, f"Files can be written and locked in the data directory; its disk has {room} left.")


def worker_step(stop: str, why_missing: str, *, is_running: bool, pending: int) -> HealthStep:
    """`stop`: what stops the drain though Plex can be used, in a sentence; "" if nothing does. `why_missing`: why no
    worker stays alive though one is needed; "" if none is, or one lives.
    """
    if why_missing:
        what, _, cure = why_missing.partition("\n")
        return failed(WORKER, what, cure or "See plexsync.log in the data directory.")
    if stop:
        cure = 'Switch off "Pause" in the plugin\'s settings.' if stop == PAUSED else CONTINUES_BY_ITSELF
        return failed(WORKER, f"Changes wait: {sentence(stop)}", cure)
    state = "The worker runs" if is_running else "No worker runs; the next change in Stash starts one"
    return passed(WORKER, f"{state}; {counted(pending, 'scene')} pending.")


def step_in_words(step: HealthStep) -> str:
    """For a log line."""
    result = {True: "ok", False: "FAILED", None: "not known"}[step.ok]
    return f"{TITLES[step.name]}: {result}. {step.text} {step.cure}".rstrip()


def not_reached_in_words(steps: Sequence[HealthStep]) -> str:
    """The steps behind one that failed, for one log line; "" if there are none."""
    titles = [TITLES[step.name] for step in steps if not is_reached(step)]
    return f"Not reached: {', '.join(titles)}." if titles else ""


def is_reached(step: HealthStep) -> bool:
    """Whether anybody looked at it."""
    return step.text != _NOT_REACHED
