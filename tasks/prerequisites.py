"""What a task that talks to Stash or Plex itself needs first: the packages, and the settings in Stash."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.data_directory import PACKAGES_NOTE
from local.packages import PackagesMissing, ensure_packages, requirements_beside
from stash.errors import StashError
from stash.settings import parse_settings
from tasks.context import TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stash.client import StashClient
    from stash.settings import Settings
    from tasks.context import Context


def need_packages(context: Context) -> None:
    """Install what is missing, or raise TaskError with the command that does."""
    requirements = requirements_beside(context.script)
    try:
        ensure_packages(requirements, context.directory, lambda text: context.log.info("%s", text))
    except PackagesMissing as error:
        raise TaskError(str(error)) from error
    try:
        os.unlink(os.path.join(context.directory, PACKAGES_NOTE))  # the worker need not wait before it tries again
    except OSError:
        pass  # there was none


@contextmanager
def open_stash(context: Context) -> Iterator[tuple[StashClient, Settings]]:
    """Stash and the settings in it, obeyed by this task's log from now on. Raises TaskError where Stash does not help.

    Call `need_packages` first.
    """
    from stash.client import StashClient  # noqa: PLC0415 - needs packages

    client = StashClient(context.input.connection)
    try:
        yield client, read_settings(context, client)
    except StashError as error:
        raise TaskError(f"Stash does not answer as it should: {error}. Try again when it does.") from error
    finally:
        client.close()


def read_settings(context: Context, client: StashClient) -> Settings:
    """Ask Stash for the settings; what is wrong with them is said in the log."""
    configuration = client.fetch_configuration()
    context.redactor.add("api key", configuration.api_key)
    settings, problems = parse_settings(configuration.plugin, os.environ)
    context.redactor.add("token", settings.plex_token)
    context.hider.is_on = settings.hide_paths
    if settings.debug_logging:
        context.log.setLevel("DEBUG")
    for problem in problems:
        context.log.warning("%s", problem)
    return settings
