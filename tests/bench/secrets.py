# SPDX-License-Identifier: GPL-3.0-or-later
"""500 secrets on 20 hosts: against plain variables, and against a lookup that logs in and reads at each reference."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..integration.support.checkout import COLLECTIONS
from ..integration.support.openbao import OpenBao
from ._runner import Bench

SECRETS, HOSTS, FORKS = 500, 20, 10
ROLE = "bench-secrets"
POLICY = 'path "secret/data/bench/*" { capabilities = ["read"] }'
# The only package of the index that holds community.hashi_vault; the one folder is unpacked, the rest is not kept.
PEER_PACKAGE = "ansible"
PEER_CACHE = COLLECTIONS.parent / "bench" / "collections"
PEER = "community.hashi_vault.vault_kv2_get"
STAND_IN = '''
import os
import hvac
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """Stand-in for a lookup without a cache: one login and one read per reference."""

    def run(self, terms, variables=None, **kwargs):
        client = hvac.Client(url=os.environ["VAULT_ADDR"], token="")
        client.auth.approle.login(os.environ["VAULT_ROLE_ID"], os.environ["VAULT_SECRET_ID"])
        read = client.secrets.kv.v2.read_secret_version
        return [{"secret": read(term, raise_on_deleted_version=True)["data"]["data"]} for term in terms]
'''


def run(bench: Bench) -> None:
    bao = bench.bao()
    environment = {**_environment(bench.tmp), **_fill(bao)}
    names = [f"s{number}" for number in range(SECRETS)]
    static = _play(bench.tmp, "static", {"secrets": {name: f"value of {name}" for name in names}}, environment)
    mapping = {name: f"bench/{name}#value" for name in names}
    lookup = "{{ lookup('evenkeel.release.vault_secret', wanted) }}"
    ours = _play(bench.tmp, "ours", {"wanted": mapping, "secrets": lookup}, environment)
    peer_name, peer = _peer(bench, names, environment)

    shape = f"{SECRETS} secrets, {HOSTS} hosts"
    bench.row(f"{shape}: play, against plain variables", ours=ours, reference=static, bar=1.6)
    bench.row(f"{shape}: play, against {peer_name}", ours=ours, reference=peer, bar=1 / 15)
    seen, live = _count(bao, ours)
    bench.row(f"{shape}: HTTP requests, against secrets + 2", ours=seen, reference=SECRETS + 2, bar=1, unit="")
    bench.row(f"{shape}: live tokens after the run, against 1", ours=live, reference=1, bar=0, unit="")


def _environment(tmp: Path) -> dict[str, str]:
    (tmp / "ansible.cfg").touch()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    return {
        **inherited,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(tmp / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{PEER_CACHE}",
        "ANSIBLE_LOOKUP_PLUGINS": str(tmp / "lookups"),
        "ANSIBLE_FORKS": str(FORKS),
    }


def _fill(bao: OpenBao) -> dict[str, str]:
    """Write the secrets and make the role; returns the variables that log in as it."""
    client = bao.client()
    for number in range(SECRETS):
        client.secrets.kv.v2.create_or_update_secret(f"bench/s{number}", secret={"value": f"value of s{number}"})
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")
    client.sys.create_or_update_policy(ROLE, POLICY)
    # The peer leaves a token per reference, so they must not outlive the bench for long.
    client.auth.approle.create_or_update_approle(ROLE, token_policies=[ROLE], token_ttl="5m")
    login = {
        "ADDR": bao.addr,
        "ROLE_ID": client.auth.approle.read_role_id(ROLE)["data"]["role_id"],
        "SECRET_ID": client.auth.approle.generate_secret_id(ROLE)["data"]["secret_id"],
    }
    names = {f"{prefix}_{key}": value for key, value in login.items() for prefix in ("VAULT", "ANSIBLE_HASHI_VAULT")}
    return {**names, "EVENKEEL_VAULT_AUTH_METHOD": "approle", "ANSIBLE_HASHI_VAULT_AUTH_METHOD": "approle"}


def _play(tmp: Path, name: str, variables: dict[str, Any], environment: dict[str, str], *, reference: str = "secrets.{}") -> Callable[[], None]:
    """A play with one template that names every secret once; every host must render all of them."""
    template = tmp / f"{name}.j2"
    template.write_text("".join(f"{{{{ {reference.format(f's{number}')} }}}}\n" for number in range(SECRETS)))
    task = {"name": "render", "ansible.builtin.debug": {"msg": f"{{{{ lookup('template', '{template}') | length }}}}"}}
    plays = [{"hosts": "all", "gather_facts": False, "vars": variables, "tasks": [task]}]
    path = tmp / f"{name}.yml"
    path.write_text(json.dumps(plays))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    inventory = "".join(f"h{number}," for number in range(HOSTS))
    length = sum(len(f"value of s{number}\n") for number in range(SECRETS))

    def act() -> None:
        done = subprocess.run([program, "-c", "local", "-i", inventory, str(path)], env=environment, capture_output=True, text=True)
        if done.returncode or done.stdout.count(f'"msg": {length}') + done.stdout.count(f'"msg": "{length}"') != HOSTS:
            raise RuntimeError(f"play {name} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    return act


def _peer(bench: Bench, names: list[str], environment: dict[str, str]) -> tuple[str, Callable[[], None]]:
    name = PEER
    if not _peer_installed(bench):
        name = "evenkeel_bench_stand_in"
        (bench.tmp / "lookups").mkdir()
        (bench.tmp / "lookups" / f"{name}.py").write_text(STAND_IN)
    variables = {secret: f"{{{{ lookup('{name}', 'bench/{secret}').secret.value }}}}" for secret in names}
    return name, _play(bench.tmp, "peer", variables, environment, reference="{}")


def _peer_installed(bench: Bench) -> bool:
    target = PEER_CACHE / "ansible_collections" / "community" / "hashi_vault"
    if target.exists():
        return True
    download = bench.tmp / "download"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
    done = subprocess.run([*command, "-d", str(download), PEER_PACKAGE], capture_output=True, text=True)
    wheels = list(download.glob("*.whl")) if done.returncode == 0 else []
    if not wheels:
        bench.say(f"secrets: package {PEER_PACKAGE} can't be had, so a stand-in lookup takes the place of {PEER}")
        return False
    with zipfile.ZipFile(wheels[0]) as wheel:
        inside = "ansible_collections/community/hashi_vault/"
        wheel.extractall(PEER_CACHE, [name for name in wheel.namelist() if name.startswith(inside)])
    wheels[0].unlink()
    return True


def _count(bao: OpenBao, act: Callable[[], None]) -> tuple[int, int]:
    """Requests that one run makes, and its tokens that are alive once its broker has left (at most 10 s later)."""
    before = len(bao.audit_requests())
    act()
    end = time.monotonic() + 10
    while True:
        mine = [entry for entry in bao.audit_requests()[before:] if _is_ours(entry)]
        paths = [entry["request"]["path"] for entry in mine]
        live = paths.count("auth/approle/login") - paths.count("auth/token/revoke-self")
        if live == 0 or time.monotonic() > end:
            return len(mine), live
        time.sleep(0.1)


def _is_ours(entry: dict[str, Any]) -> bool:
    return entry["request"]["path"] == "auth/approle/login" or ROLE in entry.get("auth", {}).get("policies", ())
