# SPDX-License-Identifier: GPL-3.0-or-later
"""A real rsyslog that takes messages by UDP, TCP and TLS and writes what it understood as lines of JSON."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.tests.integration.probe.debian import environment, unpacked

from .process import Server, free_port, server_folder

CONFIGURATION = """
global(workDirectory="{folder}" maxMessageSize="64k" defaultNetstreamDriverCAFile="{folder}/cert.pem"
       defaultNetstreamDriverCertFile="{folder}/cert.pem" defaultNetstreamDriverKeyFile="{folder}/key.pem")
module(load="imudp") module(load="imtcp") module(load="mmpstrucdata")
template(name="line" type="list") {{ property(name="$!") constant(value="\\n") }}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tls}" ruleset="all" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
ruleset(name="all") {{
  action(type="mmpstrucdata")
  set $!host = $hostname; set $!app = $app-name; set $!msgid = $msgid; set $!severity = $syslogseverity-text; set $!facility = $syslogfacility;
  set $!time = $timereported; set $!text = $msg;
  action(type="omfile" file="{folder}/taken" template="line")
}}
"""


class Rsyslog:
    """`ca` is the certificate that its TLS shows, for localhost."""

    def __init__(self) -> None:
        root, self._folder = unpacked("rsyslog"), server_folder("rsyslog")
        self.ports = {name: free_port() for name in ("udp", "tcp", "tls")}
        self.ca = self._folder / "cert.pem"
        make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        subprocess.run([*make, "-keyout", self._folder / "key.pem", "-out", self.ca], check=True, capture_output=True)
        (self._folder / "rsyslog.conf").write_text(CONFIGURATION.format(folder=self._folder, **self.ports))
        modules = next(root.glob("usr/lib/*/rsyslog"))
        argv = [str(root / "usr/sbin/rsyslogd"), "-n", "-f", "rsyslog.conf", "-i", str(self._folder / "pid"), "-M", str(modules)]
        self._server = Server(argv, folder=self._folder, env=environment(root))
        self._server.wait_until(lambda: all(map(_listens, (self.ports["tcp"], self.ports["tls"]))))

    def taken(self, count: int) -> list[dict[str, Any]]:
        """The first so many messages, as soon as they are there."""
        deadline, path = time.monotonic() + 20, Path(self._folder, "taken")
        while True:
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            if len(lines) >= count:
                return [json.loads(line) for line in lines]
            assert time.monotonic() < deadline, f"rsyslog took {len(lines)} messages, {count} were sent: {self._server.log.read_text()}"
            time.sleep(0.05)

    def stop(self) -> None:
        self._server.stop()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
