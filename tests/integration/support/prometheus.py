# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Prometheus with a history that a test writes."""

from __future__ import annotations

import subprocess
import time
import urllib.request

from ansible_collections.evenkeel.release.tests.integration.probe.debian import environment, unpacked

from .process import Server, free_port, server_folder


class Prometheus:
    """`history` is OpenMetrics; `scrapes` is the text of the configuration."""

    def __init__(self, history: str = "", *, scrapes: str = "scrape_configs: []\n") -> None:
        root = unpacked("prometheus")
        folder, port = server_folder("prometheus"), free_port()
        if history:
            (folder / "history.om").write_text(history)
            argv = [root / "usr/bin/promtool", "tsdb", "create-blocks-from", "openmetrics", "history.om", "data"]
            subprocess.run(argv, cwd=folder, check=True, capture_output=True, env=environment(root))
        (folder / "prometheus.yml").write_text(scrapes)
        command = [str(root / "usr/bin/prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--storage.tsdb.retention.time=100y"]
        self.url = f"http://127.0.0.1:{port}"
        self._server = Server([*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], folder=folder, env=environment(root))
        self._server.wait_until(self._ready)
        self.since = time.time()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        self._server.stop()
