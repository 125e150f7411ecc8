"""The marks around a path in a sentence, so that `hide_paths` finds it there. They stay in what is stored.

Loaded by operations that have to answer fast, so it imports nothing.
"""

from __future__ import annotations

# Two code points that Unicode keeps for such uses within a program; in a file's name they mean nothing.
BEGIN, END = "\ufdd0", "\ufdd1"


def without_marks(text: str) -> str:
    """The sentence for somebody who may see the paths."""
    return text.replace(BEGIN, "").replace(END, "")


def without_any_marks(value: object) -> object:
    """The same for all texts in a value as JSON has them."""
    if isinstance(value, str):
        return without_marks(value)
    if isinstance(value, (list, tuple)):
        return [without_any_marks(each) for each in value]
    if isinstance(value, dict):
        return {key: without_any_marks(each) for key, each in value.items()}
    return value
