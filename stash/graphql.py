"""Questions to Stash, over stashapi's GQLWrapper: unlike StashInterface, it runs no introspection query."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from stashapi.classes import GQLWrapper

from network.bounded import read_body
from stash.errors import StashAnswerTooLarge, StashLacks, StashRefused, StashUnavailable
from stash.transport import check_login

if TYPE_CHECKING:
    import requests

    from stash.transport import StashSession

# Text takes up to five times as much memory as here, and each value a hundred bytes more.
ANSWER_LIMIT_BYTES, ANSWER_LIMIT_VALUES = 6 << 20, 400_000
SHOWN_ERROR_CHARACTERS = 300
# Errors that are not about the query: any other query would get them too.
_TEMPORARY_ERROR = re.compile(r"database is locked|database not initiali[sz]ed|database needs? migrat", re.IGNORECASE)


class GraphQL(GQLWrapper):  # type: ignore[misc]  # stashapi ships no types
    """stashapi's wrapper with our session and our error classes."""

    s: requests.Session

    def __init__(self, url: str, session: StashSession) -> None:
        super().__init__()
        session.headers.update(self.s.headers)
        self.s.close()
        self.s = session
        self.url = url
        self.log = logging.getLogger(__name__)
        self.fragments: dict[str, str] = {}

    def _handle_GQL_response(self, response: requests.Response) -> Mapping[str, Any]:  # noqa: N802 - the library's name
        """The response's `data`. Both an invalid query (status 422) and a failed one (status 200) carry `errors`."""
        with response:  # its body may never be read
            check_login(response)
            answer = _json_object(read_body(response, ANSWER_LIMIT_BYTES), response.status_code)
        if answer.get("errors"):
            raise _graphql_error(answer["errors"], response.status_code)
        data = answer.get("data")
        if response.status_code != HTTPStatus.OK or not isinstance(data, Mapping):
            raise StashUnavailable(f"Stash answers with status {response.status_code} and no data")
        return data


def _json_object(body: bytes, status: int) -> Mapping[str, Any]:
    if sum(map(body.count, (b",", b"{", b"["))) > ANSWER_LIMIT_VALUES:
        raise StashAnswerTooLarge(f"Stash's answer has more than {ANSWER_LIMIT_VALUES:,} values")
    try:
        answer = json.loads(body.decode())  # from bytes, it would guess the encoding
    except (ValueError, RecursionError) as error:
        raise StashUnavailable(f"Stash's answer (status {status}) is not JSON or broke off") from error
    if not isinstance(answer, dict):
        raise StashUnavailable(f"Stash's answer (status {status}) is JSON of an unknown shape")
    return answer


def _graphql_error(errors: object, status: int) -> StashRefused | StashUnavailable:
    """An exception with the first message: StashUnavailable for 5xx or a locked database, StashLacks for a query that
    does not fit Stash's schema (422), otherwise StashRefused.
    """
    entries = errors if isinstance(errors, list) else [errors]
    messages = [str(entry.get("message")) if isinstance(entry, Mapping) else str(entry) for entry in entries]
    shown = " ".join(messages[0][: 2 * SHOWN_ERROR_CHARACTERS].split())[:SHOWN_ERROR_CHARACTERS]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or any(_TEMPORARY_ERROR.search(message) for message in messages):
        return StashUnavailable(f"Stash cannot answer now: {shown}")
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return StashLacks(shown)
    return StashRefused(f"Stash refuses a query: {shown}")
