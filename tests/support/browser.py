"""Chromium on the page of the simulated Stash, and what must hold for everything that it shows."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Dialog, Page

    from tests.support.plugin_world import PluginWorld

ROOT = Path(__file__).resolve().parent.parent.parent
NODE_MODULES = ROOT / "tests" / "page" / "node_modules"
# With this, what a machine lacks is a failure: CI must not leave tests out without anybody noticing.
REQUIRED = "PLEXSYNC_TEST_PAGE"
PATIENCE_MS = 20_000
SERIOUS = ("serious", "critical")


def need(lacking: str) -> None:
    """Skip the test if something is lacking, or fail where it has to be there."""
    if lacking and os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, but {lacking}")
    if lacking:
        pytest.skip(lacking)


def missing_node() -> str:
    """Why the checks of the page cannot run here; "" if they can."""
    if not shutil.which("node"):
        return "node is not installed"
    if not NODE_MODULES.is_dir():
        return "tests/page/node_modules is missing: python3 tests installs it where npm is there"
    return ""


def chromium() -> str:
    """The path of the system's browser; "" if there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def missing_browser() -> str:
    """Why no browser can be driven here; "" if one can."""
    if find_spec("playwright") is None:
        return "playwright is not installed"
    return missing_node() or ("" if chromium() else "chromium is not installed")


class Visit:
    """A browser's page, and what its console said. `address`: of Stash."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        self.console: list[str] = []  # errors and warnings, with the address of the script or file
        self.operations: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self._note(message.type, f"{message.text} {message.location['url']}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._refuse)
        page.on("request", lambda request: self._note_operation(request.post_data or ""))

    def open(self, path: str = "/plexsync") -> None:
        self.page.goto(self.address + path)

    def wait_for_text(self, text: str) -> None:
        self.page.get_by_text(text).first.wait_for()

    def tab(self, name: str) -> None:
        self.page.get_by_role("tab", name=name).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def violations(self) -> list[str]:
        """What axe finds that is serious or worse."""
        self.page.add_script_tag(path=str(NODE_MODULES / "axe-core" / "axe.min.js"))
        found: dict[str, Any] = self.page.evaluate("async () => await axe.run('.plexsync, .plexsync-sign')")
        return [
            f"{each['id']}: {node['html'][:150]} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]

    def _note(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.console.append(text)

    def _refuse(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog opened: {dialog.message}")
        dialog.dismiss()

    def _note_operation(self, body: str) -> None:
        if "runPluginOperation" in body:
            self.operations.append(json.loads(body)["variables"]["args"]["mode"])


@contextmanager
def browse(world: PluginWorld, *, omit: Sequence[str] = (), width: int = 1200) -> Iterator[Visit]:
    """A visit to the world's Stash. `omit`: patch points that this Stash does not have."""
    need(missing_browser())
    world.stash.serve_page(NODE_MODULES, omit)
    with visit_to(world.stash.url, width=width) as visit:
        yield visit


@contextmanager
def visit_to(address: str, *, width: int = 1200, about: str = "") -> Iterator[Visit]:
    """A visit to a Stash. At its end, the console must have said nothing `about` it, and no dialog opened."""
    need(missing_browser())
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - may not be installed

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            # axe would look at colours that are only on their way.
            page = browser.new_page(viewport={"width": width, "height": 900}, reduced_motion="reduce")
            visit = Visit(page, address)
            try:
                yield visit
            except BaseException:
                print(f"The page shows:\n{page.inner_text('body')}\nIts operations: {visit.operations}")
                raise
            complaints = visit.complaints + [each for each in visit.console if about in each]
            assert not complaints, complaints
        finally:
            browser.close()
