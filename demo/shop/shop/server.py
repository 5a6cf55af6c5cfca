# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import logging
import signal
import sys
import time
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask

from shop import VERSION
from shop.database import Pool
from shop.settings import Settings
from shop.web import Shop

# After SIGTERM: how long clients on open connections may still ask, and how long running requests may last.
LINGER = 0.5
FINISH = 20.0


class _Task(WSGITask):
    """Asks clients to reconnect elsewhere once the server drains; WSGI forbids applications this header."""

    app: Shop

    def execute(self) -> None:
        if self.app.draining:
            self.request.headers["CONNECTION"] = "close"
        super().execute()


def _poll(server: Any, seconds: float) -> None:
    wasyncore.loop(timeout=seconds, map=server._map, count=1)


def _busy(channel: Any) -> bool:
    return bool(channel.requests or channel.request or channel.total_outbufs_len)


def _drain(server: Any, app: Shop) -> None:
    """waitress's own shutdown drops answers that wait in a buffer, so the loop goes on until they are out."""
    app.draining = True
    linger, finish = time.monotonic() + LINGER, time.monotonic() + FINISH
    while time.monotonic() < linger:
        _poll(server, 0.05)
    server.del_channel()
    server.socket.close()
    while time.monotonic() < finish and any(_busy(channel) for channel in list(server.active_channels.values())):
        _poll(server, 0.05)


def serve(settings: Settings, host: str, port: int) -> None:
    pool = Pool(settings.database, settings.threads)
    app = Shop(settings, pool)
    server = create_server(app, host=host, port=port, threads=settings.threads, ident=None, connection_limit=500, backlog=512)
    task = type("Task", (_Task,), {"app": app})
    server.channel_class = type("Channel", (HTTPChannel,), {"task_class": task})
    # It warns of each request that waits for a thread, which under load is every other one.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    stop: list = []

    def on_signal(number: int, _frame: Any) -> None:
        stop.append(number)
        server.pull_trigger()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    print(f"shop {VERSION} listens on {host}:{port}", file=sys.stderr, flush=True)
    while not stop:
        _poll(server, 1.0)
    _drain(server, app)
    server.task_dispatcher.shutdown()
    pool.close()
    print(f"shop {VERSION} stopped", file=sys.stderr, flush=True)
