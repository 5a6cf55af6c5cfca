# SPDX-License-Identifier: GPL-3.0-or-later
"""Said, not judged: what switches by a reload cost, of HAProxy itself and of nginx, to compare with the rows of the runtime interface."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.evenkeel.release.plugins.module_utils._traffic import files
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.haproxy_text import with_entry
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.nginx import Driver as Nginx

from ..integration.support import haproxy, nginx
from ..integration.support.process import Server
from ..integration.traffic.fast import Balancer, Fleet
from ..integration.traffic.web import Web
from ._load import load

if TYPE_CHECKING:
    from ._runner import Bench

RELOADS, BETWEEN_SECONDS, CLIENTS = 12, 1.0, 32


class Reloaded(Balancer):
    """A master that hands its listeners to the next worker, the gentlest way to reload."""

    def start(self) -> None:
        config = self.folder / "haproxy.cfg"
        text = config.read_text().replace("mode 600 level admin", "mode 600 level admin expose-fd listeners")
        config.write_text(text.replace("    noreuseport\n", ""))
        self.server = Server([self.binary, "-W", "-db", "-f", str(config)], folder=self.folder)
        self.server.wait_until(self._answers)
        for pool in ("shop_blue", "shop_green"):
            self.driver.wait_up(pool, 10)

    def reload(self, pool: str) -> None:
        files.replace(self.map, with_entry(Path(self.map).read_text(), "shop", pool))
        self.server.process.send_signal(signal.SIGUSR2)


def haproxy_rows(bench: Bench, fleet: Fleet) -> None:
    one = Reloaded(haproxy.binary(), fleet.colours.ports)
    try:
        for kind, keep_alive in (("keep-alive", True), ("close", False)):
            with load(bench, one.port, clients=CLIENTS, keep_alive=keep_alive) as users:
                for number in range(RELOADS):
                    one.reload(("shop_green", "shop_blue")[number % 2])
                    time.sleep(BETWEEN_SECONDS)
            bench.say(f"traffic: HAProxy, {RELOADS} reloads, {kind}: {users.seen.failed} of {len(users.seen.began)} lost {dict(users.seen.reasons)}")
    finally:
        one.close()


def nginx_rows(bench: Bench) -> None:
    def call(argv: list[str], seconds: float) -> tuple[int, str, str]:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds, check=False)
        return done.returncode, done.stdout, done.stderr

    web = Web(nginx.binary(), haproxy.binary())
    driver = Nginx(str(web.include), run=call, program=web.program, pid_file=web.pid_file)
    try:
        for kind, keep_alive in (("keep-alive", True), ("close", False)):
            with load(bench, web.port, clients=CLIENTS, keep_alive=keep_alive) as users:
                for number in range(RELOADS):
                    driver.switch("shop", ("shop_green", "shop_blue")[number % 2])
                    time.sleep(BETWEEN_SECONDS)
            bench.say(f"traffic: nginx, {RELOADS} reloads, {kind}: {users.seen.failed} of {len(users.seen.began)} lost {dict(users.seen.reasons)}")
    finally:
        web.close()
