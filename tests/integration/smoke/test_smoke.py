# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployed application, and then everything about it that may differ from its release."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.evenkeel.release.plugins.module_utils._release.tree import ReleaseTree
from ansible_collections.evenkeel.release.plugins.plugin_utils._ledger.store import open_store
from ansible_collections.evenkeel.release.tests.unit.probe.shop_app import PASSWORD, Shop, running, scenario

MIGRATIONS = ("V1__orders.sql", "V2__paid.sql")


class Place:
    """One host with one application on release 1.1.0, beside its inventory and the controller's state."""

    def __init__(self, folder: Path, shop: Shop, pg: Any) -> None:
        self.folder, self.shop, self.pg = folder, shop, pg
        self.root, self.state, self.database = folder / "srv", folder / "state", pg.create_db()
        self.secrets = {"token": "the-token-of-the-shop"}
        self.version = "1.1.0"
        for part in (self.state, folder / "templates", folder / "releases", self.root / "config/blue"):
            part.mkdir(parents=True)
        (folder / "templates/shop.ini.j2").write_text("[shop]\nrelease = {{ configure_release }}\ntoken = {{ secrets.token }}\n")
        self._release()
        (self.root / "config/blue/shop.ini").write_text(f"[shop]\nrelease = 1.1.0\ntoken = {self.secrets['token']}\n")
        (self.root / "config/blue/shop.ini").chmod(0o600)
        (self.root / "config/blue").chmod(0o700)
        (self.root / "config/live").symlink_to("blue")
        rows = ", ".join(f"({number}, '{number}', 'x', 'SQL', '{name}', {number}, true)" for number, name in enumerate(MIGRATIONS, start=1))
        columns = "installed_rank int, version text, description text, type text, script text, checksum int, success bool"
        pg.psql(self.database, f"create table flyway_schema_history ({columns}); insert into flyway_schema_history values {rows}")

    def _release(self) -> None:
        archive = self.folder / "shop-1.1.0.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for name in ("app.py", *(f"migrations/{one}" for one in MIGRATIONS)):
                content = f"-- {name}\n".encode()
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        tree = ReleaseTree(str(self.root))
        tree.install(version="1.1.0", source=str(archive), sha256=digest, timeout=10)
        tree.activate("1.1.0")
        manifest = {"version": "1.1.0", "components": {"shop": {"version": "1.1.0", "artifact": str(archive), "sha256": digest}}}
        (self.folder / "releases/1.1.0.yml").write_text(yaml.safe_dump(manifest))

    def inventory(self, *, lost_host: bool = False) -> dict[str, Any]:
        at = urlsplit(self.pg.url(self.database))
        schema = {"engine": "postgresql", "host": at.hostname, "port": at.port, "dbname": self.database, "user": at.username, "password": at.password}
        service = {
            "engine": "application",
            "hosts": "lab_web",
            "component": "shop",
            "ports": {"blue": self.shop.server_address[1], "green": 1},
            "paths": {"root": str(self.root)},
            "config": [{"template": "shop.ini.j2", "name": "shop.ini", "mode": "0600"}],
            "schema": {**schema, "files": "{release_dir}/migrations"},
            "smoke": [scenario("http://{address}:{port}"), {"name": "echo", "type": "http", "path": "/echo"}],
        }
        hosts: dict[str, Any] = {"web1": {"ansible_host": "127.0.0.1", "ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
        if lost_host:
            hosts["web2"] = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_connection": "ssh"}
        shared = {
            "evenkeel_environment": {"name": "lab", "tier": "staging", "kind": "permanent", "owner": "team", "stage": 1, "provider": "existing"},
            "evenkeel_services": {"shop": service},
            "secrets": self.secrets,
        }
        local = {"localhost": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}}
        return {"all": {"hosts": local, "children": {"lab": {"vars": shared, "children": {"lab_web": {"hosts": hosts}}}}}}

    def smoke(self, playbook: Any, *, lost_host: bool = False, check: bool = False, **extra: Any) -> Any:
        folders = {"evenkeel_releases_dir": str(self.folder / "releases"), "configure_templates_dir": str(self.folder / "templates")}
        wanted = {"evenkeel_target": "lab", "evenkeel_version": self.version, "evenkeel_state_dir": str(self.state), **folders, **extra}
        return playbook("evenkeel.release.smoke", inventory=self.inventory(lost_host=lost_host), extra_vars=wanted, check=check)

    def recorded(self) -> list[Any]:
        path = self.state / "ledger.sqlite"
        return list(open_store(f"sqlite:///{path}").entries(kind="validation")) if path.exists() else []


@pytest.fixture
def place(tmp_path: Path, pg: Any) -> Iterator[Place]:
    with running() as shop:
        made = Place(tmp_path / "place", shop, pg)
        yield made
        for path in made.root.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700)


def problems(run: Any) -> dict[str, str]:
    """{check: reason} of what did not pass."""
    told = run.result("Join what was found")["ansible_facts"]["smoke_answer"]["checks"]
    return {one["check"]: one["reason"] for one in told if one["verdict"] != "passed"}


def test_what_its_release_says_passes_and_every_difference_is_told_at_once(place: Place, playbook: Any) -> None:
    run = place.smoke(playbook)
    assert run.rc == 0, run.stdout
    told = run.result("Join what was found")["ansible_facts"]["smoke_answer"]
    assert told["verdict"] == "passed"
    assert {one["check"] for one in told["checks"]} == {"artifact", "config", "schema", "secrets", "smoke order", "smoke echo"}
    assert (place.shop.orders, run.stats["web1"]["changed"]) == ({}, 0)
    (entry,) = place.recorded()
    assert (entry.subject, entry.environment, entry.release, entry.body["verdict"]) == ("smoke", "lab", "1.1.0", "passed")
    assert [one["name"] for one in entry.body["fingerprints"]] == ["token"]
    everything = run.stdout + json.dumps(entry.body)
    for secret in (place.secrets["token"], PASSWORD):
        assert secret not in everything

    app = place.root / "releases/1.1.0/app.py"
    app.chmod(0o600)
    app.write_text("edited by hand\n")
    (place.root / "config/blue/shop.ini").write_text("[shop]\nrelease = 1.1.0\ntoken = typed-by-hand\n")
    place.pg.psql(place.database, "delete from flyway_schema_history where version = '2'")
    place.secrets = {"token": "rotated", "new": "one more"}
    place.shop.polls_until_paid = 10**9
    run = place.smoke(playbook)
    assert run.rc != 0
    found = problems(run)
    assert set(found) == {"artifact", "config", "schema", "secrets", "smoke order"}
    assert "app.py" in found["artifact"]
    assert "shop.ini on the host differs" in found["config"]
    assert "lacks 2" in found["schema"]
    assert "new, token changed since release 1.1.0" in found["secrets"]
    assert "json.state is pending" in found["smoke order"]
    assert place.shop.orders == {}
    assert (place.root / "config/blue/shop.ini").read_text().endswith("typed-by-hand\n")
    assert [entry.body["verdict"] for entry in place.recorded()] == ["passed", "failed"]
    assert "typed-by-hand" not in run.stdout


def test_another_release_and_a_host_that_is_gone_are_told(place: Place, playbook: Any) -> None:
    manifest = (place.folder / "releases/1.1.0.yml").read_text()
    (place.folder / "releases/1.2.0.yml").write_text(manifest.replace("1.1.0", "1.2.0"))
    place.version = "1.2.0"
    run = place.smoke(playbook, lost_host=True)
    assert run.rc != 0
    assert problems(run) == {"artifact": "current is 1.1.0, the release is 1.2.0", "host": "it was not reached, or its smoke test did not end"}


def test_in_check_mode_nothing_is_ordered_or_recorded_and_an_unknown_release_is_not_passed(place: Place, playbook: Any) -> None:
    place.version = ""
    run = place.smoke(playbook, check=True)
    assert run.rc != 0
    assert list(problems(run)) == ["artifact"]
    assert "no release is recorded for it" in problems(run)["artifact"]
    assert (place.shop.seen, place.recorded()) == ([], [])
