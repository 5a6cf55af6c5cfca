# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in Ansible's workers: finds the broker of this run, or makes itself the one who starts it."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets import wire
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.access import Access
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.faults import Fault, SecretsError, fail
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.run import Run
from ansible_collections.evenkeel.release.plugins.plugin_utils._secrets.terms import Want

PROGRAM = Path(__file__).with_name("broker.py")
# What the daemon needs of the environment: the way through proxies and to authorities, nothing else.
PASSED = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "requests_ca_bundle",
    "curl_ca_bundle",
    "ssl_cert_file",
    "ssl_cert_dir",
    "lang",
    "lc_all",
)
ELECTIONS = 3

Start = Callable[[Run, socket.socket], None]


def ask(run: Run, access: Access, wants: Sequence[Want], *, start: Start | None = None) -> dict[str, Any]:
    """`outcomes`: per want {value, version} or {fault}; `ttl`: seconds the token lives, if known."""
    request = {
        "access": access.to_wire(),
        "wants": [[want.ref.mount, want.ref.path, want.ref.version, want.key] for want in wants],
    }
    for _election in range(ELECTIONS):
        dialled = _dial(run, start or spawn)
        if dialled is None:
            continue
        with dialled as sock:
            try:
                wire.send(sock, request)
                reply: dict[str, Any] = wire.receive(sock)
            except (ConnectionError, OSError):
                continue  # the one who was elected died before it answered
        if "faults" in reply:
            raise SecretsError(Fault(**fault) for fault in reply["faults"])
        return reply
    raise fail(
        "broker",
        f"The secrets broker of this run ended {ELECTIONS} times before it answered. "
        f"Try '{sys.executable} -c \"import hvac\"' and look for a memory or process limit.",
    )


def read_values(run: Run, access: Access, wants: Sequence[Want]) -> list[Any]:
    outcomes = ask(run, access, wants)["outcomes"]
    faults = [Fault(**outcome["fault"]) for outcome in outcomes if "fault" in outcome]
    if faults:
        raise SecretsError(faults)
    return [outcome["value"] for outcome in outcomes]


def _dial(run: Run, start: Start) -> socket.socket | None:
    """None when the broker that was started here is gone before it could be dialled."""
    name, elected = run.socket_name(), False
    while True:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(name)
        except ConnectionRefusedError:
            sock.close()
            if elected:
                return None
            elected = _elect(run, name, start)
            continue
        if not wire.same_user(sock):
            sock.close()
            raise fail(
                "broker",
                f"Another user listens on the socket name of this run ({name[1:].decode()}); it gets nothing from us.",
            )
        return sock


def _elect(run: Run, name: bytes, start: Start) -> bool:
    """Whoever binds the name starts the broker; it can be dialled from that moment on, before the broker is up. False for all others."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            listener.bind(name)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE:
                return False
            raise
        listener.listen(1024)
        start(run, listener)
    return True


def spawn(run: Run, listener: socket.socket) -> None:
    settings = {"pid": run.pid, "started": run.started, "listener": listener.fileno(), "path": sys.path}
    environment = {name: value for name, value in os.environ.items() if name.lower() in PASSED}
    process = subprocess.Popen(
        # -I -S: no user site, no start-up hooks; 6 ms faster, and the search path comes from us.
        [sys.executable, "-I", "-S", str(PROGRAM), json.dumps(settings)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=environment,
        pass_fds=[listener.fileno()],
        start_new_session=True,
    )
    process.wait()  # only its first half: the broker itself is its orphan
