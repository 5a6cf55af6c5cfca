# Copyright: Evenkeel contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`prometheus`: the value of an instant query, to hold conditions against."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode

from ansible_collections.evenkeel.release.plugins.module_utils._probe.http import fetch
from ansible_collections.evenkeel.release.plugins.module_utils._probe.sample import Sample, Spec, Unavailable, Unknown, answered
from ansible_collections.evenkeel.release.plugins.module_utils._probe.transport import Deadline

# A query without a series has no answer: a counter that is missing is not one that is 0.
EXPECT: list[dict[str, Any]] = [{"metric": "series", "op": "ge", "value": 1}]
METRICS = ("connect_ms", "tls_ms", "ttfb_ms", "certificate_days_left", "series", "value", "min", "max")


def faults(spec: Spec) -> list[str]:
    return [] if spec.get("query") else ["query is missing; allowed: an expression of PromQL"]


def fill(spec: Spec) -> dict[str, Any]:
    return {"scheme": spec.get("scheme") or "http", "path": str(spec["path"]).split("?", maxsplit=1)[0].rstrip("/")}


def sample(spec: Spec) -> Sample:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", **(spec.get("headers") or {})}
    body = urlencode({"query": spec["query"], "timeout": f"{max(1, round(spec['timeout'] * 1000))}ms"})
    request = {**spec, "method": "POST", "path": f"{spec['path']}/api/v1/query", "headers": form, "body": body}
    times, answer = fetch(request, Deadline(spec["timeout"]), secure=spec["scheme"] == "https")
    return answered({**times, **values(answer.status, answer.body)})


def values(status: int, body: bytes) -> dict[str, Any]:
    """`value` of a single series or scalar, `min` and `max` of all; series whose value is no number are left out of those."""
    try:
        document = json.loads(body)
        told, data = document["status"], document.get("data") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise Unavailable(f"it answered with the status {status} and not as Prometheus does") from exc
    if told != "success":
        words = f"{document.get('errorType')}: {str(document.get('error'))[:200]}"
        # A query that it can't read says nothing of what was asked about.
        raise (Unknown if document.get("errorType") == "bad_data" else Unavailable)(f"it refused the query: {words}")
    kind, result = data.get("resultType"), data.get("result") or []
    if kind not in ("scalar", "vector"):
        raise Unknown(f"the query gives a {kind}; allowed: a scalar or an instant vector")
    numbers = [float(result[1])] if kind == "scalar" else [float(one["value"][1]) for one in result]
    known = [number for number in numbers if not math.isnan(number)]
    found: dict[str, Any] = {"series": len(numbers)}
    if known:
        found.update({"min": _plain(min(known)), "max": _plain(max(known))})
    if len(numbers) == 1 and known:
        found["value"] = _plain(known[0])
    return found


def _plain(number: float) -> Any:
    """Infinity is no number of JSON; as a text it still compares as one."""
    return number if math.isfinite(number) else f"{number:+}".replace("inf", "Inf")
