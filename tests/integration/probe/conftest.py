# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers that probes ask: real ones, one of each kind per run."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.evenkeel.release.plugins.module_utils._probe.engine import Engine, Plan
from ansible_collections.evenkeel.release.plugins.module_utils._probe.spec import complete
from ansible_collections.evenkeel.release.tests.integration.probe.debian import environment, unpacked
from ansible_collections.evenkeel.release.tests.integration.support.process import Server, free_port, run_as, server_folder
from dnslib import QTYPE, RR, DNSRecord
from dnslib.server import BaseResolver, DNSLogger, DNSServer

PASSWORD = "not-a-secret-of-anyone"

ZONE = """
shop.test.       60 IN A     192.0.2.10
shop.test.       30 IN A     192.0.2.2
shop.test.       60 IN AAAA  2001:db8:0:0:0:0:0:1
www.shop.test.   60 IN CNAME shop.test.
shop.test.       60 IN TXT   "v=spf1 -all"
_http._tcp.shop.test. 60 IN SRV 10 5 8080 web1.shop.test.
shop.test.       60 IN MX    10 mail.shop.test.
big.test.        60 IN TXT   "LONG"
"""


def take(**probe: Any) -> dict[str, Any]:
    """The result of one probe."""
    specs, faults = complete([{"name": "one", "timeout": 20, **probe}])
    assert faults == []
    return Engine(Plan(deadline=30, concurrency=2)).run(specs)[0]


class Certificate(NamedTuple):
    key: Path
    certificate: Path


@pytest.fixture(scope="session")
def certificate() -> Iterator[Certificate]:
    """In a folder of its own, since the accounts of servers cannot reach the one of the tests."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = server_folder("tls")
    found = Certificate(folder / "key.pem", folder / "certificate.pem")
    argv = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    argv += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(found.key), "-out", str(found.certificate)]
    subprocess.run(argv, check=True, capture_output=True, **run_as())  # type: ignore[call-overload]
    yield found
    shutil.rmtree(folder)


def _answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


# gRPC ----------------------------------------------------------------------------------------------------------------


class Grpc:
    def __init__(self, certificate: Certificate) -> None:
        argv = [sys.executable, str(Path(__file__).with_name("grpc_server.py")), str(certificate.key), str(certificate.certificate)]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port, self.secure_port = (int(port) for port in self._process.stdout.readline().split())

    def _ask(self, line: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def set(self, service: str, state: str) -> None:
        assert self._ask(f"{state} {service}") == "set\n"

    def seen(self) -> dict[str, str]:
        """The metadata of the last call."""
        return dict(json.loads(self._ask("SEEN")))

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def grpc_server(certificate: Certificate) -> Iterator[Grpc]:
    server = Grpc(certificate)
    yield server
    server.stop()


# DNS -----------------------------------------------------------------------------------------------------------------


class _Zone(BaseResolver):  # type: ignore[misc]
    def __init__(self, records: list[Any]) -> None:
        self._records = records

    def resolve(self, request: Any, _handler: Any) -> Any:
        reply = request.reply()
        name = request.q.qname
        kind = QTYPE[request.q.qtype]
        named = [record for record in self._records if record.rname == name]
        if not named:
            reply.header.rcode = 3
        for record in named:
            if QTYPE[record.rtype] == "CNAME" and kind != "CNAME":
                reply.add_answer(record)
                named += [one for one in self._records if one.rname == record.rdata.label]
        reply.add_answer(*(record for record in named if QTYPE[record.rtype] == kind))
        return reply


@pytest.fixture(scope="session")
def dns_port() -> Iterator[int]:
    """A server of dnslib, over UDP and TCP on one port."""
    records = RR.fromZone(ZONE.replace('"LONG"', " ".join(f'"{"x" * 250}"' for _part in range(12))))
    logger = DNSLogger("-request,-reply,-truncated,-error,-recv,-send,-data")
    for _attempt in range(5):
        port = free_port()
        try:
            servers = [DNSServer(_Zone(records), address="127.0.0.1", port=port, tcp=tcp, logger=logger) for tcp in (False, True)]
            break
        except OSError:  # the port is free for one of the two only
            continue
    for server in servers:
        server.start_thread()
    assert DNSRecord.question("shop.test").send("127.0.0.1", port, timeout=5)
    yield port
    for server in servers:
        server.stop()


# Redis ---------------------------------------------------------------------------------------------------------------


class Redis(NamedTuple):
    port: int
    secure_port: int
    password: str


def _redis(certificate: Certificate, *words: str) -> tuple[Server, int, int]:
    root = unpacked("redis")
    folder, port, secure = server_folder("redis"), free_port(), free_port()
    tls = ["--tls-port", str(secure), "--tls-cert-file", str(certificate.certificate), "--tls-key-file", str(certificate.key)]
    tls += ["--tls-ca-cert-file", str(certificate.certificate), "--tls-auth-clients", "no"]
    argv = [str(root / "usr/bin/redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *tls, *words]
    server = Server(argv, folder=folder, env=environment(root))
    server.wait_until(lambda: _answers(port))
    return server, port, secure


@pytest.fixture(scope="session")
def redis(certificate: Certificate) -> Iterator[Redis]:
    server, port, secure = _redis(certificate, "--requirepass", PASSWORD, "--repl-diskless-sync-delay", "0")
    yield Redis(port, secure, PASSWORD)
    server.stop()


@pytest.fixture(scope="session")
def redis_replica(certificate: Certificate, redis: Redis) -> Iterator[Redis]:
    server, port, secure = _redis(certificate, "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--replicaof", "127.0.0.1", str(redis.port))
    yield Redis(port, secure, PASSWORD)
    server.stop()


# AMQP ----------------------------------------------------------------------------------------------------------------


class Rabbit(NamedTuple):
    port: int


@pytest.fixture(scope="session")
def rabbit() -> Iterator[Rabbit]:
    root = unpacked("rabbitmq")
    folder, port, epmd_port = server_folder("rabbit"), free_port(), free_port()
    env = {
        **environment(root),
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_NODENAME": "evenkeel@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "db"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RUNNING_UNDER_SYSTEMD": "1",  # the broker instead of a shell that starts it
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+Bd +S 1:1",  # an interrupt ends it
    }
    (epmd,) = root.glob("usr/lib/erlang/erts-*/bin/epmd")
    names = Server([str(epmd), "-address", "127.0.0.1", "-port", str(epmd_port)], folder=server_folder("epmd"), env=env)
    broker = Server([str(root / "usr/lib/rabbitmq/bin/rabbitmq-server")], folder=folder, env=env)
    try:
        broker.wait_until(lambda: "completed with" in broker.log.read_text(errors="replace") and _answers(port), seconds=240)  # a busy host boots it slowly
        yield Rabbit(port)
    finally:
        broker.process.kill()
        broker.stop()
        names.stop()


# Prometheus ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def prometheus_url() -> Iterator[str]:
    """It watches itself, every second."""
    root = unpacked("prometheus")
    folder, port = server_folder("prometheus"), free_port()
    url = f"http://127.0.0.1:{port}"
    targets = f"[{{targets: ['127.0.0.1:{port}']}}]"
    (folder / "prometheus.yml").write_text(f"scrape_configs: [{{job_name: self, scrape_interval: 1s, static_configs: {targets}}}]\n")
    argv = [str(root / "usr/bin/prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    server = Server([*argv, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"], folder=folder, env=environment(root))

    def scraped() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?query=up", timeout=5) as answer:
                return b'"1"' in answer.read()
        except OSError:
            return False

    server.wait_until(scraped)
    yield url
    server.stop()


# What no real server does --------------------------------------------------------------------------------------------


@pytest.fixture
def says() -> Iterator[Any]:
    """A server that says given bytes to whoever connects, and hangs up: `says(data) -> port`."""
    listeners = []

    def start(data: bytes, *, listen_first: int = 0) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def serve() -> None:
            while True:
                try:
                    peer, _address = listener.accept()
                except OSError:
                    return
                with peer:
                    if listen_first:
                        peer.recv(listen_first)
                    peer.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture(scope="session")
def plain_tls(certificate: Certificate) -> Iterator[int]:
    """TLS without any protocol to agree on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _address = listener.accept()
                context.wrap_socket(peer, server_side=True).close()
            except OSError:
                if listener.fileno() < 0:
                    return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()
