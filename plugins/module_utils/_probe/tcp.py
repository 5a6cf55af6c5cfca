# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`tcp`: something accepts a connection. `tls`: and completes a handshake with a certificate."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.evenkeel.release.plugins.module_utils._probe.certificate import days_left
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline, connect, handshake, milliseconds

EXPECT: list[dict[str, Any]] = []
EXPECT_TLS = [{"metric": "certificate_days_left", "op": "gt", "value": 0}]
METRICS = ("connect_ms",)
METRICS_TLS = ("connect_ms", "tls_ms", "certificate_days_left")


def sample(spec: Spec) -> Sample:
    deadline = Deadline(spec["timeout"])
    start = time.perf_counter()
    sock, connect_ms = connect(spec, deadline)
    with sock:
        metrics: dict[str, Any] = {"connect_ms": connect_ms}
        if spec["type"] == "tls":
            secure, metrics["tls_ms"] = handshake(sock, spec, deadline)
            with secure:
                metrics["certificate_days_left"] = days_left(secure, time.time())
        metrics["total_ms"] = milliseconds(start, time.perf_counter())
    return answered(metrics)
