# SPDX-License-Identifier: GPL-3.0-or-later
"""A trusted place with real keys, and people who sign with ssh-keygen as they would by hand."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval import statement, subject, trust
from ansible_collections.evenkeel.release.plugins.plugin_utils._approval.ask import ask

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
LEDGER = "ledger.example.com/production"
ENVIRONMENT: dict[str, Any] = {"name": "production", "tier": "production", "kind": "permanent"}
MANIFEST: dict[str, Any] = {"version": "1.2.0", "components": {"shop": {"version": "1.2.0", "artifact": "shop.tar.gz", "sha256": "ab" * 32}}}
PEOPLE: dict[str, Any] = {
    "people": {
        "ann": {"name": "Ann", "principals": ["ann@example.com"], "aliases": ["a.nn@corp.example", "awx:ann", "Ann.Login"], "groups": ["release", "dba"]},
        "bob": {"name": "Bob", "principals": ["bob@example.com", "bob@token"], "aliases": ["awx:bob"], "groups": ["release"]},
        "cleo": {"name": "Cleo", "principals": ["cleo@example.com"], "aliases": ["awx:cleo"], "groups": ["dba"]},
        "dave": {"name": "Dave", "principals": ["dave@example.com"], "aliases": ["dave@mail", "awx:dave"], "groups": []},
        "eve": {"name": "Eve", "principals": ["eve@example.com"], "aliases": ["eve@mail", "awx:eve"], "groups": ["developers"]},
    },
    "machines": ["awx:robot"],
    "attestors": {"awx": {"principals": ["awx.example.com"]}},
}
APPROVALS: dict[str, Any] = {
    "rules": [
        {
            "name": "production",
            "applies_to": {"tiers": ["production"]},
            "people": 2,
            "from": ["release", "dba"],
            "groups": {"dba": 1},
            "identities": ["signature", "awx"],
            "longest": "7d",
            "reason": "Two people, one of them knows the database.",
        }
    ]
}
DUTIES: dict[str, Any] = {
    "rules": [
        {"name": "verifier-is-another", "differ": ["verifier", "deployer"], "may_be_empty": ["verifier"], "machines": ["verifier"], "reason": "Four eyes."}
    ]
}


def run(*argv: Any, data: bytes | None = None) -> bytes:
    done = subprocess.run([str(one) for one in argv], input=data, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass
class Place:
    """`root` holds trust/, approvals/ and keys/; write() lays the documents down again after a change."""

    root: Path
    people: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(yaml.safe_dump(PEOPLE)))
    approvals: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(yaml.safe_dump(APPROVALS)))
    duties: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(yaml.safe_dump(DUTIES)))
    access: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.trust, self.folder, self.keys = self.root / "trust", self.root / "approvals", self.root / "keys"
        for path in (self.root, self.trust, self.folder, self.keys, self.trust / "access"):
            path.mkdir(mode=0o755, exist_ok=True)
        for name in ("ann", "bob", "cleo", "dave", "eve"):
            self.lines[name] = f"{name}@example.com {self.key(name)}"
        self.lines["awx"] = f'awx.example.com namespaces="evenkeel-attestation" {self.key("awx")}'
        self.write()

    def key(self, name: str, kind: str = "ed25519") -> str:
        path = self.keys / name
        if not path.exists():
            run("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", name, "-f", path)
        return " ".join(Path(f"{path}.pub").read_text().split()[:2])

    def write(self) -> None:
        texts = {"allowed_signers": "\n".join(self.lines.values()) + "\n"}
        texts.update({f"{name}.yml": yaml.safe_dump(getattr(self, name), sort_keys=False) for name in ("people", "approvals", "duties")})
        texts.update({f"access/{name}.yml": yaml.safe_dump(document, sort_keys=False) for name, document in self.access.items()})
        for name, content in texts.items():
            (self.trust / name).write_text(content)
            (self.trust / name).chmod(0o644)

    def loaded(self) -> trust.Trust:
        return trust.load(self.trust, today=NOW.date())

    def sign(self, data: bytes, key: str, namespace: str = "evenkeel-approval") -> bytes:
        return run("ssh-keygen", "-Y", "sign", "-q", "-f", self.keys / key, "-n", namespace, data=data)

    def lay(self, name: str, data: bytes, signature: bytes | None, folder: str) -> Path:
        where = self.folder / folder
        where.mkdir(exist_ok=True)
        (where / name).write_bytes(data)
        if signature is not None:
            (where / f"{name}.sig").write_bytes(signature)
        return where / name

    def approve(self, about: Mapping[str, Any], by: str, *, key: str = "", ending: str = "", namespace: str = "evenkeel-approval", **more: Any) -> Path:
        data = statement.write(said(about, by, **more))
        return self.lay(f"{by}{ending}.yml", data, self.sign(data, key or by, namespace), subject.digest(about))

    def withdraw(self, digest: str, by: str, *, folder: str = "", name: str = "", at: datetime = NOW) -> Path:
        words = {"statement": "evenkeel/1", "decision": "withdraw", "by": by, "ledger": LEDGER, "digest": digest, "reason": "it is wrong"}
        data = statement.write({**words, "from": statement.stamp(at)})
        return self.lay(name or f"{by}.withdrawn.yml", data, self.sign(data, by), folder or digest)

    def delegate(self, giver: str, to: str, *, key: str = "", **more: Any) -> Path:
        words = {"statement": "evenkeel/1", "decision": "delegate", "by": giver, "delegate": to, "ledger": LEDGER, "environments": ["production"]}
        times = {"from": statement.stamp(NOW - timedelta(days=1)), "to": statement.stamp(NOW + timedelta(days=1))}
        data = statement.write({**words, **times, "again": "no", "reason": "on leave", **more})
        return self.lay(f"{giver}--{to}.yml", data, self.sign(data, key or giver), "delegations")

    def ask(self, about: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        given = {"authors": [{"mail": "eve@mail"}], "deployer": {"name": "dave", "source": "awx"}, "store": None, "risk": "moderate", "now": NOW}
        return ask(about, trust=self.loaded(), root=str(self.folder), **{**given, "environment": ENVIRONMENT, **more})


def about(**change: Any) -> dict[str, Any]:
    words: dict[str, Any] = {
        "ledger": LEDGER,
        "environment": ENVIRONMENT,
        "release": MANIFEST,
        "act": "promote",
        "hosts": ["web1", "web2"],
        "plan": {"services": [{"service": "shop", "previous": "1.1.0", "release": "1.2.0", "strategy": "canary"}]},
        "batches": [["web1"], ["web2"]],
        "policies": {"promotion": "cd" * 32},
        "playbook": {"collection": "ef" * 32, "version": "0.1.0"},
        "variables": {"web1": {"shop_port": "12" * 32}},
    }
    return subject.subject(**{**words, **change})


def said(what: Mapping[str, Any], by: str, **more: Any) -> dict[str, Any]:
    words = {"statement": "evenkeel/1", "decision": "approve", "by": by, "ledger": what["ledger"], "environment": what["environment"]}
    words.update(release=what["release"], act=what["act"], digest=subject.digest(what), parts=what["parts"], **subject.shows(what))
    times = {"from": statement.stamp(NOW - timedelta(hours=1)), "to": statement.stamp(NOW + timedelta(days=2))}
    return {**words, **times, **more}
