# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every source; what one of them can't give is a problem of its metric alone, and never a pass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.evenkeel.release.plugins.plugin_utils._judge import (
    clean,
    sources_file,
    sources_haproxy,
    sources_probe,
    sources_prometheus,
)
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.model import JudgeError, Metric, Pair, Series
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.request import metric as read_metric
from ansible_collections.evenkeel.release.plugins.plugin_utils._judge.times import seconds

AT_ONCE = 8
STEP = 15.0  # seconds; Prometheus scrapes four times a minute in most places


def pairs(document: Mapping[str, Any]) -> list[Pair]:
    """Of a document without faults."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda written: _pair(written, document), document["metrics"]))


def _pair(written: Mapping[str, Any], document: Mapping[str, Any]) -> Pair:
    metric = read_metric(written)
    found: dict[str, Series] = {}
    for side in ("canary", "baseline"):
        if side in written:
            try:
                found[side] = series(written[side], metric, document)
            except JudgeError as exc:
                return Pair(metric, problem=f"its {side}: {exc}")
    earlier = {}
    for each in written.get("earlier", []):
        source = {key: value for key, value in each.items() if key != "release"}
        try:
            earlier[str(each["release"])] = series(source, metric, document)
        except JudgeError as exc:
            return Pair(metric, problem=f"its earlier release {each['release']}: {exc}")
    return Pair(metric, found.get("canary"), found.get("baseline"), earlier)


def series(source: Mapping[str, Any], metric: Metric, document: Mapping[str, Any]) -> Series:
    return clean.series(_document(source, metric, document), metric)


def _document(source: Mapping[str, Any], metric: Metric, document: Mapping[str, Any]) -> Mapping[str, Any]:
    if "query" in source:
        window = _window(source, document)
        return sources_prometheus.document(sources_prometheus.Place(**document["prometheus"]), source, metric, window)
    if "file" in source:
        return sources_file.document(source, metric)
    if "probes" in source:
        return sources_probe.document(source, metric)
    return sources_haproxy.document(source, metric) if "haproxy" in source else source


def _window(source: Mapping[str, Any], document: Mapping[str, Any]) -> sources_prometheus.Window:
    both = {**document, **source}
    start, end = seconds(both["start"], "start"), seconds(both["end"], "end")
    return sources_prometheus.Window(start, end, float(both.get("step") or fitting(end - start)))


def fitting(length: float) -> float:
    """Seconds between two points when nobody says: about STEP, and so that the last point is the window's end and its first and last are never the same."""
    steps = min(max(int(length // STEP), 1), sources_prometheus.MOST_POINTS - 1)
    return max(math.floor(length / steps * 1000), 1) / 1000  # Prometheus counts milliseconds
