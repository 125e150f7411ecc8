"""Texts for the server's filter `file=`, which finds a text anywhere in a path, in any case. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from plex.paths import base_name, is_case_insensitive, plain_path, respell

if TYPE_CHECKING:
    from collections.abc import Sequence

_OPERATORS = "=<>! "  # Plex's, and the blanks between them


def text_of_name(file_name: str) -> str:
    """The longest part of a file's name that is safe to send as `file=`; `file_name` may be a whole path.

    A comma may mean "or", an accented letter may be stored in another Unicode form, and a leading `=` may be taken
    for an operator: the part has none of these.
    """
    return max(_stretches(base_name(file_name)), key=len)


def _stretches(text: str) -> list[str]:
    plain = "".join(
        "," if unicodedata.normalize("NFD", letter) != letter or not letter.isprintable() else letter
        for letter in unicodedata.normalize("NFC", text)
    )
    return [stretch.lstrip(_OPERATORS).rstrip() for stretch in plain.split(",")]


def text_of_path(text: str) -> str:
    """The part of a path, or of its end, to send as `file=`: after the last comma if that has a folder."""
    *_, last = stretches = [stretch.lstrip(_OPERATORS).rstrip() for stretch in text.split(",")]
    return last if "/" in last or "\\" in last else max(stretches, key=len)


def spellings_below(folder: str, path: str) -> list[str]:
    r"""The texts to search for a path below a library's folder, spelled as the library spells that folder.

    A share is searched for without its first separators, which also finds `\\?\UNC\server`. Where the library says
    `//server`, its files may have backslashes everywhere, nowhere, or below the library's folder.
    """
    text = plain_path(respell(path, folder) or path)
    if not text.startswith(("//", "\\\\")):
        return [text]
    text = text.lstrip("/\\")
    if not folder.startswith("//"):
        return [text]
    head = folder.strip("/")
    return [text.replace("/", "\\"), text, head + text[len(head) :].replace("/", "\\")]


def spellings_of_end(path: str, count: int, folders: Sequence[str]) -> list[str]:
    """The last `count` folders and names of the path, with each separator that Plex may use below these folders."""
    separators: dict[str, None] = {}
    for folder in folders:
        if folder.startswith("//"):  # a share: its files may have either
            separators |= {"\\": None, "/": None}
        else:
            separators["\\" if "\\" in folder or is_case_insensitive(folder) else "/"] = None
    names = [name for name in re.split(r"[/\\]+", path)[-count:] if name]
    return [separator.join(["", *names]) for separator in separators or ("/",)]
