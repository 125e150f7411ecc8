"""Addresses of servers as people enter them: pasted from a browser, without http://, or of the wrong server."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from stash.setting_values import BadValue, parse_text, show

_HOST = re.compile(r"[\w.~-]+|[0-9a-fA-F:.]+(?:%[\w.~-]+)?")
_WITHOUT_SCHEME = re.compile(r"(?:[\w.~-]+|\[[0-9a-fA-F:.]+\]):\d+(?:/.*)?", re.DOTALL)
_WEB_PAGE = re.compile(r"(?<!/)/web(/.*)?$", re.DOTALL)  # what the browser's address bar shows for Plex's web app
# What "View XML" in Plex shows.
_PLEX_PAGE = re.compile(r"(?<!/)/(?:library|identity|status|hubs|playlists|:)(/.*)?$", re.DOTALL)
_TOKEN = re.compile(r"[?&#]X-Plex-Token=([^&#\s]*)", re.IGNORECASE)
# The web apps of plex.tv are no servers; they show the address of none.
_WEB_APPS = re.compile(r"(?:.+\.)?plex\.tv|.+\.plexapp\.com", re.IGNORECASE)
_THIS_MACHINE = re.compile(r"localhost|127\.[\d.]+|::1", re.IGNORECASE)
_PORTS = (("http", 80), ("https", 443))
_EXAMPLE = "an address like http://192.168.1.10:32400, beginning with http:// or https://, without user name and ?"
_OF_YOUR_SERVER = "the address of your own Plex server, like http://192.168.1.10:32400"


def parse_url(value: object) -> str:
    """`http://host:port`, optionally with a path, without a trailing slash. `host:port` is read as http."""
    text = parse_text(value)
    if _WITHOUT_SCHEME.fullmatch(text):
        text = f"http://{text}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise _bad_url(text) from None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        raise _bad_url(text)
    if "@" in parts.netloc or "?" in text or "#" in text or re.search(r"[\s\\\x00-\x1f]", text):
        raise _bad_url(text)
    return text.rstrip("/")


def parse_plex_url(value: object) -> str:
    """Like `parse_url`, but for the address of Plex's web app (`…/web/index.html#!/…`), or for one with a token in it,
    that of its server.
    """
    text = _WEB_PAGE.sub("", parse_text(value))
    if token_in(text):
        text = _PLEX_PAGE.sub("", re.split(r"[?#]", text)[0])
    url = parse_url(text)
    if _WEB_APPS.fullmatch(urlsplit(url).hostname or ""):
        raise BadValue(_OF_YOUR_SERVER, shown=f"{show(url)}: that is not a Plex server")
    return url


def token_in(value: object) -> str:
    """The token in a pasted address; "" if there is none."""
    found = _TOKEN.search(value) if isinstance(value, str) else None
    return unquote(found[1]) if found else ""


def refuse_stash(plex_url: str, stash_url: str) -> None:
    """Raise BadValue if the address of Plex is that of Stash."""
    if stash_url and _server_at(plex_url) == _server_at(stash_url):
        raise BadValue(_OF_YOUR_SERVER, shown=f"{show(plex_url)}: that is not a Plex server but Stash itself")


def _server_at(url: str) -> tuple[str, int | None, str]:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or dict(_PORTS).get(parts.scheme.lower())
    return "localhost" if _THIS_MACHINE.fullmatch(host) else host, port, parts.path.strip("/")


def _bad_url(text: str) -> BadValue:
    """People paste addresses with tokens and passwords, so only parts that cannot be secret are shown."""
    bare = re.sub(r"//.*@", "//[hidden]@", re.split(r"[?#]", text)[0], flags=re.DOTALL)
    return BadValue(_EXAMPLE, shown=show(bare))
