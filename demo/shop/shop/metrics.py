# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters in the Prometheus text format."""

from __future__ import annotations

import threading
from collections import Counter

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter = Counter()
        self._variants: Counter = Counter()
        self._buckets: Counter = Counter()
        self._seconds = 0.0

    def observe(self, route: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[(route, status)] += 1
            self._seconds += seconds
            for limit in BUCKETS:
                if seconds <= limit:
                    self._buckets[limit] += 1

    def observe_variant(self, flag: str, variant: str, status: int) -> None:
        with self._lock:
            self._variants[(flag, variant, status)] += 1

    def text(self, version: str) -> str:
        with self._lock:
            requests, buckets, seconds = dict(self._requests), dict(self._buckets), self._seconds
            variants = dict(self._variants)
        total = sum(requests.values())
        errors = sum(count for (_route, status), count in requests.items() if status >= 500)
        lines = ["# TYPE shop_info gauge", f'shop_info{{version="{version}"}} 1']
        lines.append("# TYPE shop_requests_total counter")
        lines += [f'shop_requests_total{{route="{route}",status="{status}"}} {count}' for (route, status), count in sorted(requests.items())]
        lines += ["# TYPE shop_errors_total counter", f"shop_errors_total {errors}"]
        lines.append("# TYPE shop_request_seconds histogram")
        lines += [f'shop_request_seconds_bucket{{le="{limit}"}} {buckets.get(limit, 0)}' for limit in BUCKETS]
        lines.append(f'shop_request_seconds_bucket{{le="+Inf"}} {total}')
        lines += [f"shop_request_seconds_sum {seconds:.6f}", f"shop_request_seconds_count {total}"]
        if variants:
            lines.append("# TYPE shop_variant_requests_total counter")
            lines += [
                f'shop_variant_requests_total{{flag="{flag}",variant="{variant}",status="{status}"}} {count}'
                for (flag, variant, status), count in sorted(variants.items())
            ]
        return "\n".join(lines) + "\n"
