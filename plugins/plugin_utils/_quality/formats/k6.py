# SPDX-License-Identifier: GPL-3.0-or-later
"""k6's summary in its three forms: --summary-export (where a threshold that is true was crossed), handleSummary (ok: false), and the machine-readable one
of k6 1.x and later, which lists metrics and no thresholds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import figures, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.figures import Figure
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAME = "k6"
# Parts of http_req_duration, and what depends on the script and not on the service.
_PARTS = (
    "http_req_blocked",
    "http_req_connecting",
    "http_req_looking_up",
    "http_req_receiving",
    "http_req_sending",
    "http_req_tls_handshaking",
    "http_req_waiting",
    "iteration_duration",
    "group_duration",
)


def sniff(doc: Document) -> bool:
    if doc.syntax != "json" or not isinstance(doc.value, dict):
        return False
    if isinstance(doc.value.get("metadata"), dict) and "k6Version" in doc.value["metadata"]:
        return True
    return isinstance(doc.value.get("metrics"), dict) and "root_group" in doc.value


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    metadata = take.mapping(doc, top.get("metadata"), "metadata", optional=True)
    made_at: datetime | None = take.moment(doc, metadata["generatedAt"], "metadata.generatedAt") if "generatedAt" in metadata else None
    breached: list[str] | None = None
    if "results" in top:
        results = take.mapping(doc, top["results"], "results")
        listed = take.mappings(doc, results.get("metrics"), "results.metrics")
        metrics = {take.text(doc, one.get("name"), f"{place}.name"): (place, one) for place, one in listed}
    else:
        known = take.mapping(doc, top.get("metrics"), "metrics")
        metrics = {name: (f"metrics.{name[:60]}", take.mapping(doc, one, f"metrics.{name[:60]}")) for name, one in known.items()}
        breached = [f"{name} {rule}" for name, (place, one) in metrics.items() for rule in _crossed(doc, one, place)]
    found: dict[str, Figure] = {}
    for name, (place, metric) in sorted(metrics.items()):
        if "{" not in name and name not in _PARTS:
            found |= _figures(doc, name, metric, place)
    requests, failed = _requests(doc, metrics)
    return [
        figures.reading(
            doc,
            found,
            tool="k6",
            version=short(metadata.get("k6Version") or ""),
            made_at=made_at,
            requests=requests,
            failed=failed,
            breached=breached,
        )
    ]


def _values(doc: Document, metric: dict[str, Any], place: str) -> dict[str, Any]:
    return take.mapping(doc, metric["values"], f"{place}.values") if "values" in metric else metric


def _figures(doc: Document, name: str, metric: dict[str, Any], place: str) -> dict[str, Figure]:
    values = _values(doc, metric, place)
    if metric.get("contains", "time") == "time" and "med" in values:
        return {f"{name} {key}": figures.lower(take.number(doc, values[key], f"{place}.{key}"), "ms") for key in ("med", "p(95)") if key in values}
    if name == "http_reqs" and "rate" in values:
        return {"http_reqs rate": figures.higher(take.number(doc, values["rate"], f"{place}.rate"), "1/s")}
    if name == "http_req_failed":
        events, of = _rate(doc, values, place)
        return {"http_req_failed": figures.share(events, of)} if of else {}
    return {}


def _rate(doc: Document, values: dict[str, Any], place: str) -> tuple[int, int]:
    """(how often it was true, how often it was asked). Of http_req_failed, `passes` are the requests that failed."""
    if "matches" in values:
        return take.whole(doc, values["matches"], f"{place}.matches"), take.whole(doc, values.get("total"), f"{place}.total")
    events, rest = take.whole(doc, values.get("passes"), f"{place}.passes"), take.whole(doc, values.get("fails"), f"{place}.fails")
    return events, events + rest


def _requests(doc: Document, metrics: dict[str, tuple[str, dict[str, Any]]]) -> tuple[int | None, int]:
    if "http_reqs" not in metrics:
        return None, 0
    place, metric = metrics["http_reqs"]
    requests = take.whole(doc, _values(doc, metric, place).get("count"), f"{place}.count")
    if "http_req_failed" not in metrics:
        return requests, 0
    place, metric = metrics["http_req_failed"]
    return requests, _rate(doc, _values(doc, metric, place), place)[0]


def _crossed(doc: Document, metric: dict[str, Any], place: str) -> list[str]:
    thresholds = take.mapping(doc, metric.get("thresholds"), f"{place}.thresholds", optional=True)
    crossed = []
    for rule, outcome in thresholds.items():
        here = f"{place}.thresholds.{rule[:60]}"
        # One form says that it held, the other that it was crossed.
        bad = not take.flag(doc, outcome.get("ok"), f"{here}.ok") if isinstance(outcome, dict) else take.flag(doc, outcome, here)
        crossed += [rule] if bad else []
    return crossed
