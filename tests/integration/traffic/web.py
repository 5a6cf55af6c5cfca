# SPDX-License-Identifier: GPL-3.0-or-later
"""A real nginx with the configuration of docs/how-to/traffic.md."""

from __future__ import annotations

import http.client
import tempfile
from pathlib import Path

from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, is_root

from .colours import Colours

NAMES = ("blue_1", "blue_2", "green_1", "green_2")

CONFIG = """\
daemon off;
worker_processes 2;
%(user)s
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log notice;
events {}
http {
    access_log off;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
    keepalive_requests 1000000;

    map $cookie_evenkeel_shop $shop_key {
        default $cookie_evenkeel_shop;
        "" $request_id;
    }
    include %(folder)s/evenkeel.conf;

    server {
        listen 127.0.0.1:%(port)d;
        if ($shop_closed) {
            return 503;
        }
        error_page 503 @closed;
        location @closed {
            add_header Retry-After $shop_closed always;
            return 503 "being updated";
        }
        location / {
            add_header Set-Cookie "evenkeel_shop=$shop_key; Path=/; HttpOnly";
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://$shop_forced;
        }
    }
}
"""
INCLUDE = """\
# kept as it is
upstream shop_blue {
    server 127.0.0.1:%(blue_1)d; # web1_blue
    server 127.0.0.1:%(blue_2)d; # web2_blue
}
upstream shop_green {
    server 127.0.0.1:%(green_1)d weight=2; # web1_green
    server 127.0.0.1:%(green_2)d; # web2_green
}
split_clients $shop_key $shop_pool {
    * shop_blue;
}
map $http_x_evenkeel_canary $shop_forced {
    default $shop_pool;
    always shop_blue;
    never shop_blue;
}
map $host $shop_closed {
    default 0;
}
"""


class Web:
    def __init__(self, binary, haproxy_bin):
        self.colours = Colours(haproxy_bin, NAMES)
        self.folder = Path(tempfile.mkdtemp(prefix="ekn-", dir="/var/tmp"))
        self.port = free_port()
        self.include, self.pid_file = self.folder / "evenkeel.conf", str(self.folder / "nginx.pid")
        words = {"folder": self.folder, "port": self.port, "user": "user root;" if is_root() else ""}
        (self.folder / "nginx.conf").write_text(CONFIG % words)
        self.first = INCLUDE % self.colours.ports
        self.include.write_text(self.first)
        self.program = [str(binary), "-p", str(self.folder), "-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")]
        self.start()

    @property
    def options(self):
        return {"driver": "nginx", "include": str(self.include), "nginx": self.program, "pid_file": self.pid_file}

    def start(self):
        self.server = Server(self.program, folder=self.folder)
        self.server.wait_until(self._answers)

    def _answers(self):
        try:
            return self.get()[0] in (200, 503)
        except OSError:
            return False

    def get(self, headers=None, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), answer.headers
        finally:
            connection.close()

    def close(self):
        self.server.stop()
        self.colours.close()
