# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's staging environment with a rehearsal declared, and a release whose rollback does not work."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import time
from pathlib import Path

import psycopg
from ansible_collections.evenkeel.release.plugins.plugin_utils._deployment.inventory import read_manifest
from ansible_collections.evenkeel.release.tests.integration.deploy.lab import ROOT, Lab
from ansible_collections.evenkeel.release.tests.integration.support.process import free_port

TARGET = "staging"
# Its migration takes away what the release before reads, and its manifest says that it only expands.
BROKEN = "1.9.0"
DECLARED = """
evenkeel_rehearsal:
  valid: 2d
  database: {{host: 127.0.0.1, port: {port}, dbname: shop, user: shop, password: "{{{{ secrets.database_password }}}}"}}
  write:
    probes:
      - name: order
        type: scenario
        url: "http://{{address}}:{{port}}"
        steps:
          - name: order
            path: /orders
            body: {{customer: 1, items: [{{sku: A-1, title: Tea, quantity: 1, unit_price: "3.00"}}]}}
            expect: [{{metric: status, value: 201}}]
  check:
    - {{name: orders, sql: select count(*) from orders, expect: grown}}
    - {{name: who, sql: "select string_agg(name, ',') from customers"}}
    - {{name: page, probe: {{name: orders of a customer, type: http, path: "/orders?customer=1"}}}}
evenkeel_preserve:
  files: ["{extra}"]
  flags: [{{provider: flagd, path: "{flags}", flags: [checkout]}}]
  databases:
    database: {{method: none, reason: the demo keeps no log}}
"""
SCHEMA = """    component: shop
    schema:
      engine: postgresql
      host: 127.0.0.1
      port: {port}
      dbname: shop
      user: shop
      password: "{{{{ secrets.database_password }}}}"
      files: "{{release_dir}}/migrations"
"""


class Staging(Lab):
    def __init__(self):
        super().__init__()
        self.port = free_port()
        self.extra, self.flags = self.state / "proxy.conf", self.state / "flags.json"
        self.extra.write_text("old proxy\n")
        flag = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        self.flags.write_text(json.dumps({"flags": {"checkout": flag, "search": flag}}, indent=2))
        self._declare()
        self._package()

    def _declare(self):
        folder = self.state / "inventory"
        shutil.copytree(ROOT / "inventories/demo", folder)
        self.inventory = folder / "hosts.yml"
        common, staging = folder / "group_vars/shop_environments.yml", folder / "group_vars/staging.yml"
        text = common.read_text()
        assert "    component: shop\n" in text
        assert "    database: shop\n" in text
        # Whatever the environment, since only staging is provisioned here.
        text = text.replace("    database: shop\n", f"    database: shop\n    port: {self.port}\n").replace(
            "    component: shop\n", SCHEMA.format(port=self.port)
        )
        common.write_text(text)
        staging.write_text(staging.read_text() + DECLARED.format(port=self.port, extra=self.extra, flags=self.flags))

    def _package(self):
        spec = importlib.util.spec_from_file_location("demo_package", ROOT / "demo/package.py")
        package = importlib.util.module_from_spec(spec)
        sys.modules["demo_package"] = package
        spec.loader.exec_module(package)
        good = package.RELEASES[1]
        files = package.release_files(good, package.SOURCE)
        files["VERSION"] = f"{BROKEN}\n".encode()
        files["migrations/003_town.sql"] = b"alter table orders rename column ship_city to ship_town;\n"
        orders = files["shop/orders.py"].decode()
        files["shop/orders.py"] = (
            orders.replace("ship_name, ship_city, placed_at", "ship_name, ship_town as ship_city, placed_at")
            .replace("ship_name, ship_city)", "ship_name, ship_town)")
            .encode()
        )
        features = files["shop/features.py"].decode()
        files["shop/features.py"] = features.replace("REQUIRED_SCHEMA = 2", "REQUIRED_SCHEMA = 3").encode()
        release = package.Release(BROKEN, "minor", "Towns.", ["Towns."], "CHG0009", "expand")
        content, artifact = package.tarball(files), self.state / f"artifacts/shop-{BROKEN}.tar.gz"
        artifact.write_bytes(content)
        (self.state / f"artifacts/releases/{BROKEN}.yml").write_text(package.manifest(release, artifact, content))

    def play(self, name, **options):
        return super().play(name, **{"evenkeel_target": TARGET, **options})

    def tasks(self, *tasks, **extra):
        """Task files of role preserve, in a play of their own each: (name, runs on the controller)."""
        plays = [
            {
                "hosts": "localhost" if on_controller else TARGET,
                "gather_facts": False,
                "tasks": [{"ansible.builtin.include_role": {"name": "evenkeel.release.preserve", "tasks_from": name}}],
            }
            for name, on_controller in tasks
        ]
        check = extra.pop("check", False)
        variables = {"preserve_target": TARGET, "evenkeel_target": TARGET, **extra}
        return self.runner(plays, inventory=self.inventory, extra_vars=variables, check=check, env={"EVENKEEL_STATE_DIR": str(self.state)})

    def endpoints(self, service):
        return json.loads((self.state / f"provisioned/{TARGET}.json").read_text())["endpoints"][service]

    def entries(self, **wanted):
        return self.store.entries(environment=TARGET, **wanted)

    def manifest(self, version):
        return read_manifest(folder=str(self.state / "artifacts/releases"), version=version)

    @property
    def config(self):
        at = next(iter(self.endpoints("shop").values()))
        return Path(at["paths"]["root"], "config/live").resolve() / "shop.ini"

    def sql(self, text):
        password = next(line.split(" = ", 1)[1] for line in self.config.read_text().splitlines() if line.startswith("password = "))
        with psycopg.connect(host="127.0.0.1", port=self.port, dbname="shop", user="shop", password=password, autocommit=True) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []

    def now(self):
        return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())

    def close(self):
        self.open()
        for name in (TARGET, "platform"):
            self.play("teardown", evenkeel_target=name, teardown_confirm=name)
        shutil.rmtree(self.state, ignore_errors=True)
