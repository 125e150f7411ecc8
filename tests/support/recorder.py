"""Installs the recorder plugin: its script is in tests/stash/recorder, its manifest is written here.

The manifest is not in the tree, because Stash loads every .yml below its plugins folder as a plugin, even one in a
checkout there.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).resolve().parent.parent / "stash" / "recorder" / "recorder.py"
OPERATIONS = {
    "Scene": ("Create", "Update", "Destroy"),
    "SceneMarker": ("Create", "Update", "Destroy"),
    "Performer": ("Create", "Update", "Destroy"),
    "Studio": ("Create", "Update", "Destroy"),
    "Group": ("Create", "Update", "Destroy"),
    "Tag": ("Create", "Update", "Destroy", "Merge"),
}
HOOKS = tuple(f"{kind}.{operation}.Post" for kind, operations in OPERATIONS.items() for operation in operations)


def manifest(hooks: tuple[str, ...] = HOOKS) -> str:
    lines = [
        "name: Recorder",
        "description: Writes down what Stash gives it",
        "version: 0.1.0",
        "exec:",
        "  - python3",
        '  - "{pluginDir}/recorder.py"',
        "interface: raw",
        "tasks:",
        "  - name: Record",
        "    description: Does what its arguments ask for",
        "    defaultArgs:",
        "      mode: record",
        "      days: 7",
    ]
    if hooks:
        lines += ["hooks:", "  - name: Record", "    triggeredBy:", *(f"      - {hook}" for hook in hooks)]
    return "\n".join(lines) + "\n"


def install_recorder(folder: Path, hooks: tuple[str, ...] = HOOKS) -> Path:
    """Make the plugin `recorder` in `folder`/recorder; returns that path."""
    plugin = folder / "recorder"
    plugin.mkdir(parents=True)
    shutil.copy(SCRIPT, plugin)
    (plugin / "recorder.yml").write_text(manifest(hooks))
    return plugin


def recorded(folder: Path) -> list[dict[str, Any]]:
    """What each start left in `folder`, oldest first; `stdin` as bytes."""
    found = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"), key=lambda file: file.name)]
    return [{**facts, "stdin": facts["stdin"].encode("latin-1")} for facts in found]
