"""A plugin's manifest, read as strictly as Stash does: with an unknown key the plugin cannot be loaded.

The YAML reader handles what manifests use: nested mappings and lists, flow lists, quoted and plain scalars, comments,
folded and literal text. It refuses anything else and names the line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {"name", "description", "url", "version", "exec", "interface", "errLog", "tasks", "hooks", "settings", "ui"}
OPERATION_KEYS = {"name", "description", "execArgs", "defaultArgs"}
SETTING_KEYS = {"displayName", "description", "type"}
SETTING_TYPES = {"STRING", "NUMBER", "BOOLEAN"}
UI_KEYS = {"requires", "javascript", "css", "csp", "assets"}
LEVELS = {"", "trace", "debug", "info", "warning", "error"}


class ManifestError(Exception):
    """Stash would leave this plugin out of its list and log the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A task or, with `triggered_by`, a hook. `default_args` are strings, whatever type the manifest has."""

    name: str
    description: str = ""
    exec_args: tuple[str, ...] = ()
    default_args: dict[str, str] = field(default_factory=dict)
    triggered_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`plugin_id` is the file's name without its extension; `settings` maps keys to types."""

    plugin_id: str
    name: str
    command: tuple[str, ...]
    description: str = ""
    version: str = ""
    default_level: str = "error"
    tasks: tuple[Operation, ...] = ()
    hooks: tuple[Operation, ...] = ()
    settings: dict[str, str] = field(default_factory=dict)
    setting_words: dict[str, tuple[str, str]] = field(default_factory=dict)  # display name and description


def read_manifest(path: Path) -> Manifest:
    """Raises ManifestError if Stash would not load the plugin."""
    raw = parse_yaml(path.read_text(encoding="utf-8"))
    if not isinstance(raw, dict):
        raise ManifestError(f"{path.name}: not a mapping")
    _known(raw, KEYS, path.name)
    if raw.get("interface", "raw") != "raw":
        raise ManifestError(f"{path.name}: this simulator starts plugins with `interface: raw` only")
    if raw.get("errLog", "") not in LEVELS:
        raise ManifestError(f"{path.name}: errLog {raw['errLog']}")
    _known(raw.get("ui") or {}, UI_KEYS, "ui")
    return Manifest(
        plugin_id=path.stem,
        name=str(raw.get("name") or path.stem),
        command=tuple(str(part) for part in raw.get("exec") or ()),
        description=str(raw.get("description") or ""),
        version=str(raw.get("version") or ""),
        default_level=str(raw.get("errLog") or "error"),
        tasks=tuple(_operation(part, OPERATION_KEYS) for part in raw.get("tasks") or ()),
        hooks=tuple(_operation(part, OPERATION_KEYS | {"triggeredBy"}) for part in raw.get("hooks") or ()),
        settings=_settings(raw.get("settings") or {}),
        setting_words={
            key: (str(each.get("displayName") or ""), str(each.get("description") or ""))
            for key, each in (raw.get("settings") or {}).items()
        },
    )


def _known(mapping: Any, keys: set[str], where: str) -> None:
    if not isinstance(mapping, dict):
        raise ManifestError(f"{where}: not a mapping: {mapping!r}")
    unknown = sorted(set(mapping) - keys)
    if unknown:
        raise ManifestError(f"{where}: field {unknown[0]} not found")


def _operation(raw: Any, keys: set[str]) -> Operation:
    _known(raw, keys, "operation")
    return Operation(
        name=str(raw.get("name", "")),
        description=str(raw.get("description") or ""),
        exec_args=tuple(str(part) for part in raw.get("execArgs") or ()),
        default_args={str(key): _as_text(value) for key, value in (raw.get("defaultArgs") or {}).items()},
        triggered_by=tuple(str(part) for part in raw.get("triggeredBy") or ()),
    )


def _as_text(value: Any) -> str:
    """A scalar as the manifest wrote it."""
    words = {None: "", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _settings(raw: dict[str, Any]) -> dict[str, str]:
    for key, setting in raw.items():
        _known(setting, SETTING_KEYS, key)
        if setting.get("type") not in SETTING_TYPES:
            raise ManifestError(f"setting {key}: {setting.get('type')} is not a valid PluginSettingTypeEnum")
    return {key: str(setting["type"]) for key, setting in raw.items()}


# --- the subset of YAML ---

KEY = re.compile(r"""(?P<key>"[^"]*"|'[^']*'|[^\s"'#\[\]{}&*!|>%@-][^:#]*?|-[^\s:][^:#]*?)\s*:(?:\s+(?P<rest>.*))?$""")
FLOW_PART = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,\[\]{}"']+)\s*(?:,|$)""")
Line = tuple[int, int, str]  # number, indentation, text


def parse_yaml(text: str) -> Any:
    """Parse mappings, lists and scalars. Raises ManifestError."""
    lines = _lines(text)
    value, rest = _block(lines, lines[0][1] if lines else 0)
    if rest:
        raise ManifestError(f"line {rest[0][0]}: unexpected indentation")
    return value


def _lines(text: str) -> list[Line]:
    found: list[Line] = []
    for number, whole in enumerate(text.splitlines(), 1):
        body = whole.strip()
        if not body or body.startswith("#") or body == "---":
            continue
        indentation = whole[: len(whole) - len(whole.lstrip())]
        if "\t" in indentation:
            raise ManifestError(f"line {number}: found character that cannot start any token")
        found.append((number, len(indentation), body))
    return found


def _block(lines: list[Line], indent: int) -> tuple[Any, list[Line]]:
    if not lines:
        return None, lines
    return _list(lines, indent) if lines[0][2].startswith(("- ", "-\n")) or lines[0][2] == "-" else _map(lines, indent)


def _list(lines: list[Line], indent: int) -> tuple[list[Any], list[Line]]:
    items: list[Any] = []
    while lines and lines[0][1] == indent and (lines[0][2].startswith("- ") or lines[0][2] == "-"):
        number, _, body = lines[0]
        inner = body[1:].lstrip()
        inner_indent = indent + len(body) - len(inner)
        if inner and KEY.match(inner):
            item, lines = _map([(number, inner_indent, inner), *lines[1:]], inner_indent)
        elif inner:
            item, lines = _scalar(inner, number), lines[1:]
        else:
            item, lines = _nested(lines[1:], indent)
        items.append(item)
    return items, lines


def _map(lines: list[Line], indent: int) -> tuple[dict[str, Any], list[Line]]:
    mapping: dict[str, Any] = {}
    while lines and lines[0][1] == indent:
        number, _, body = lines[0]
        match = KEY.match(body)
        if not match or body.startswith("- "):
            raise ManifestError(f"line {number}: could not find expected ':'")
        key, rest = str(_scalar(match["key"], number)), (match["rest"] or "").strip()
        if key in mapping:
            raise ManifestError(f"line {number}: key {key!r} already set in map")
        if rest in {"|", ">", "|-", ">-"}:
            mapping[key], lines = _text(lines[1:], indent, rest)
        elif rest and not rest.startswith("#"):
            mapping[key], lines = _scalar(rest, number), lines[1:]
        else:
            mapping[key], lines = _nested(lines[1:], indent, in_map=True)
    return mapping, lines


def _nested(lines: list[Line], indent: int, *, in_map: bool = False) -> tuple[Any, list[Line]]:
    """The value below a key or a dash; a list may be indented no further than its key."""
    if lines and (lines[0][1] > indent or (in_map and lines[0][1] == indent and lines[0][2].startswith("- "))):
        return _block(lines, lines[0][1])
    return None, lines


def _text(lines: list[Line], indent: int, style: str) -> tuple[str, list[Line]]:
    taken = 0
    while taken < len(lines) and lines[taken][1] > indent:
        taken += 1
    joined = (" " if style.startswith(">") else "\n").join(body for _, _, body in lines[:taken])
    return joined + ("" if style.endswith("-") else "\n"), lines[taken:]


def _scalar(text: str, number: int) -> Any:
    text = text.strip()
    if text.startswith("["):
        closed = re.sub(r"\s+#.*$", "", text)
        if not closed.endswith("]"):
            raise ManifestError(f"line {number}: a flow list must end on its line")
        return _flow_list(closed[1:-1], number)
    if text[:1] in {'"', "'"}:
        return _quoted(text, number)
    text = re.sub(r"\s+#.*$", "", text)
    if text == "{}":
        return {}
    if text[:1] in set("{}&*!|>%@`") or ": " in text:
        raise ManifestError(f"line {number}: cannot read {text!r}")
    words = {"": None, "null": None, "~": None, "true": True, "false": False}
    if text.lower() in words:
        return words[text.lower()]
    return int(text) if re.fullmatch(r"-?(0|[1-9]\d*)", text) else text


def _quoted(text: str, number: int) -> str:
    quote = text[0]
    match = re.fullmatch(r'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?' if quote == '"' else r"'((?:[^']|'')*)'\s*(?:#.*)?", text)
    if not match:
        raise ManifestError(f"line {number}: quotes do not match in {text!r}")
    inner = match.group(1)
    if quote == "'":
        return inner.replace("''", "'")
    return re.sub(r"\\(.)", lambda escape: {"n": "\n", "t": "\t"}.get(escape.group(1), escape.group(1)), inner)


def _flow_list(inner: str, number: int) -> list[Any]:
    parts: list[Any] = []
    position = 0
    while inner[position:].strip():
        match = FLOW_PART.match(inner, position)
        if not match:
            raise ManifestError(f"line {number}: cannot read the list [{inner}]")
        parts.append(_scalar(match.group(1), number))
        position = match.end()
    return parts
