# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in every format and place of a host: no byte of them in a result, shown, or kept. And keys of fingerprints."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

KEY = "the-key-of-this-test-0123456789"


class Planted:
    """A tree with a secret in each place; `secrets` are all of them that were ever in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.secrets: list[str] = []
        self.names = self.plant()

    def word(self) -> str:
        self.secrets.append(f"Planted{len(self.secrets):03}Qx7")
        return self.secrets[-1]

    def pem(self) -> str:
        text = rsa.generate_private_key(65537, 1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.secrets.extend(text.splitlines()[1:-1])
        return text

    def plant(self) -> list[str]:
        word = self.word
        files = {
            "shop.ini": f"[db]\nport = 1\npassword = {word()}\nurl = postgres://shop:{word()}@db/shop\nplain = {word()}\n",
            "shop.yml": f"port: 1\nauth:\n  token: |\n    {word()}\nclients:\n  - {{name: a, secret: {word()}}}\n",
            "shop.json": json.dumps({"port": 1, "apiKey": word(), "list": [f"--token={word()}", "x"]}),
            "shop.toml": f'port = 1\npassword = "{word()}"\n',
            "shop.properties": f"port=1\nspring.datasource.password={word()}\n",
            "shop.env": f"PORT=1\nexport DB_PASS='{word()}'\nPEM=\"{self.pem()}\"\n",
            "nginx.conf": f'http {{ gzip on; proxy_set_header Authorization "Bearer {word()}"; map $http_x_token $ok {{ "{word()}" 1; }} }}\n',
            "haproxy.cfg": f"global\n  stats socket /x\nuserlist l\n  user a insecure-password {word()}\nfrontend w\n  acl ok hdr(X-Token) -m str {word()}\n",
            "sshd_config": f"Port 22\nSetEnv API_TOKEN={word()}\n",
            "broken.json": '{"password": "' + word(),
            "odd.ini": f"password = {word()}\n".encode("utf-16").decode("latin-1"),
        }
        (self.root / "etc").mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (self.root / "etc" / name).write_text(text, encoding="latin-1")
        (self.root / "etc" / "master.key").write_text(word())
        (self.root / "facts.json").write_text(json.dumps({"port": 1, "login": {"password": word()}, "note": f"token={word()}"}))
        (self.root / "failing.txt").write_text(f"password {word()}")
        return list(files)

    def options(self, tmp: Path) -> dict[str, Any]:
        show = [sys.executable, "-S", "-c", "import sys; print(open(sys.argv[1]).read()); sys.exit(int(sys.argv[2]))"]
        return {
            "collectors": ["files", "config", "custom"],
            "paths": [str(self.root / "etc")],
            "config": [str(self.root / "etc" / name) for name in self.names],
            "secret_keys": ["db.plain"],
            "secret_files": [str(self.root / "etc" / "master.key")],
            "custom": [
                {"name": "good", "command": [*show, str(self.root / "facts.json"), "0"]},
                {"name": "bad", "command": [*show, str(self.root / "failing.txt"), "0"]},
                {"name": "failing", "command": [*show, str(self.root / "failing.txt"), "3"]},
            ],
            "fingerprint_key": KEY,
            "cache_dir": str(tmp / "cache"),
        }

    def marks(self) -> Iterator[bytes]:
        """Each secret, and what stands for it without a key: who has that can try out guesses."""
        for secret in [*self.secrets, KEY]:
            raw = secret.encode()
            yield raw
            yield from (base64.b64encode(raw[shift:])[:-4] for shift in range(3) if len(raw) > 12)
            for text in (raw, raw + b"\n"):
                yield hashlib.sha256(text).hexdigest().encode()
                yield hashlib.sha256(text).digest()


def kept(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Every byte below, and what it was before it was packed."""
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            yield path, data
            for start in [at for at in range(min(len(data), 256)) if data[at : at + 1] == b"\x78"]:
                try:
                    yield path, zlib.decompressobj().decompress(data[start:])
                except zlib.error:
                    continue


PLAY: list[dict[str, Any]] = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"name": "Look", "evenkeel.release.drift_snapshot": "{{ looks | combine(more) }}", "register": "seen"},
            {"name": "Show", "ansible.builtin.debug": {"var": "seen"}},
            {
                "name": "Judge",
                "when": "seen.changes is defined",
                "block": [
                    {"name": "Compare", "ansible.builtin.set_fact": {"found": "{{ seen | evenkeel.release.drift_compare }}"}},
                    {
                        "name": "Record",
                        "evenkeel.release.record": {"kind": "drift", "environment": "staging", "subject": "localhost/shop", "body": "{{ found }}"},
                    },
                    {"name": "Fail", "ansible.builtin.fail": {"msg": "{{ found }}"}},
                ],
            },
        ],
    }
]


def test_no_byte_of_a_secret_leaves_the_host(playbook: Any, tmp_path: Path) -> None:
    planted = Planted(tmp_path / "host")
    options = planted.options(tmp_path)

    def look(**more: Any) -> Any:
        return playbook(PLAY, extra_vars={"looks": options, "more": more}, args=("--diff", "-vvv"), env={"EVENKEEL_STATE_DIR": str(tmp_path / "state")})

    first = look(keep=True, inline_limit=1 << 24)
    assert first.rc == 0, first.stdout
    items = first.result("Look")["snapshot"]["items"]
    planted.plant()
    second = look(baseline=first.result("Look")["root"], inline_limit=1 << 24)
    assert second.rc == 2, second.stdout
    changes = second.result("Look")["changes"]

    # Every secret is seen, and each change of one is found.
    hidden = {key for key, item in items.items() if item.get("secret")}
    assert {key.split(":")[1] for key in hidden if key.startswith("config:")} == set(planted.names) - {"broken.json", "odd.ini"}
    assert f"file:{planted.root}/etc/master.key" in hidden
    assert {"custom:good:login.password", "custom:good:note"} <= hidden
    assert {key for key, item in items.items() if key.startswith("config:") and "unknown" in item} == {"config:broken.json", "config:odd.ini"}
    assert {"custom:bad", "custom:failing"} <= {key for key, item in items.items() if "unknown" in item}
    assert hidden == {key for key in changes if changes[key]["before"] and changes[key]["before"].get("secret")}
    assert items["config:shop.ini:db.port"] == {"value": "1"}

    works = tmp_path / "ansible"
    (works / "run1" / "vars.json").unlink()  # ours: the key itself
    (works / "run2" / "vars.json").unlink()
    places = [*kept(tmp_path / "state"), *kept(tmp_path / "cache"), *kept(works)]
    assert any(b"config:shop.ini:db.password" in data for path, data in places if tmp_path / "state" in path.parents), "nothing was kept: the search is blind"
    assert any(b"localhost/shop" in data for path, data in places if path.name.startswith("ledger"))
    texts = [(Path("shown"), (run.stdout + run.stderr).encode()) for run in (first, second)]
    assert b"db.password" in texts[1][1]
    found = [(path, mark) for path, data in [*places, *texts] for mark in planted.marks() if mark in data]
    assert found == []


def ask(playbook: Any, *asked: dict[str, Any], check: bool = False, env: Any = None) -> Any:
    """One task per question, `Ask 0` and so on."""
    lookup = "{{ lookup('evenkeel.release.fingerprint_key', 'drift/staging', **asked[%d]) }}"
    tasks = [{"name": f"Ask {n}", "ansible.builtin.set_fact": {"key": lookup % n}, "ignore_errors": True} for n in range(len(asked))]
    return playbook([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], extra_vars={"asked": list(asked)}, check=check, env=env)


def key_of(run: Any, number: int = 0) -> str:
    result = run.result(f"Ask {number}")
    assert "ansible_facts" in result, run.stdout
    return str(result["ansible_facts"]["key"])


def test_two_runs_at_once_make_one_key_file(playbook: Any, tmp_path: Path) -> None:
    env = {"EVENKEEL_STATE_DIR": str(tmp_path / "state")}
    assert key_of(ask(playbook, {}, check=True, env=env))
    assert not (tmp_path / "state").exists()
    runners = [type(playbook)(tmp_path / f"runner{number}") for number in range(2)]
    with ThreadPoolExecutor() as pool:
        keys = set(pool.map(lambda runner: key_of(ask(runner, {}, env=env)), runners))
    assert len(keys) == 1
    assert stat.S_IMODE((tmp_path / "state" / "drift.key").stat().st_mode) == 0o600


@pytest.fixture
def transit(bao: Any) -> Iterator[dict[str, str]]:
    """A transit engine, and a role that may do nothing but use one of its keys."""
    client = bao.client()
    client.sys.enable_secrets_engine("transit", path="drift-transit")
    client.secrets.transit.create_key("drift", mount_point="drift-transit")
    client.sys.create_or_update_policy("drift", 'path "drift-transit/hmac/drift" { capabilities = ["update"] }')
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")
    client.auth.approle.create_or_update_approle("drift", token_policies=["drift"], token_ttl="10m")
    yield {
        "VAULT_ADDR": bao.addr,
        "EVENKEEL_VAULT_AUTH_METHOD": "approle",
        "VAULT_ROLE_ID": client.auth.approle.read_role_id("drift")["data"]["role_id"],
        "VAULT_SECRET_ID": client.auth.approle.generate_secret_id("drift")["data"]["secret_id"],
    }
    client.sys.disable_secrets_engine("drift-transit")


def test_a_key_from_transit(playbook: Any, bao: Any, transit: dict[str, str]) -> None:
    where = {"transit_key": "drift", "transit_mount": "drift-transit"}
    first = key_of(ask(playbook, where, env=transit))
    text = base64.b64encode(b"evenkeel.release fingerprint key: drift/staging").decode()
    said = bao.client().secrets.transit.generate_hmac("drift", hash_input=text, algorithm="sha2-256", mount_point="drift-transit")
    assert said["data"]["hmac"] == f"vault:v1:{first}"
    revoked = [entry for entry in bao.audit_requests() if entry["request"]["path"] == "auth/token/revoke-self"]
    assert revoked

    bao.client().secrets.transit.rotate_key("drift", mount_point="drift-transit")
    asked = ask(playbook, where, {**where, "transit_key_version": 1}, {**where, "transit_key": "other"}, env=transit)
    assert key_of(asked, 0) != first
    assert key_of(asked, 1) == first
    assert 'path "drift-transit/hmac/other" { capabilities = ["update"] }' in str(asked.result("Ask 2")["msg"])
    assert transit["VAULT_SECRET_ID"] not in asked.stdout + asked.stderr
