from __future__ import annotations

from plex.connection import display_address


def test_an_address_is_shown_without_its_password() -> None:
    assert display_address("https://user:pa@ss@plex:32400/path") == "https://plex:32400"
