# SPDX-License-Identifier: GPL-3.0-or-later
"""The configurations of the how-to are ones that the real servers take."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml
from ansible_collections.evenkeel.release.tests.integration.support import nginx
from ansible_collections.evenkeel.release.tests.integration.support.checkout import REPO
from ansible_collections.evenkeel.release.tests.integration.support.process import free_port

TEXT = (REPO / "docs" / "how-to" / "traffic.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def block(begins):
    return next(text for _language, text in BLOCKS if text.startswith(begins))


def test_haproxy(haproxy_bin, tmp_path):
    (tmp_path / "live.map").write_text(block("shop shop_blue"))
    (tmp_path / "back-soon.html").write_text("back soon")
    text = block("global").replace("/etc/haproxy", str(tmp_path)).replace("/run/haproxy", str(tmp_path))
    text = text.replace(":80\n", f"127.0.0.1:{free_port()}\n").replace(":8081", f":{free_port()}")
    head, tail = text.split("\nfrontend", 1)
    defaults = "\ndefaults\n    mode http\n    timeout connect 2s\n    timeout client 5s\n    timeout server 5s\n"
    backends = "".join(f"\nbackend shop_{colour}\n    server web1 127.0.0.1:1\n" for colour in ("blue", "green"))
    (tmp_path / "haproxy.cfg").write_text(f"{head}{defaults}\nfrontend{tail}{backends}")
    done = subprocess.run([haproxy_bin, "-c", "-f", str(tmp_path / "haproxy.cfg")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr


def test_nginx(tmp_path):
    server = block("map $cookie").replace("listen 80", f"listen 127.0.0.1:{free_port()}")
    text = f"pid {tmp_path}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{block('# /etc/nginx')}\n{server}\n}}\n"
    (tmp_path / "nginx.conf").write_text(text)
    argv = [nginx.binary(), "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf", "-t"]
    (tmp_path / "logs").mkdir()
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("text", [text for language, text in BLOCKS if language in ("yaml", "json")])
def test_examples_are_yaml(text):
    assert yaml.safe_load(text)
