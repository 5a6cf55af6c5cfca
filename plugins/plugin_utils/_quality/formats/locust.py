# SPDX-License-Identifier: GPL-3.0-or-later
"""Locust: the statistics as CSV (--csv, <prefix>_stats.csv) and as JSON (--json, --json-file)."""

from __future__ import annotations

import csv
import io
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import figures, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.figures import Figure
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAMES = ("locust_csv", "locust_json")
_HEAD = "Type,Name,Request Count,Failure Count,"


def sniff(doc: Document) -> str:
    if doc.syntax == "text":
        return "locust_csv" if doc.value.startswith(_HEAD) else ""
    entries = doc.value if doc.syntax == "json" and isinstance(doc.value, list) else []
    return "locust_json" if entries and all(isinstance(one, dict) and "num_requests" in one and "response_times" in one for one in entries) else ""


def read(doc: Document, name: str) -> list[Reading]:
    return [_csv(doc) if name == "locust_csv" else _json(doc)]


def _csv(doc: Document) -> Reading:
    rows = csv.DictReader(io.StringIO(doc.value))
    found: dict[str, Figure] = {}
    total: dict[str, Any] | None = None
    try:
        for row in rows:
            place = f"line {rows.line_num}"
            if None in row or any(row.get(key) is None for key in ("Name", "Request Count", "Failure Count", "50%", "95%", "Requests/s")):
                doc.refuse(place, found="a row with other columns than its head", allowed="the statistics of Locust 2 (<prefix>_stats.csv)")
            if row["Name"] == "Aggregated" and not row["Type"]:
                total = row
            label = "all" if row is total else f"{row['Type']} {row['Name']}".strip()
            if row["95%"] != "N/A":
                found[f"{label} p50"] = _time(take.number(doc, row["50%"], f"{place}, 50%"))
                found[f"{label} p95"] = _time(take.number(doc, row["95%"], f"{place}, 95%"))
    except csv.Error as exc:
        doc.refuse(f"line {rows.line_num}", found=f"a broken row ({exc})", allowed="CSV")
    if total is None:
        doc.refuse("", found="no row Aggregated", allowed="the statistics of Locust 2 (<prefix>_stats.csv)", next_step="write the report again; it is cut off")
    place = "the row Aggregated"
    requests = take.whole(doc, total["Request Count"], f"{place}, Request Count")
    failed = take.whole(doc, total["Failure Count"], f"{place}, Failure Count")
    if requests:
        found["all requests per second"] = figures.higher(take.number(doc, total["Requests/s"], f"{place}, Requests/s"), "1/s")
        found["all failed"] = figures.share(failed, requests)
    return figures.reading(doc, found, tool="Locust", requests=requests, failed=failed)


def _json(doc: Document) -> Reading:
    found: dict[str, Figure] = {}
    every: dict[float, int] = {}
    requests = failed = 0
    starts, ends = [], []
    for place, entry in take.mappings(doc, doc.value, ""):
        label = f"{take.text(doc, entry.get('method'), f'{place}.method', optional=True)} {take.text(doc, entry.get('name'), f'{place}.name')}".strip()
        times = take.mapping(doc, entry.get("response_times"), f"{place}.response_times")
        here = {take.number(doc, key, f"{place}.response_times"): take.whole(doc, value, f"{place}.response_times.{key[:20]}") for key, value in times.items()}
        requests += take.whole(doc, entry.get("num_requests"), f"{place}.num_requests")
        failed += take.whole(doc, entry.get("num_failures"), f"{place}.num_failures")
        starts.append(take.number(doc, entry.get("start_time"), f"{place}.start_time"))
        ends.append(take.number(doc, entry.get("last_request_timestamp") or 0, f"{place}.last_request_timestamp"))
        for milliseconds, count in here.items():
            every[milliseconds] = every.get(milliseconds, 0) + count
        found |= _figures(label, here)
    found |= _figures("all", every)
    if requests:
        found["all failed"] = figures.share(failed, requests)
        if max(ends) > min(starts):
            found["all requests per second"] = figures.higher(requests / (max(ends) - min(starts)), "1/s")
    made_at = take.epoch(doc, min(starts), "start_time") if starts else None
    return figures.reading(doc, found, tool="Locust", made_at=made_at, requests=requests, failed=failed)


def _figures(label: str, counts: dict[float, int]) -> dict[str, Figure]:
    total = sum(counts.values())
    if not total:
        return {}
    return {f"{label} p50": _time(_quantile(counts, total, 0.5)), f"{label} p95": _time(_quantile(counts, total, 0.95))}


def _time(milliseconds: float) -> Figure:
    """Locust keeps times below 100 ms to 1, below 1000 to 10, above to 100 ms."""
    return figures.lower(milliseconds, "ms", resolution=1.0 if milliseconds < 100 else 10.0 if milliseconds < 1000 else 100.0)


def _quantile(counts: dict[float, int], total: int, q: float) -> float:
    seen = 0
    for milliseconds in sorted(counts):
        seen += counts[milliseconds]
        if seen >= q * total:
            return milliseconds
    return max(counts)
