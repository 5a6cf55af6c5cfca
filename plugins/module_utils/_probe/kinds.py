# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of probes: one row per type.

What speaks a protocol is loaded when its kind is asked for: a module travels to its host as source text, which is compiled there each time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec


def _no_faults(_spec: Spec) -> list[str]:
    return []


def _nothing(_spec: Spec) -> dict[str, Any]:
    return {}


class Kind(NamedTuple):
    sample: Callable[[Spec], Sample]
    expect: list[dict[str, Any]]  # what a good sample is unless the probe says otherwise
    metrics: tuple[str, ...]
    options: frozenset[str]  # beside COMMON_OPTIONS
    tls: bool = False
    port: Optional[int] = None  # when the probe names none
    schemes: tuple[str, ...] = ()  # of the URL that it takes instead of host and port
    families: tuple[str, ...] = ()  # of metrics whose names the service chooses
    named: str = ""  # option that tells what is asked of the endpoint, for reports
    defaults: Mapping[str, Any] = {}
    faults: Callable[[Spec], list[str]] = _no_faults
    fill: Callable[[Spec], dict[str, Any]] = _nothing


COMMON_OPTIONS = frozenset({"name", "type", "samples", "warmup", "interval", "timeout", "expect", "conditions"})
_NETWORK = frozenset({"host", "port", "addresses"})
_TLS = frozenset({"server_name", "validate_certs", "ca_path"})
_TLS_IF = _TLS | {"tls"}
_HTTP = _NETWORK | {"url", "path", "method", "headers", "body"}
_LOGIN = frozenset({"user", "password"})


def _http() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import http

    return Kind(http.sample, http.EXPECT, http.METRICS, _HTTP, port=80, schemes=("http",))


def _https() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import http

    return Kind(http.sample, http.EXPECT, http.METRICS_TLS, _HTTP | _TLS, tls=True, port=443, schemes=("https",))


def _tcp() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import tcp

    return Kind(tcp.sample, tcp.EXPECT, tcp.METRICS, _NETWORK)


def _tls() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import tcp

    return Kind(tcp.sample, tcp.EXPECT_TLS, tcp.METRICS_TLS, _NETWORK | _TLS, tls=True, port=443)


def _postgresql() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import postgresql

    return Kind(
        postgresql.sample,
        postgresql.EXPECT,
        postgresql.METRICS,
        _NETWORK | _TLS | _LOGIN | {"database", "sslmode"},
        port=5432,
        defaults={"sslmode": "prefer", "user": "postgres"},
        fill=postgresql.fill,
    )


def _command() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import command

    return Kind(command.sample, command.EXPECT, command.METRICS, frozenset({"command"}))


def _grpc() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import grpc

    return Kind(grpc.sample, grpc.EXPECT, grpc.METRICS, _NETWORK | _TLS_IF | {"service", "headers"}, faults=grpc.faults)


def _dns() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import dns

    return Kind(
        dns.sample,
        dns.EXPECT,
        dns.METRICS,
        _NETWORK | {"query", "record", "transport", "answers"},
        port=53,
        named="query",
        defaults={"record": "A", "transport": "udp"},
        faults=dns.faults,
        fill=dns.fill,
    )


def _redis() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import redis

    return Kind(redis.sample, redis.EXPECT, redis.METRICS, _NETWORK | _TLS_IF | _LOGIN, port=6379, families=redis.FAMILIES)


def _mysql() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import mysql

    return Kind(
        mysql.sample,
        mysql.EXPECT,
        mysql.METRICS,
        _NETWORK | _TLS_IF | _LOGIN | {"database", "query", "get_public_key"},
        port=3306,
        faults=mysql.faults,
    )


def _amqp() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import amqp

    return Kind(
        amqp.sample,
        amqp.EXPECT,
        amqp.METRICS,
        _NETWORK | _TLS_IF | _LOGIN | {"vhost", "queue"},
        port=5672,
        defaults={"vhost": "/"},
        faults=amqp.faults,
        fill=amqp.fill,
    )


def _prometheus() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import prometheus

    return Kind(
        prometheus.sample,
        prometheus.EXPECT,
        prometheus.METRICS,
        _NETWORK | _TLS | {"url", "headers", "query"},
        port=9090,
        schemes=("http", "https"),
        faults=prometheus.faults,
        fill=prometheus.fill,
    )


def _scenario() -> Kind:
    from ansible_collections.evenkeel.release.plugins.module_utils._probe import scenario, scenario_spec

    return Kind(
        scenario.sample,
        scenario.EXPECT,
        scenario.METRICS,
        _NETWORK | _TLS | {"url", "headers", "variables", "secrets", "steps", "cleanup", "cleanup_timeout"},
        schemes=("http", "https"),
        families=("step.",),
        defaults={"timeout": 30.0, "cleanup_timeout": 10.0},
        faults=scenario_spec.faults,
        fill=scenario_spec.fill,
    )


class _Kinds(Mapping[str, Kind]):
    """All of them by name."""

    def __init__(self, rows: Mapping[str, Callable[[], Kind]]) -> None:
        self._rows = rows
        self._known: dict[str, Kind] = {}

    def __getitem__(self, name: str) -> Kind:
        if name not in self._known:
            self._known[name] = self._rows[name]()
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


KINDS: Mapping[str, Kind] = _Kinds(
    {
        "http": _http,
        "https": _https,
        "tcp": _tcp,
        "tls": _tls,
        "postgresql": _postgresql,
        "command": _command,
        "grpc": _grpc,
        "dns": _dns,
        "redis": _redis,
        "mysql": _mysql,
        "amqp": _amqp,
        "prometheus": _prometheus,
        "scenario": _scenario,
    }
)


def uses_tls(spec: Spec) -> bool:
    """Whether a sample is one handshake; a scenario waits for other things much longer."""
    return KINDS[spec["type"]].tls or bool(spec.get("tls"))
