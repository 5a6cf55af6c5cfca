# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an OPA server over its REST API. Whatever goes wrong is a Reply with an error, never an exception, and never shows the token."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.evenkeel.release.plugins.plugin_utils._gate.opa import Reply
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.redact import Secret

SECONDS = 5.0
LARGEST = 1024 * 1024  # bytes of an answer
_TOKEN = re.compile(r"[\x21-\x7e]+")


class _AskError(Exception):
    """Why there is no answer."""


def replies(policies: Sequence[Mapping[str, Any]], evidence: Mapping[str, Any], variable: Callable[[str], Any]) -> dict[str, Reply]:
    """{policy: what its server said} of those that ask one. `variable` gives the value of a variable by its name, None when there is none."""
    return {policy["name"]: _with_token(policy["opa"], evidence, variable) for policy in policies if "opa" in policy}


def _with_token(server: Mapping[str, Any], evidence: Mapping[str, Any], variable: Callable[[str], Any]) -> Reply:
    name = server.get("token_variable")
    if not name:
        return ask(server, evidence)
    token = variable(name)
    if token is None:
        return Reply(error=f"the token of {server['url']} is in the variable {name}, which is not defined")
    return ask(server, evidence, Secret(str(token)))


def ask(server: Mapping[str, Any], evidence: Mapping[str, Any], token: Secret | None = None) -> Reply:
    """server: the part `opa` of a policy; the evidence is sent as {"input": evidence}. A redirect is not followed: it could lead anywhere."""
    try:
        status, data = _post(server, json.dumps({"input": evidence}).encode(), token)
        return _read(status, data)
    except _AskError as exc:
        return Reply(error=f"the OPA server {server['url']} was asked and {exc}")
    except (OSError, http.client.HTTPException, ValueError) as exc:
        said = " ".join(str(exc).split()) or type(exc).__name__
        return Reply(error=f"the OPA server {server['url']} could not be asked: {_hidden(said, token)}")


def _post(server: Mapping[str, Any], body: bytes, token: Secret | None) -> tuple[int, bytes]:
    seconds = float(server.get("timeout", SECONDS))
    until = time.monotonic() + seconds
    connection, base = _connect(server, seconds, token)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "Connection": "close"}
    if token is not None:
        if not _TOKEN.fullmatch(token.reveal()):
            raise _AskError("not reached: its token is empty or has characters that no header may have")
        headers["Authorization"] = f"Bearer {token.reveal()}"
    path = "/".join(quote(part, safe="") for part in server["path"].split("/"))
    try:
        connection.request("POST", f"{base}/v1/data/{path}", body=body, headers=headers)
        answer = connection.getresponse()
        data = bytearray()
        # The timeout of a socket is that of one read: a server that drips would hold the gate for ever.
        while chunk := answer.read1(65536):
            data += chunk
            if len(data) > LARGEST:
                raise _AskError(f"answered with more than {LARGEST} bytes")
            if time.monotonic() > until:
                raise _AskError(f"did not end its answer within {seconds:g} seconds")
        return answer.status, bytes(data)
    finally:
        connection.close()


def _connect(server: Mapping[str, Any], seconds: float, token: Secret | None) -> tuple[http.client.HTTPConnection, str]:
    url = urlsplit(server["url"])
    if url.scheme not in ("http", "https") or not url.hostname or "@" in url.netloc or url.query or url.fragment:
        raise _AskError("not reached: its url is no plain http or https address")
    if url.scheme == "http":
        if token is not None and not _is_loopback(url.hostname):
            raise _AskError("not reached: a token is not sent over http to another machine; use https")
        return http.client.HTTPConnection(url.hostname, url.port, timeout=seconds), url.path.rstrip("/")
    context = ssl.create_default_context(cafile=server.get("ca_path") or None)
    return http.client.HTTPSConnection(url.hostname, url.port, timeout=seconds, context=context), url.path.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _read(status: int, data: bytes) -> Reply:
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if status in (401, 403):
        raise _AskError(f"refused to answer ({status}); check its token")
    if status != 200:
        message = said.get("message") if isinstance(said, Mapping) else ""
        raise _AskError(f"answered {status}{': ' + str(message)[:200] if message else ''}")
    if not isinstance(said, Mapping):
        raise _AskError("did not answer with a JSON object; is it an OPA server?")
    return Reply(result=said.get("result"), decision_id=str(said.get("decision_id", ""))[:64])


def _hidden(text: str, token: Secret | None) -> str:
    return text.replace(token.reveal(), "[REDACTED]") if token is not None and token.reveal() else text
