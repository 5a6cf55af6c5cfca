# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

HOSTS = "h1,h2,h3,h4,h5,"
LOOKUP = "{{ lookup('evenkeel.release.vault_secret', wanted) }}"


def play(*tasks: dict[str, Any], **variables: Any) -> list[dict[str, Any]]:
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "secrets": LOOKUP,
                **variables,
            },
            "tasks": list(tasks),
        }
    ]


def show(name: str = "show", what: str = "{{ secrets }}") -> dict[str, Any]:
    return {"name": name, "ansible.builtin.debug": {"msg": what}}


@dataclass
class Scene:
    """A folder of secrets, a role that may read it, and what the server saw since."""

    bao: Any
    folder: str
    role: str
    role_id: str
    secret_id: str
    start: int = 0

    def __post_init__(self) -> None:
        self.start = len(self.bao.audit_requests())

    @property
    def env(self) -> dict[str, str]:
        return {
            "VAULT_ADDR": self.bao.addr,
            "EVENKEEL_VAULT_AUTH_METHOD": "approle",
            "VAULT_ROLE_ID": self.role_id,
            "VAULT_SECRET_ID": self.secret_id,
        }

    def put(self, name: str, **data: Any) -> None:
        self.bao.client().secrets.kv.v2.create_or_update_secret(f"{self.folder}/{name}", secret=data)

    def put_many(self, count: int) -> dict[str, str]:
        for number in range(count):
            self.put(f"s{number}", value=f"value-{number}")
        self.start = len(self.bao.audit_requests())
        return {f"s{number}": f"{self.folder}/s{number}#value" for number in range(count)}

    def requests(self) -> Counter[str]:
        """Requests of the run by kind: login, read PATH, revoke, renew, lookup."""
        seen: Counter[str] = Counter()
        for entry in self.bao.audit_requests()[self.start :]:
            path, auth = entry["request"]["path"], entry.get("auth", {})
            if path == "auth/approle/login" or self.role in auth.get("metadata", {}).get("role_name", ""):
                seen[path] += 1
        return seen

    def live_tokens(self) -> int:
        """Tokens of our role that the server still honours."""
        client = self.bao.client()
        live = 0
        for accessor in client.list("auth/token/accessors")["data"]["keys"]:
            try:
                data = client.auth.token.lookup_accessor(accessor)["data"]
            except Exception:  # revoked between the two requests
                continue
            live += (data.get("meta") or {}).get("role_name") == self.role
        return live


def eventually(check: Callable[[], bool], *, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
