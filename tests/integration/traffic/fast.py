# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers with provision's own configuration before backends that answer at once, two servers per colour."""

from __future__ import annotations

import http.client
import tempfile
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy as engine
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy as hp
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port

from .colours import Colours

POOLS = {"shop": ["shop_blue", "shop_green"]}
NAMES = ("blue_1", "blue_2", "green_1", "green_2")


class Balancer:
    """One HAProxy for the service shop."""

    def __init__(self, binary, ports, colours=("blue", "green")):
        self.pools = [f"shop_{colour}" for colour in colours]
        self.folder = Path(tempfile.mkdtemp(prefix="ekb-", dir="/var/tmp"))
        self.socket, self.map = str(self.folder / "admin.sock"), str(self.folder / "live.map")
        self.port, self.preview, self.binary = free_port(), free_port(), str(binary)
        servers = {
            colour: [{"name": f"web{number}_{colour}", "address": "127.0.0.1", "port": ports[f"{colour}_{number}"]} for number in (1, 2)] for colour in colours
        }
        application = {"service": "shop", "http": self.port, "preview": self.preview, "check_path": "/", "servers": servers}
        config = engine.render(address="127.0.0.1", socket=self.socket, map_file=self.map, drop="", applications=[application])
        # A second way to the runtime interface, as from another host.
        self.tcp = f"127.0.0.1:{free_port()}"
        config = config.replace("\n    maxconn", f"\n    stats socket ipv4@{self.tcp} level admin\n    maxconn", 1)
        (self.folder / "haproxy.cfg").write_text(config)
        Path(self.map).write_text(engine.map_text("", {"shop": self.pools}) + engine.beside_text("", {"shop": self.pools}))
        self.driver = hp.Driver(self.socket, self.map)
        self.start()

    def start(self):
        self.server = Server([self.binary, "-db", "-f", str(self.folder / "haproxy.cfg")], folder=self.folder)
        self.server.wait_until(self._answers)
        for pool in self.pools:
            self.driver.wait_up(pool, 10)

    def _answers(self):
        try:
            return bool(self.driver.state()["servers"])
        except TrafficError:
            return False

    def kill(self):
        self.server.process.kill()
        self.server.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def get(self, *, preview=False, headers=None):
        """(status, body, headers)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.preview if preview else self.port, timeout=10)
        connection.request("GET", "/", headers=headers or {})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body, answer.headers

    def reset(self):
        """Blue, whole, open, every server ready with its weight."""
        if self.server.process.poll() is not None:
            self.start()
        self.driver.switch("shop", "shop_blue")
        self.driver.open("shop")
        for pool, servers in self.driver.state()["servers"].items():
            for server in servers:
                self.driver.ready(pool, server)
                self.driver.set_weight(pool, server, 1)

    def close(self):
        self.server.stop()


class Fleet:
    """Two balancers with the same servers."""

    def __init__(self, binary, count=2):
        self.colours = Colours(binary, NAMES)
        self.balancers = [Balancer(binary, self.colours.ports) for _number in range(count)]

    def close(self):
        for balancer in self.balancers:
            balancer.close()
        self.colours.close()
