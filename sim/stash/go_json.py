"""JSON as Go's encoding/json writes it: compact, with `<`, `>`, `&` and the two Unicode line separators escaped."""

from __future__ import annotations

import json
import re
from typing import Any

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
ESCAPED = re.compile("[<>&\u2028\u2029]")


def encode(value: Any) -> bytes:
    """Encode as UTF-8; an unpaired surrogate becomes U+FFFD."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    # These characters occur only inside JSON strings, so the text as a whole can be escaped.
    text = ESCAPED.sub(lambda match: ESCAPES[match.group()], text)
    return LONE_SURROGATE.sub("\ufffd", text).encode()


def without_whole_floats(value: Any) -> Any:
    """Replace 1.0 by 1 at any depth, as Go writes it."""
    if isinstance(value, dict):
        return {key: without_whole_floats(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_whole_floats(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def sorted_keys(value: Any) -> Any:
    """Sort keys at any depth, as Go does when it writes a map."""
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(part) for part in value] if isinstance(value, (list, tuple)) else value
