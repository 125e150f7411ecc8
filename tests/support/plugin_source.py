"""A folder served over loopback, as a source of plugins for a real Stash, and what Stash does with sources."""

from __future__ import annotations

import functools
import http.server
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.real_stash import RealStash

PACKAGE = "package_id name version date metadata"


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        """The requests of a test are of no interest."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the folder; yields the address of its `index.yml`."""
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/index.yml"
        finally:
            server.shutdown()
            thread.join()


def newer_than_before(index: Path) -> None:
    """Stash compares the times of the list by the second, and tests are quicker than that."""
    status = index.stat()
    os.utime(index, (status.st_atime, status.st_mtime + 5))


class PluginSource:
    """One source of a Stash, as the page of its plugins handles it."""

    def __init__(self, stash: RealStash, url: str) -> None:
        self.stash, self.url = stash, url
        source = {"name": "PlexSync", "url": url, "local_path": ""}
        query = "mutation($i: ConfigGeneralInput!) { configureGeneral(input: $i) { pluginsPath } }"
        stash.gql(query, {"i": {"pluginPackageSources": [source]}})

    def available(self) -> list[dict[str, Any]]:
        query = f"query($u: String!) {{ availablePackages(type: Plugin, source: $u) {{ {PACKAGE} }} }}"
        return list(self.stash.gql(query, {"u": self.url})["availablePackages"])

    def installed(self) -> list[dict[str, Any]]:
        """Each with `source_package`, which is newer where the page offers an update."""
        query = f"{{ installedPackages(type: Plugin) {{ {PACKAGE} source_package {{ {PACKAGE} }} }} }}"
        return list(self.stash.gql(query)["installedPackages"])

    def install(self, package: str) -> None:
        self._run("installPackages", [{"id": package, "sourceURL": self.url}])

    def uninstall(self, package: str) -> None:
        self._run("uninstallPackages", [{"id": package, "sourceURL": self.url}])

    def update_all(self) -> None:
        """Only what has a later date."""
        self._run("updatePackages", [])

    def _run(self, mutation: str, packages: list[dict[str, str]]) -> None:
        query = f"mutation($p: [PackageSpecInput!]!) {{ {mutation}(type: Plugin, packages: $p) }}"
        self.stash.wait_for_job(self.stash.gql(query, {"p": packages})[mutation])
