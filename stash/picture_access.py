"""Tries whether somebody without a login, as Plex is, gets a performer's picture from an address of Stash."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from stash.connection import StashConnection
from stash.errors import StashUnavailable
from stash.transport import StashSession, translated

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why there is no picture. `is_certain`: False if it may pass by itself."""

    text: str
    is_certain: bool


def find_obstacle(address: str, performer_id: int, *, timeout_s: float = TIMEOUT_S) -> Obstacle | None:
    """Send one request for the picture, without key or cookie. None if a picture answers."""
    session = StashSession(StashConnection(url=address), timeout_s=timeout_s)
    try:
        picture = f"{address}/performer/{performer_id}/image"
        with translated(address, timeout_s), session.get(picture, headers={"Accept": "image/*"}) as response:
            return obstacle_in(
                response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                location=response.headers.get("Location", ""),
            )
    except StashUnavailable as error:
        return Obstacle(text=str(error), is_certain=False)
    finally:
        session.close()


def obstacle_in(status: int, *, content_type: str, location: str) -> Obstacle | None:
    """What an answer means for who wants a picture. A redirect is not followed: it mostly leads to a login page."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        where = "to the login page" if "/login" in location else "elsewhere"
        return Obstacle(text=f"it redirects {where} ({status})", is_certain=True)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return Obstacle(text=f"it asks for a login ({status})", is_certain=True)
    if status != HTTPStatus.OK:
        is_passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS
        return Obstacle(text=f"it answers with status {status}", is_certain=not is_passing)
    if content_type.lower().startswith(("text/", "application/xhtml")):
        return Obstacle(text="it answers with a web page", is_certain=True)
    return None
