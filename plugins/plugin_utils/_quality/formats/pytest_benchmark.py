# SPDX-License-Identifier: GPL-3.0-or-later
"""pytest-benchmark's JSON: the median of each benchmark, which a slow round hardly moves."""

from __future__ import annotations

from ansible_collections.evenkeel.release.plugins.plugin_utils._quality import figures, take
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.model import Reading, short
from ansible_collections.evenkeel.release.plugins.plugin_utils._quality.parse import Document

NAME = "pytest_benchmark"


def sniff(doc: Document) -> bool:
    return doc.syntax == "json" and isinstance(doc.value, dict) and isinstance(doc.value.get("benchmarks"), list) and "machine_info" in doc.value


def read(doc: Document) -> list[Reading]:
    top = take.mapping(doc, doc.value, "")
    found = {}
    for place, one in take.mappings(doc, top.get("benchmarks"), "benchmarks"):
        stats = take.mapping(doc, one.get("stats"), f"{place}.stats")
        name = take.text(doc, one.get("fullname") or one.get("name"), f"{place}.fullname")
        found[f"{short(name)} median"] = figures.lower(take.number(doc, stats.get("median"), f"{place}.stats.median"), "s")
    made_at = take.moment(doc, top["datetime"], "datetime") if top.get("datetime") else None
    return [figures.reading(doc, found, tool="pytest-benchmark", version=short(top.get("version") or ""), made_at=made_at)]
