# SPDX-License-Identifier: GPL-3.0-or-later
"""How supervisord is asked: XML-RPC over its unix socket.

Loaded when there is one to ask: with http, email and XML it takes a host longer than all else that its modules import.
"""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from typing import Any

BAD_NAME = 10


class Refused(Exception):
    """What supervisord answered instead; `code` is one of supervisor.xmlrpc.Faults."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__()
        self._path, self._timeout = path, timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002  the path is the address
        return _Connection(self._path, self._timeout)


def ask(path: str, method: str, *args: Any, timeout: float = 60.0) -> Any:
    """Raises Refused, and OSError when it can't be reached or does not speak HTTP."""
    proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(path, timeout))
    try:
        return getattr(proxy.supervisor, method)(*args)
    except xmlrpc.client.Fault as exc:
        raise Refused(int(exc.faultCode), exc.faultString) from exc
    except (http.client.HTTPException, xmlrpc.client.ProtocolError) as exc:
        raise ConnectionError(f"{path} does not answer as supervisord does: {exc!r}") from exc
