# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of probes: one row per type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.evenkeel.release.plugins.module_utils._probe import command, http, postgresql, tcp
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec


class Kind(NamedTuple):
    sample: Callable[[Spec], Sample]
    expect: list[dict[str, Any]]  # what a good sample is unless the probe says otherwise
    metrics: tuple[str, ...]
    options: frozenset[str]  # beside COMMON_OPTIONS
    tls: bool = False


COMMON_OPTIONS = frozenset({"name", "type", "samples", "warmup", "interval", "timeout", "expect", "conditions"})
_NETWORK = frozenset({"host", "port"})
_TLS = frozenset({"server_name", "validate_certs", "ca_path"})
_HTTP = _NETWORK | {"url", "path", "method", "headers", "body"}

KINDS: Mapping[str, Kind] = {
    "http": Kind(http.sample, http.EXPECT, http.METRICS, frozenset(_HTTP)),
    "https": Kind(http.sample, http.EXPECT, http.METRICS_TLS, frozenset(_HTTP | _TLS), tls=True),
    "tcp": Kind(tcp.sample, tcp.EXPECT, tcp.METRICS, frozenset(_NETWORK)),
    "tls": Kind(tcp.sample, tcp.EXPECT_TLS, tcp.METRICS_TLS, frozenset(_NETWORK | _TLS), tls=True),
    "postgresql": Kind(
        postgresql.sample,
        postgresql.EXPECT,
        postgresql.METRICS,
        frozenset(_NETWORK | _TLS | {"user", "password", "database", "sslmode"}),
    ),
    "command": Kind(command.sample, command.EXPECT, command.METRICS, frozenset({"command"})),
}
