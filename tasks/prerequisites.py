"""What a task needs before it can talk to Stash or Plex itself: the packages, and the settings kept in Stash."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from installation.copies import copies_in_the_way
from installation.packages import PackagesMissing, ensure_packages, requirements_beside
from local.data_directory import PACKAGES_NOTE
from stash.errors import NEEDS_STASH, StashError
from stash.settings import parse_settings
from status.report import MAX_LINES
from store.overview import Overview
from tasks.context import TaskError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stash.client import StashClient
    from stash.settings import Settings
    from tasks.context import Context


def need_packages(context: Context) -> None:
    """Install the packages that are missing. Raises TaskError, with the command that installs them."""
    requirements = requirements_beside(context.script)
    try:
        ensure_packages(requirements, context.directory, lambda text: context.log.info("%s", text))
    except PackagesMissing as error:
        raise TaskError(str(error)) from error
    try:
        os.unlink(os.path.join(context.directory, PACKAGES_NOTE))  # so that the worker tries again at once
    except OSError:
        pass  # there was none


@contextmanager
def open_stash(context: Context, *, shows_problems: bool = False) -> Iterator[tuple[StashClient, Settings]]:
    """A client of Stash, and the settings, which this task's log obeys from now on. Call `need_packages` first.

    `shows_problems`: log what is wrong with the settings or the installation, although the worker says it too. Raises
    TaskError if Stash fails, also for a StashError raised within the `with` block.
    """
    from stash.client import StashClient  # noqa: PLC0415 - needs packages

    client = StashClient(context.input.connection)
    try:
        yield client, read_settings(context, client, shows_problems=shows_problems)
    except StashError as error:
        raise TaskError(f"{NEEDS_STASH}: {error}. Try again when it does.") from error
    finally:
        client.close()


def read_settings(context: Context, client: StashClient, *, shows_problems: bool) -> Settings:
    """Read the settings from Stash. `shows_problems`: as for `open_stash`."""
    configuration = client.fetch_configuration()
    context.redactor.add("api key", configuration.api_key)
    settings, problems = parse_settings(configuration.plugin, os.environ, stash_url=client.connection.url)
    context.redactor.add("token", settings.plex_token)
    context.hider.is_on = settings.hide_paths
    if settings.debug_logging:
        context.log.setLevel("DEBUG")
    if shows_problems:
        copies = copies_in_the_way(context.input.connection.plugin_dir, configuration.plugins_path)
        for problem in (*copies, *problems)[: MAX_LINES - 1]:
            context.log.warning("%s", problem)
    if configuration.needs_login and Overview(context.directory).picture_obstacle(settings.stash_url_for_plex):
        return replace(settings, stash_url_for_plex="")  # as the worker does, which has tried the address
    return settings
