# SPDX-License-Identifier: GPL-3.0-or-later
"""A real HAProxy with the configuration that provision writes, two colours behind it, and users that keep their connections."""

from __future__ import annotations

import http.client
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ansible_collections.evenkeel.release.plugins.module_utils._engines import haproxy as engine
from ansible_collections.evenkeel.release.plugins.module_utils._traffic import haproxy as hp
from ansible_collections.evenkeel.release.plugins.module_utils._traffic.base import TrafficError
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port

POOLS = {"shop": ["shop_blue", "shop_green"]}
BACKEND = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
gate = threading.Event()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/hold":
            gate.wait(25)
        if self.path == "/release":
            gate.set()
        if self.path == "/arm":
            gate.clear()
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *_words):
        pass
ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Colour:
    def __init__(self, name, port):
        self.name, self.port, self.process = name, port, None

    def start(self):
        self.process = subprocess.Popen([sys.executable, "-c", BACKEND, str(self.port), self.name], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tell(self, path):
        """To the server itself, past the balancer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()

    def end(self, number=signal.SIGKILL):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()
            self.process = None


class Scene:
    def __init__(self, binary):
        self.folder = Path(tempfile.mkdtemp(prefix="ekt-", dir="/var/tmp"))
        self.socket, self.map, self.port = str(self.folder / "admin.sock"), str(self.folder / "live.map"), free_port()
        self.blue, self.green = (Colour(name, free_port()) for name in ("blue", "green"))
        Path(self.map).write_text(
            "# which colour is live\n"
            + engine.map_text("", {"shop": ["shop_blue", "shop_green"]})
            + engine.beside_text("", {"shop": ["shop_blue", "shop_green"]})
        )
        servers = {colour.name: [{"name": f"web_{colour.name}", "address": "127.0.0.1", "port": colour.port}] for colour in (self.blue, self.green)}
        application = {"service": "shop", "http": self.port, "preview": free_port(), "check_path": "/", "servers": servers}
        config = engine.render(address="127.0.0.1", socket=self.socket, map_file=self.map, drop="", applications=[application])
        (self.folder / "haproxy.cfg").write_text(config)
        self.binary = str(binary)
        self.balancer = hp.Balancer(self.socket)
        self.driver = hp.Driver(self.socket, self.map)
        self.blue.start()
        self.green.start()
        self.start()

    def start(self):
        self.server = Server([self.binary, "-db", "-f", str(self.folder / "haproxy.cfg")], folder=self.folder)
        self.server.wait_until(lambda: self._answers())
        for colour in ("shop_blue", "shop_green"):
            self.balancer.wait_up(colour, deadline=10)

    def _answers(self):
        try:
            self.balancer.backends()
        except TrafficError:
            return False
        return True

    def restart(self):
        self.server.process.kill()
        self.server.process.wait()
        self.start()

    def get(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def hold(self, count=1):
        """Requests that blue answers when it is told /release; (their threads, their answers with the time each came)."""
        self.blue.tell("/arm")
        answers = []

        def ask():
            try:
                answers.append((self.get("/hold")[0], time.monotonic()))
            except (OSError, http.client.HTTPException):
                answers.append((0, time.monotonic()))

        users = [threading.Thread(target=ask) for _number in range(count)]
        for user in users:
            user.start()
        while self.driver.sessions([("shop_blue", "web_blue")])[0] < count:
            time.sleep(0.01)
        return users, answers

    def live(self):
        return self.balancer.entries(self.map)["shop"]

    def switch(self, colour):
        self.balancer.wait_up(f"shop_{colour}", deadline=10)
        self.driver.switch("shop", f"shop_{colour}")

    def close(self):
        self.blue.end()
        self.green.end()
        self.server.stop()


class Users:
    """Each keeps one connection and asks again at once. A sample is (began, status or 0, body, ended); GET and POST in turn."""

    def __init__(self, scene, count=8):
        self._scene, self._stop = scene, threading.Event()
        self.samples: list[tuple[float, int, str, float]] = []
        self.reconnects = 0
        self._threads = [threading.Thread(target=self._ask) for _number in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        while not self.samples:
            time.sleep(0.01)
        return self

    def __exit__(self, *_exc):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self):
        return [sample for sample in self.samples if sample[1] != 200]

    def _ask(self):
        connection, turn = http.client.HTTPConnection("127.0.0.1", self._scene.port, timeout=10), 0
        while not self._stop.is_set():
            turn += 1
            began = time.monotonic()
            try:
                connection.request("POST" if turn % 2 else "GET", "/")
                answer = connection.getresponse()
                self.samples.append((began, answer.status, answer.read().decode(), time.monotonic()))
                self.reconnects += answer.will_close
            except (OSError, http.client.HTTPException) as exc:
                self.samples.append((began, 0, str(exc), time.monotonic()))
                connection.close()
            time.sleep(0.002)
        connection.close()
