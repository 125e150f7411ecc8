"""The user's settings, parsed once. A bad value yields one message and the default; nothing here raises.

Stash has no defaults: it shows an unset switch as off and an unset number as 0, so off, 0 and empty mean "the default".
It stores any value for any type of setting; numbers may arrive as text.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, TypeVar

from local.hide_paths import as_path
from local.redact import Redactor
from stash.addresses import parse_plex_url, parse_url, refuse_stash, token_in
from stash.setting_names import on_the_page
from stash.setting_values import (
    TOKEN_CHARACTERS,
    BadValue,
    is_unset,
    parse_choice,
    parse_list,
    parse_number,
    parse_path_map,
    parse_scope,
    parse_switch,
    parse_tls,
    parse_token,
    show,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stash.setting_values import PathRule

T = TypeVar("T")

SKIPPABLE = (
    "title",
    "studio",
    "summary",
    "date",
    "rating",
    "performers",
    "tags",
    "director",
    "collections",
    "poster",
    "background",
)
INTERVALS = ("never", "hourly", "daily", "weekly")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Each setting under its own key, except that times carry their unit and `skip` combines the `skip_…` switches."""

    plex_url: str = ""  # empty: jobs wait, since nothing can be pushed
    plex_token: str = field(default="", repr=False)
    plex_library: tuple[str, ...] = ()  # empty: all movie libraries
    path_map: tuple[PathRule, ...] = ()  # the first match wins; empty: inferred
    paused: bool = False
    only_organized: bool = False
    allow_ambiguous: bool = False
    keep_plex_edits: bool = False
    skip_missing: bool = False
    stash_url_for_plex: str = ""
    scan_plex: bool = False
    skip: frozenset[str] = frozenset()  # of SKIPPABLE
    exclude_tags: tuple[str, ...] = ()  # may contain `*`
    max_tags: int = 100
    max_retries: int = 5
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    tls: str = "verify"  # or "insecure", or the path of a CA file
    recovery_rate: float = 5.0  # jobs per second
    recovery_minutes: float = 5.0
    reconcile_interval: str = "never"
    reconcile_scope: str = "24h"  # or "all", "7days", "<N>d"
    ignore_missing: bool = False
    leave_when_idle: bool = False
    debug_logging: bool = False
    hide_paths: bool = False


SETTING_KEYS = frozenset(
    {setting.name.removesuffix("_s") for setting in fields(Settings) if setting.name != "skip"}
    | {f"skip_{name}" for name in SKIPPABLE},
)
_PATH_SETTINGS = tuple(map(on_the_page, ("path_map", "tls")))
# In the problem of a setting without which nothing can be sent.
CHANGES_WAIT = "changes wait until"
_PLEX_URL_HINT = "enter it, for example http://192.168.1.10:32400"
_PLEX_TOKEN_HINT = "enter the token of the account that owns the Plex server"  # noqa: S105 - a hint, not a token


def parse_settings(
    raw: Mapping[str, object], environ: Mapping[str, str], *, stash_url: str = ""
) -> tuple[Settings, tuple[str, ...]]:
    """The settings, and one line for each problem: setting, value, what is allowed, what is used instead.

    PLEX_URL and PLEX_TOKEN in `environ` replace unset settings. Unknown keys are ignored. `stash_url`: Plex cannot be
    there.
    """
    reader = _Reader(raw, environ, stash_url)
    text, number, switch = reader.text, reader.number, reader.switch
    settings = Settings(
        plex_url=reader.required("plex_url", reader.parse_plex_url, _PLEX_URL_HINT),
        plex_token=reader.required("plex_token", parse_token, _PLEX_TOKEN_HINT, instead=reader.take_token()),
        plex_library=text("plex_library", parse_list, ()),
        path_map=reader.path_map("path_map"),
        paused=switch("paused"),
        only_organized=switch("only_organized"),
        allow_ambiguous=switch("allow_ambiguous"),
        keep_plex_edits=switch("keep_plex_edits"),
        skip_missing=switch("skip_missing"),
        stash_url_for_plex=text("stash_url_for_plex", parse_url, ""),
        scan_plex=switch("scan_plex"),
        skip=frozenset(name for name in SKIPPABLE if switch(f"skip_{name}")),
        exclude_tags=text("exclude_tags", parse_list, ()),
        max_tags=int(number("max_tags", 100, least=1, most=1000, whole=True)),
        max_retries=int(number("max_retries", 5, least=1, most=100, whole=True)),
        connect_timeout_s=number("connect_timeout", 5, least=0.1, most=600),
        read_timeout_s=number("read_timeout", 30, least=0.1, most=600),
        tls=text("tls", parse_tls, "verify"),
        recovery_rate=number("recovery_rate", 5, least=0.1, most=100),
        recovery_minutes=number("recovery_minutes", 5, least=1, most=30),
        reconcile_interval=text("reconcile_interval", lambda value: parse_choice(value, INTERVALS), "never"),
        reconcile_scope=text("reconcile_scope", parse_scope, "24h"),
        ignore_missing=switch("ignore_missing"),
        leave_when_idle=switch("leave_when_idle"),
        debug_logging=switch("debug_logging"),
        hide_paths=switch("hide_paths"),
    )
    return settings, tuple(reader.messages)


class _Reader:
    """Reads one setting at a time and collects the messages."""

    def __init__(self, raw: Mapping[str, object], environ: Mapping[str, str], stash_url: str) -> None:
        self.raw = raw
        self.environ = environ
        self.stash_url = stash_url
        self.messages: list[str] = []
        # The token may have been pasted into another setting too.
        tokens = (raw.get("plex_token"), environ.get("PLEX_TOKEN"), token_in(self._given("plex_url")[0]))
        self.redactor = Redactor(str(token) for token in tokens if token)

    def switch(self, key: str) -> bool:
        return self._parsed(on_the_page(key), self.raw.get(key), parse_switch, default=False)

    def number(self, key: str, default: float, *, least: float, most: float, whole: bool = False) -> float:
        def parse(value: object) -> float:
            return parse_number(value, least=least, most=most, whole=whole) or float(default)

        return self.text(key, parse, float(default))

    def text(self, key: str, parse: Callable[[object], T], default: T) -> T:
        value = self.raw.get(key)
        return default if is_unset(value) else self._parsed(on_the_page(key), value, parse, default=default)

    def required(self, key: str, parse: Callable[[object], str], hint: str, *, instead: str = "") -> str:
        """A setting without a default. If it is missing, `instead` is taken; if there is none, or the setting is bad,
        the result is "" and a message says so.
        """
        value, name = self._given(key)
        if not is_unset(value):
            return self._parsed(name, value, parse, default="", instead=f"{CHANGES_WAIT} it is corrected")
        if not instead:
            self.messages.append(f"{on_the_page(key)} is not set: {hint}; {CHANGES_WAIT} then")
        return instead

    def _given(self, key: str) -> tuple[object, str]:
        """A setting's value, or that of the variable which stands in for it, and the name of either."""
        if is_unset(self.raw.get(key)):
            return self.environ.get(key.upper()), f"{key.upper()} in the environment"
        return self.raw.get(key), on_the_page(key)

    def parse_plex_url(self, value: object) -> str:
        url = parse_plex_url(value)
        refuse_stash(url, self.stash_url)
        return url

    def take_token(self) -> str:
        """The token that was pasted as a part of Plex's address, if it is needed. A message says that it was there."""
        value, name = self._given("plex_url")
        token = token_in(value)
        if not token:
            return ""
        is_needed = is_unset(self._given("plex_token")[0]) and TOKEN_CHARACTERS.fullmatch(token)
        setting = on_the_page("plex_token")
        use = f"it is used, since {setting} is not set: move it there" if is_needed else f"{setting} is used instead"
        self.messages.append(f"{name} holds a token, which was taken out of the address; {use}")
        return token if is_needed else ""

    def path_map(self, key: str) -> tuple[PathRule, ...]:
        """Invalid rules are left out; the others still apply."""
        nothing: tuple[tuple[PathRule, ...], tuple[str, ...]] = ((), ())
        rules, bad = self.text(key, parse_path_map, nothing)
        for rule in bad:
            allowed = "a rule like /data => /media (semicolons separate rules)"
            self._complain(on_the_page(key), show(rule), allowed, "it is left out")
        return rules

    def _parsed(
        self,
        name: str,
        value: object,
        parse: Callable[[object], T],
        *,
        default: T,
        instead: str = "the default is used",
    ) -> T:
        try:
            return parse(value)
        except BadValue as bad:
            self._complain(name, bad.shown or show(value), bad.allowed, instead)
            return default

    def _complain(self, name: str, shown: str, allowed: str, instead: str) -> None:
        shown = as_path(shown) if name in _PATH_SETTINGS else shown
        self.messages.append(self.redactor.clean(f"{name} is {shown}; it must be {allowed}; {instead}"))
