"""Keeps secrets out of logs: a filter for log handlers, with a method for any other text."""

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

PLACEHOLDER = "[hidden]"
SHORTEST_SECRET = 4  # replacing "1" or "abc" everywhere would garble messages and hide nothing
# Stash issues a new session cookie each second; only the newest few can still appear in a message.
KEPT_PER_KIND = 4
# A token or key in a query string or header that was not added (yet).
_LABELLED = re.compile(r"(?i)\b(x-plex-token|apikey)(\"?'?\s*[=:]\s*\"?'?)[^\s&\"',;<>]+")


class Redactor(logging.Filter):
    """Replaces each known secret, plain or encoded, in a record's message, arguments and exception text.

    Attach it to handlers, not to loggers: a logger's filter does not see records of child loggers.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets: dict[Kind, tuple[str, ...]] = {}  # newest last
        self._forms: tuple[str, ...] = ()  # longest first: one may contain another
        for token in tokens:
            self.add("token", token)

    def __repr__(self) -> str:
        return "Redactor()"

    def add(self, kind: Kind, secret: str) -> None:
        """Hide this secret, and of each kind only the newest KEPT_PER_KIND; blank and very short ones are ignored."""
        secret = secret.strip()
        kept = self._secrets.get(kind, ())
        if len(secret) < SHORTEST_SECRET or secret in kept[-1:]:
            return
        others = tuple(each for each in kept if each != secret)
        self._secrets[kind] = (*others, secret)[-KEPT_PER_KIND:]
        forms = {form for secrets in self._secrets.values() for each in secrets for form in _forms(each)}
        self._forms = tuple(sorted(forms, key=len, reverse=True))

    def clean(self, text: str) -> str:
        """`text` with PLACEHOLDER instead of each secret."""
        for form in self._forms:
            text = text.replace(form, PLACEHOLDER)
        return _LABELLED.sub(rf"\1\2{PLACEHOLDER}", text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record itself, so that handlers without this filter show no secret afterwards either."""
        record.msg, record.args = self.clean(_message(record)), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None  # its text is in exc_text, which every Formatter prefers
        record.exc_text = self.clean(record.exc_text) if record.exc_text else None
        record.stack_info = self.clean(record.stack_info) if record.stack_info else None
        return True


def _message(record: logging.LogRecord) -> str:
    """The formatted message. Arguments that do not fit the text are shown instead of raising an error."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} (arguments that do not fit: {record.args!r})"


def _forms(secret: str) -> set[str]:
    """The secret as it may look in a URL, a cookie, JSON, HTML or the output of repr()."""
    encodable = secret.encode("utf-8", "replace").decode()
    quoted = {quote(encodable), quote(encodable, safe=""), quote_plus(encodable)}
    lower = {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text) for text in quoted}
    twice = {quote(text, safe="") for text in quoted}
    escaped = {json.dumps(secret)[1:-1], html.escape(secret), repr(secret)[1:-1], repr(encodable.encode())[2:-1]}
    return {secret, *quoted, *lower, *twice, *escaped}
