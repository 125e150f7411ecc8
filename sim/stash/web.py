"""The files that Stash serves to a browser: the plugin's, and a page of our own that offers Stash's plugin API."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.stash.manifest import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCRIPT = Path(__file__).parent / "page" / "stash.js"
# Stash brings these along (facts: React 17, Bootstrap 4). Folders below `node_modules`.
LIBRARIES = (
    "react/umd/react.production.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "react-router-dom/umd/react-router-dom.min.js",
    "react-bootstrap/dist/react-bootstrap.min.js",
)
STYLE = "bootstrap/dist/css/bootstrap.min.css"
# As a Stash 0.30.1 sends it.
SECURITY_POLICY = (
    "default-src data: 'self' 'unsafe-inline'; connect-src data: 'self' ws: wss:; img-src data: *; "
    "script-src 'self' http://www.gstatic.com https://www.gstatic.com 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; media-src blob: 'self'; worker-src blob:; child-src 'none'; "
    "object-src 'none'; form-action 'self';"
)
TYPES = {".js": "text/javascript", ".css": "text/css", ".map": "application/json"}
# Stash's own colours.
THEME = "body { background: #202b33; color: #f5f8fa } a, .btn-link { color: #48aff0 } .table { color: inherit }"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """What is served under a path."""

    content: bytes
    content_type: str


class StashWeb:
    """`node_modules`: where the libraries are that Stash would bring along. `omit`: names that its API lacks."""

    def __init__(self, plugin: Path, plugin_id: str, node_modules: Path, omit: Sequence[str] = ()) -> None:
        self._plugin, self._id, self._libraries = plugin, plugin_id, node_modules
        self.omit = tuple(omit)

    def find(self, path: str) -> WebFile | None:
        """The file under this path; the page for any that is no file's, as Stash does; None if it is missing."""
        ui = self._ui()
        own = f"/plugin/{self._id}"
        if path in (f"{own}/javascript", f"{own}/css"):
            kind = path.rpartition("/")[2]
            content = b"\n".join((self._plugin / name).read_bytes() for name in ui.get(kind) or ())
            return WebFile(content=content, content_type=TYPES[".css" if kind == "css" else ".js"])
        if path.startswith(f"{own}/assets/"):
            folder = str((ui.get("assets") or {}).get("/") or "")
            return _file_in(self._plugin / folder, path.removeprefix(f"{own}/assets/")) if folder else None
        if path.startswith("/plugin/"):
            return None
        if path == "/sim/stash.js":
            return WebFile(content=SCRIPT.read_bytes(), content_type=TYPES[".js"])
        if path.startswith("/sim/"):
            return _file_in(self._libraries, path.removeprefix("/sim/"))
        return WebFile(content=self._page().encode(), content_type="text/html; charset=utf-8")

    def _ui(self) -> Mapping[str, Any]:
        """Read anew, so that a test may change it."""
        raw = parse_yaml((self._plugin / f"{self._id}.yml").read_text(encoding="utf-8"))
        return raw.get("ui") or {}

    def _page(self) -> str:
        scripts = "".join(f'<script src="/sim/{name}"></script>' for name in (*LIBRARIES, "stash.js"))
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><base href="/"><title>Stash</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<link rel="icon" href="data:,"><link rel="stylesheet" href="/sim/{STYLE}">'
            f'<link rel="stylesheet" href="/plugin/{self._id}/css"><style>{THEME}</style></head>'
            f'<body><div id="root"></div><script>window.simOmit = {json.dumps(self.omit)}</script>{scripts}'
            f'<script src="/plugin/{self._id}/javascript" async></script></body></html>'
        )


def _file_in(folder: Path, name: str) -> WebFile | None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        return None
    return WebFile(content=path.read_bytes(), content_type=TYPES.get(os.path.splitext(name)[1], "text/plain"))
