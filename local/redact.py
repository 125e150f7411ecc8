"""Keeps secrets out of logs: a filter for every handler, and a function for any other text."""

from __future__ import annotations

import html
import json
import logging
import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["token", "api key", "cookie"]

STAND_IN = "[hidden]"
SHORTEST_SECRET = 4  # replacing "1" or "abc" everywhere would garble every message and hide nothing
# Stash hands out a new session cookie each second, so only the newest few of a kind can still reach a message.
KEPT_OF_A_KIND = 4
# A token or key in a query string or header that nobody has told us about (yet).
_LABELLED = re.compile(r"(?i)\b(x-plex-token|apikey)(\"?'?\s*[=:]\s*\"?'?)[^\s&\"',;<>]+")


class Redactor(logging.Filter):
    """Replaces each known secret, plain or encoded, in a record's message, arguments and exception text.

    Attach it to handlers, not to loggers: a logger's filter does not see the records of its children.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets: dict[Kind, tuple[str, ...]] = {}  # the newest last
        self._forms: tuple[str, ...] = ()  # of all secrets, the longest first: one may contain another
        for token in tokens:
            self.add("token", token)

    def __repr__(self) -> str:
        return "Redactor()"

    def add(self, kind: Kind, secret: str) -> None:
        """Hide this one too from now on, and the few of its kind before it; blank and very short ones are ignored."""
        secret = secret.strip()
        kept = self._secrets.get(kind, ())
        if len(secret) < SHORTEST_SECRET or secret in kept[-1:]:
            return
        others = tuple(each for each in kept if each != secret)
        self._secrets[kind] = (*others, secret)[-KEPT_OF_A_KIND:]
        forms = {form for secrets in self._secrets.values() for each in secrets for form in _forms(each)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """`text` with a stand-in for each secret."""
        for form in self._forms:
            text = text.replace(form, STAND_IN)
        return _LABELLED.sub(rf"\1\2{STAND_IN}", text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place, so that a handler without this filter shows no secret afterwards either."""
        record.msg, record.args = self.clean(_message(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None  # its text stands in exc_text, which every Formatter prefers
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        return True


def _message(record: logging.LogRecord) -> str:
    """The formatted message; a call whose arguments do not fit its text is shown, not raised."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} (arguments that do not fit: {record.args!r})"


def _forms(secret: str) -> set[str]:
    """How the secret may look once it went through a URL, a cookie, JSON, HTML or repr()."""
    encodable = secret.encode("utf-8", "replace").decode()
    quoted = {quote(encodable), quote(encodable, safe=""), quote_plus(encodable)}
    lower = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in quoted}
    twice = {quote(text, safe="") for text in quoted}
    escaped = {json.dumps(secret)[1:-1], html.escape(secret), repr(secret)[1:-1], repr(encodable.encode())[2:-1]}
    return {secret, *quoted, *lower, *twice, *escaped}
