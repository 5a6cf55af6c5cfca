# SPDX-License-Identifier: GPL-3.0-or-later
"""Backends that are faster than what is in front of them: one HAProxy that answers the name of a colour at each port."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port

CONFIG = """\
global
    stats socket %s mode 600
    noreuseport
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
"""
FRONTEND = """
frontend %(name)s
    bind 127.0.0.1:%(port)d
    http-request return status 200 content-type text/plain string "%(letter)s"
"""


class Colours:
    """`names` are answered by their part before the first underscore, such as blue_1: blue."""

    def __init__(self, binary, names):
        self.folder, self.binary = Path(tempfile.mkdtemp(prefix="ekc-", dir="/var/tmp")), str(binary)
        self.ports = {name: free_port() for name in names}
        parts = [FRONTEND % {"name": name, "port": port, "letter": name.partition("_")[0]} for name, port in self.ports.items()]
        (self.folder / "colours.cfg").write_text(CONFIG % (self.folder / "s") + "".join(parts))
        self.start()

    def start(self):
        (self.folder / "s").unlink(missing_ok=True)
        self.server = Server([self.binary, "-db", "-f", str(self.folder / "colours.cfg")], folder=self.folder)
        self.server.wait_until((self.folder / "s").exists)

    def close(self):
        self.server.stop()
