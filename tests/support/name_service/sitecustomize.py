"""Stands in for a name server in a worker that a test starts: Python imports this file from PYTHONPATH.

The only name, `plex.test`, has the address in the file `PLEX_TEST_ADDRESS`, or none while the file is empty. A test
must not change the machine's hosts file or resolver, and only a name can become unreachable and come back.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

NAME = "plex.test"
_getaddrinfo = socket.getaddrinfo


def _answer(host: Any, *rest: Any, **named: Any) -> Any:
    if host != NAME:
        return _getaddrinfo(host, *rest, **named)
    address = Path(os.environ["PLEX_TEST_ADDRESS"]).read_text(encoding="utf-8").strip()
    if not address:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return _getaddrinfo(address, *rest, **named)


socket.getaddrinfo = _answer
